//! `larder admin jobs`: the background tasks and how they fare.

use super::{Output, print_json};
use crate::{
    admin::{JobOrder, JobReport, client::AdminClient},
    app,
    cli::table::{print, table},
    config::Settings,
    types::ByteSize,
};
use clap::{Args, Subcommand};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

/// List the background tasks, or let one rest
#[derive(Debug, Args)]
pub struct Jobs {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Let a task rest until it is resumed, also after a restart of the gateway
    Pause {
        name: String,

        /// Note it in a gateway's data directory that no process uses, instead of asking one: release-contents and delete-blobs alone
        #[arg(long, value_name = "DATA")]
        offline: Option<PathBuf>,
    },
    /// Let it go on
    Resume { name: String },
}

impl Jobs {
    /// What is to be done without a gateway: the task that is to rest, and where.
    pub fn offline(&self) -> Option<(&str, &Path)> {
        match &self.verb {
            Some(Verb::Pause { name, offline: Some(data) }) => Some((name, data)),
            _ => None,
        }
    }

    pub async fn run(self, client: &AdminClient, output: Output) -> anyhow::Result<ExitCode> {
        match self.verb {
            Some(Verb::Pause { name, .. }) => client.order_job(&name, JobOrder::Pause).await?,
            Some(Verb::Resume { name }) => client.order_job(&name, JobOrder::Resume).await?,
            None => {}
        }
        let jobs = client.jobs().await?;
        match output {
            Output::Json => print_json(&jobs)?,
            Output::Table => print_jobs(jobs),
        }
        Ok(ExitCode::SUCCESS)
    }
}

pub async fn pause_offline(name: &str, data: &Path, settings: &Settings) -> anyhow::Result<ExitCode> {
    app::pause_offline(data, settings, name).await?;
    println!("{name} rests when the gateway of {} starts, until `larder admin jobs resume {name}`", data.display());
    Ok(ExitCode::SUCCESS)
}

fn print_jobs(jobs: Vec<JobReport>) {
    let mut rows = table(["NAME", "STATE", "DONE", "RATE", "REMAINING", "ENDS IN", "FAILURES", "LAST ERROR"]);
    let waits: Vec<String> = jobs.iter().flat_map(|job| &job.waits).cloned().collect();
    for job in jobs {
        let size = |bytes: f64| ByteSize(bytes as u64).to_human();
        let with_bytes = |count: String, bytes: Option<f64>| match bytes {
            Some(bytes) if bytes > 0.0 => format!("{count} ({})", size(bytes)),
            _ => count,
        };
        let done = job.done.map(|done| with_bytes(done.to_string(), job.done_bytes.map(|bytes| bytes as f64)));
        let rate = job.per_second.map(|rate| with_bytes(format!("{rate:.1}/s"), job.bytes_per_second));
        let ends_in =
            job.ends_in_ms.filter(|_| job.remaining != Some(0)).map(|time| format!("{} s", time.div_ceil(1000)));
        rows.add_row([
            job.name,
            job.state,
            done.unwrap_or_default(),
            rate.unwrap_or_default(),
            job.remaining.map(|remaining| remaining.to_string()).unwrap_or_default(),
            ends_in.unwrap_or_default(),
            job.failures.to_string(),
            job.last_error.unwrap_or_default(),
        ]);
    }
    print(&rows);
    waits.iter().for_each(|wait| println!("{wait}"));
}
