//! What a job says to its client, and to other jobs.
use gearman_driver::prelude::*;

#[derive(Default)]
pub(crate) struct Clients;

#[worker]
impl Clients {
    #[job]
    fn talk(&self, job: &mut Job, workload: &[u8]) -> Result<Vec<u8>, Error> {
        job.send_status(1, 4)?;
        job.send_data(b"part\0one")?;
        job.send_warning("careful")?;
        job.send_status(4, 4)?;
        Ok(format!("{} {} {}", job.unique(), job.server(), workload.len()).into_bytes())
    }

    #[job]
    fn outer(&self, job: &mut Job, workload: &[u8]) -> Result<Vec<u8>, Error> {
        let inner = job.client().run("workers_farm::clients::Clients::inner", workload)?;
        job.client().submit_background("workers_farm::clients::Clients::noted", workload)?;
        Ok([b"outer ", inner.as_slice()].concat())
    }

    #[job]
    fn inner(&self, workload: &[u8]) -> Result<Vec<u8>, Error> {
        if workload == b"fail" { Err("inner fails on purpose".into()) } else { Ok([b"inner ", workload].concat()) }
    }

    #[job]
    fn noted(&self, workload: &str) {
        crate::trace(&format!("noted {workload}"));
    }
}
