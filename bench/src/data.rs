//! A worker with much data, and jobs that use it in ways that keep it shared or don't.
//!
//! Five sixths of the data are one block, the rest are small objects, each behind a reference count of
//! its own. Nothing of it is zero, so that the kernel has to keep it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use gearman_driver::prelude::*;

/// The process group that all the jobs are in.
pub(crate) const JOB: &str = "bench::data::Data::data";

const MIB: usize = 1 << 20;
const ROW_BYTES: usize = 236;

/// What a job does with the data: its function, and what the table says.
pub(crate) const USES: [(&str, &str); 6] = [
    ("bench::data::Data::read", "reads all of it"),
    ("bench::data::Data::clone_block", "clones the `Arc` around the whole block"),
    ("bench::data::Data::allocate", "builds 10,000 strings (2 MB), drops them"),
    ("bench::data::Data::count_hits", "adds to a counter in every 100th row"),
    ("bench::data::Data::clone_rows", "clones each row's `Arc`, drops it"),
    ("bench::data::Data::sort_rows", "keeps a sorted list of clones: a cache"),
];

/// One small object.
struct Row {
    hits: AtomicU32,
    text: [u8; ROW_BYTES],
}

/// What is loaded.
struct Layer {
    block: Arc<Vec<u8>>,
    rows: Vec<Arc<Row>>,
}

impl Layer {
    fn load(mebibytes: usize) -> Self {
        let bytes = mebibytes * MIB;
        let per_row = size_of::<Row>() + 2 * size_of::<usize>();
        // An odd multiplier: neither zero nor the same all over.
        let text = |at: usize| (at.wrapping_mul(2_654_435_761) >> 16) as u8 | 1;
        Self {
            block: Arc::new((0..bytes / 6 * 5).map(text).collect()),
            rows: (0..bytes / 6 / per_row)
                .map(|at| Arc::new(Row { hits: AtomicU32::new(1), text: [text(at); ROW_BYTES] }))
                .collect(),
        }
    }
}

/// The worker.
pub(crate) struct Data {
    layer: Arc<Layer>,
    /// MiB that each process has to load.
    missing: Option<usize>,
    cache: std::cell::RefCell<Vec<Arc<Row>>>,
}

#[worker]
impl Data {
    fn new(options: &WorkerOptions) -> Result<Self, Error> {
        let mebibytes = options.get("mebibytes")?;
        let in_each = options.get("in_each")?;
        let layer = options.shared(|| Ok::<_, Error>(Layer::load(if in_each { 0 } else { mebibytes })))?;
        Ok(Self { layer, missing: in_each.then_some(mebibytes), cache: Vec::new().into() })
    }

    fn process_start(&mut self) {
        if let Some(mebibytes) = self.missing {
            self.layer = Arc::new(Layer::load(mebibytes));
        }
    }

    #[job(process_group = "data")]
    fn read(&self, workload: &[u8]) -> Vec<u8> {
        let block: u64 = self.layer.block.iter().map(|byte| u64::from(*byte)).sum();
        let rows: u64 = self.layer.rows.iter().map(|row| u64::from(row.text[0])).sum();
        std::hint::black_box(block + rows);
        workload.to_vec()
    }

    #[job(process_group = "data")]
    fn clone_block(&self, workload: &[u8]) -> Vec<u8> {
        drop(std::hint::black_box(Arc::clone(&self.layer.block)));
        workload.to_vec()
    }

    #[job(process_group = "data")]
    fn allocate(&self, workload: &[u8]) -> Vec<u8> {
        drop(std::hint::black_box((0..10_000).map(|at| format!("{at:200}")).collect::<Vec<_>>()));
        workload.to_vec()
    }

    #[job(process_group = "data")]
    fn count_hits(&self, workload: &[u8]) -> Vec<u8> {
        for row in self.layer.rows.iter().step_by(100) {
            row.hits.fetch_add(1, Ordering::Relaxed);
        }
        workload.to_vec()
    }

    #[job(process_group = "data")]
    fn clone_rows(&self, workload: &[u8]) -> Vec<u8> {
        for row in &self.layer.rows {
            drop(std::hint::black_box(Arc::clone(row)));
        }
        workload.to_vec()
    }

    #[job(process_group = "data")]
    fn sort_rows(&self, workload: &[u8]) -> Vec<u8> {
        let mut cache = self.cache.borrow_mut();
        cache.clone_from(&self.layer.rows);
        cache.sort_unstable_by_key(|row| row.text[0]);
        workload.to_vec()
    }
}
