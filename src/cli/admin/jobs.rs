//! `larder admin jobs`: the background tasks and how they fare.

use super::{Output, print_json};
use crate::{
    admin::{JobOrder, JobReport, client::AdminClient},
    cli::table::{print, table},
};
use clap::{Args, Subcommand};
use std::process::ExitCode;

/// List the background tasks, or let one rest
#[derive(Debug, Args)]
pub struct Jobs {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Let a task rest, until it is resumed or the gateway starts again
    Pause { name: String },
    /// Let it go on
    Resume { name: String },
}

impl Jobs {
    pub async fn run(self, client: &AdminClient, output: Output) -> anyhow::Result<ExitCode> {
        match self.verb {
            Some(Verb::Pause { name }) => client.order_job(&name, JobOrder::Pause).await?,
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

fn print_jobs(jobs: Vec<JobReport>) {
    let mut rows = table(["NAME", "STATE", "STEPS", "FAILURES", "LAST ERROR"]);
    for job in jobs {
        let (steps, failures) = (job.steps.to_string(), job.failures.to_string());
        rows.add_row([job.name, job.state, steps, failures, job.last_error.unwrap_or_default()]);
    }
    print(&rows);
}
