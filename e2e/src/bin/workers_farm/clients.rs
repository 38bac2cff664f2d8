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

    /// What a child of this process would inherit: variables, held back and ignored signals.
    #[job]
    fn inherited(&self) -> Result<String, Error> {
        let output = std::process::Command::new("/usr/bin/env").output()?;
        let variables = String::from_utf8(output.stdout)?;
        // The values of others are nobody's business.
        let variables = variables.lines().map(|line| match line.split_once('=') {
            Some((name, _)) if name != "GREETING" => name,
            _ => line,
        });
        let status = std::fs::read_to_string("/proc/self/status")?;
        let signals = status.lines().filter(|line| line.starts_with("SigBlk") || line.starts_with("SigIgn"));
        Ok(variables.chain(signals).collect::<Vec<_>>().join("\n"))
    }

    #[job]
    fn noted(&self, workload: &str) {
        crate::trace(&format!("noted {workload}"));
    }
}
