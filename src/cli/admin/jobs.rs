//! `larder admin jobs`: the background tasks and how they fare.

use super::{Output, print_json};
use crate::{
    admin::client::AdminClient,
    cli::table::{print, table},
};
use clap::Args;
use std::process::ExitCode;

/// List the background tasks
#[derive(Debug, Args)]
pub struct Jobs {}

impl Jobs {
    pub async fn run(self, client: &AdminClient, output: Output) -> anyhow::Result<ExitCode> {
        let jobs = client.jobs().await?;
        if output == Output::Json {
            print_json(&jobs)?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut rows = table(["NAME", "STATE", "STEPS", "FAILURES", "LAST ERROR"]);
        for job in jobs {
            let (steps, failures) = (job.steps.to_string(), job.failures.to_string());
            rows.add_row([job.name, job.state, steps, failures, job.last_error.unwrap_or_default()]);
        }
        print(&rows);
        Ok(ExitCode::SUCCESS)
    }
}
