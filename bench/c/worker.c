/*
 * The C side of the benchmarks: a worker over libgearman that answers each job with its own workload.
 *
 *   worker HOST PORT FUNCTION
 *
 * libgearman's defaults throughout, as its users have them. It runs until a signal ends it.
 */
#include <libgearman/gearman.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* libgearman frees the result. */
static void *echo(gearman_job_st *job, void *context, size_t *result_size, gearman_return_t *outcome)
{
    size_t size = gearman_job_workload_size(job);
    void *result = malloc(size > 0 ? size : 1);

    (void)context;
    if (result == NULL) {
        *result_size = 0;
        *outcome = GEARMAN_WORK_FAIL;
        return NULL;
    }
    if (size > 0) {
        memcpy(result, gearman_job_workload(job), size);
    }
    *result_size = size;
    *outcome = GEARMAN_SUCCESS;
    return result;
}

int main(int argc, char **argv)
{
    gearman_worker_st *worker;
    gearman_return_t outcome;

    if (argc != 4) {
        fprintf(stderr, "usage: worker HOST PORT FUNCTION\n");
        return 2;
    }
    worker = gearman_worker_create(NULL);
    if (worker == NULL) {
        fprintf(stderr, "worker: no memory\n");
        return 1;
    }
    outcome = gearman_worker_add_server(worker, argv[1], (in_port_t)atoi(argv[2]));
    if (gearman_success(outcome)) {
        outcome = gearman_worker_add_function(worker, argv[3], 0, echo, NULL);
    }
    while (gearman_success(outcome)) {
        outcome = gearman_worker_work(worker);
    }
    fprintf(stderr, "worker: %s\n", gearman_worker_error(worker));
    gearman_worker_free(worker);
    return 1;
}
