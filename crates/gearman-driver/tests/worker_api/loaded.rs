//! What is found by namespace, and what is declared without macros.

use gearman_driver::prelude::*;
use gearman_driver::{AddedJob, AsyncJobSpec, AsyncMethod};

fn load(namespaces: &[&str], added: Vec<AddedJob>) -> gearman_driver_worker::Loaded {
    let namespaces: Vec<String> = namespaces.iter().map(|&name| name.to_owned()).collect();
    let options = [("GLOBAL".to_owned(), serde_json::Map::from_iter([("model".to_owned(), "x".into())]))];
    gearman_driver_worker::load(gearman_driver_worker::LoadRequest {
        namespaces: &namespaces,
        wanted: Some(&|path: &str| !path.ends_with("::Shapes")),
        server: "localhost:4730",
        worker_options: &options.into(),
        job_runtime_attributes: &std::collections::BTreeMap::new(),
        added,
        may_be_empty: true,
    })
    .unwrap()
}

#[test]
fn registered_workers_are_found_by_namespace() {
    let loaded = load(&["worker_api::image", "worker_api::shapes::Coded"], Vec::new());
    let jobs: Vec<_> =
        loaded.jobs().iter().map(|job| (job.name.as_str(), job.min_processes, job.max_processes)).collect();
    assert_eq!(
        jobs,
        [
            ("foo_bar_both", 1, 1),
            ("foo_bar_neither", 1, 1),
            ("worker_api::image::Image::do_something_else", 2, 15),
            ("worker_api::image::Image::image_worker", 0, 1),
            ("worker_api::image::Image::scale_image", 0, 1),
        ]
    );
    let process = loaded.into_process("worker_api::image::Image::image_worker").unwrap();
    assert_eq!(
        process.process_name("driver").unwrap(),
        "driver (worker_api::image::Image::image_worker)",
        "the hook gets the name that the console shows"
    );
    let functions: Vec<_> = process.functions().iter().map(|function| function.name.as_str()).collect();
    assert_eq!(functions, ["worker_api::image::Image::convert", "worker_api::image::Image::custom"]);
}

/// A worker without macros.
struct Bare(u8);

impl Worker for Bare {}

#[test]
fn jobs_can_be_declared_without_macros() {
    let spec = || JobSpec {
        name: "shout".into(),
        min_processes: 0,
        max_processes: 3,
        worker: Box::new(Bare(b'!')),
        methods: vec![Method {
            name: "shout_it".into(),
            body: Box::new(|worker, job, workload| {
                let Some(Bare(mark)) = worker.downcast_ref::<Bare>() else { return Err("not mine".into()) };
                job.send_status(1, 1)?;
                Ok([workload, &[*mark]].concat())
            }),
            decode: None,
            encode: Some(Box::new(|_, result| Ok(result.to_ascii_uppercase()))),
        }],
    };
    let loaded = load(&[], vec![spec().into(), spec().prefixed().into()]);
    let names: Vec<_> = loaded.jobs().iter().map(|job| job.name.as_str()).collect();
    assert_eq!(names, ["shout", "worker_api::loaded::Bare::shout"]);
    assert_eq!(loaded.jobs()[1].functions[0].name, "worker_api::loaded::Bare::shout_it");
    assert_eq!((loaded.jobs()[0].min_processes, loaded.jobs()[0].max_processes), (0, 3));
}

#[test]
fn asynchronous_jobs_can_be_declared_without_macros() {
    let spec = AsyncJobSpec {
        name: "shout".into(),
        min_processes: 0,
        max_processes: 1,
        concurrency: 8,
        worker: Box::new(Bare(b'!')),
        methods: vec![AsyncMethod {
            name: "shout_it".into(),
            body: Box::new(|worker, job, workload| {
                Box::pin(async move {
                    let Bare(mark) = worker.downcast_ref().ok_or("not mine")?;
                    job.send_status(1, 1)?;
                    tokio::task::yield_now().await;
                    Ok([workload, &[*mark]].concat())
                })
            }),
            decode: None,
            encode: Some(Box::new(|_, result| Ok(result.to_ascii_uppercase()))),
        }],
    };
    let loaded = load(&[], vec![spec.prefixed().into()]);
    assert_eq!(loaded.jobs()[0].name, "worker_api::loaded::Bare::shout");
    assert_eq!(loaded.jobs()[0].functions[0].name, "worker_api::loaded::Bare::shout_it");
    assert_eq!(loaded.jobs()[0].concurrency, Some(8));
}

#[test]
fn limits_of_asynchronous_jobs_are_loaded() {
    let loaded = load(&["worker_api::asynchronous::Asynchronous"], Vec::new());
    let of = |name: &str| {
        let job = loaded.jobs().iter().find(|job| job.name.ends_with(name)).unwrap();
        (job.concurrency, job.limits.max_idle_time)
    };
    assert_eq!(of("::both"), (Some(32), Some(std::time::Duration::from_secs(300))));
    assert_eq!(of("::nothing"), (Some(1), None));
    assert_eq!(of("::plain"), (Some(1), None), "a runtime for process_start, in all processes of the worker");
    let loaded = load(&["worker_api::callers::Adder", "worker_api::shapes::Coded"], Vec::new());
    let concurrency: Vec<_> = loaded.jobs().iter().map(|job| job.concurrency).collect();
    assert_eq!(concurrency, [None, None, Some(1), Some(1), Some(1)]);
}
