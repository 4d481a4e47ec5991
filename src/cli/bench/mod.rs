//! `larder bench`: how fast any S3 server is, and what an operation costs it.
//!
//! Made to be cheaper than what it measures: one kept-alive HTTP/1.1 connection per worker, signatures with a key made
//! once a day, bodies made once. Every answer is checked; what is wrong counts as an error and never as an operation.
//!
//! A run is a list of cases (operation, size, concurrency). Of each case: `prepare` makes the objects that it needs,
//! `run` measures, `report` prints. At the end everything below the run's prefix is deleted.

mod connection;
mod content;
mod exchange;
mod histogram;
mod options;
mod prepare;
mod process_usage;
mod report;
mod run;
mod signer;
mod target;
mod tls;
mod workload;

pub use options::Bench;

use super::s3_client::block_on;
use anyhow::Context;
use options::Case;
use report::{CaseReport, Format};
use std::{process::ExitCode, sync::Arc};
use target::Target;
use workload::Workload;

impl Bench {
    /// Exit code 1 when an answer was wrong, so that scripts notice.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        self.check()?;
        let target = Arc::new(Target::find(&self)?);
        let store = prepare::Store::open(&self)?;
        block_on(async { store.make_bucket().await })?;

        let mut reports = Vec::new();
        for case in self.cases() {
            match self.run_case(&target, &store, case) {
                Ok(report) => reports.push(report),
                Err(error) => {
                    // What was made goes away even when a case could not run; that it could not is the error to show.
                    let _ = block_on(async { store.clean_up().await });
                    return Err(error);
                }
            }
        }
        report::print(&reports, if self.json { Format::Json } else { Format::Table })?;
        if !self.keep {
            block_on(async { store.clean_up().await })?;
        }
        let failed = reports.iter().any(|report| report.errors > 0);
        Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    fn run_case(&self, target: &Arc<Target>, store: &prepare::Store, case: Case) -> anyhow::Result<CaseReport> {
        let workload = Arc::new(Workload::new(self, case, store.folder()));
        eprintln!("{case}: preparing {} objects", workload.objects_to_prepare());
        let describe = || format!("{case} could not be prepared");
        block_on(async { store.fill(target, &workload).await }).with_context(describe)?;
        let measured = run::measure(self, target, &workload)?;
        Ok(CaseReport::new(case, measured))
    }
}
