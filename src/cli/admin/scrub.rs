//! `larder admin scrub`: what nodes find when they read all that they hold again.

use super::{Output, print_json};
use crate::{
    admin::{ScrubReport, client::AdminClient},
    cli::table::{print, table},
    types::{ByteSize, HumanDuration},
};
use clap::{Args, Subcommand};
use std::process::ExitCode;

/// Let the nodes check everything that they hold, or see how that stands
#[derive(Debug, Args)]
pub struct Scrub {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Begin a pass now, at full pace, on every node that can be reached
    Start,
    /// Show how each node's scrub stands
    Status,
}

impl Scrub {
    pub async fn run(self, client: &AdminClient, output: Output) -> anyhow::Result<ExitCode> {
        let (scrubs, is_order) = match self.verb {
            Verb::Start => (client.begin_scrubs().await?, true),
            Verb::Status => (client.scrubs().await?, false),
        };
        match output {
            Output::Json => print_json(&scrubs)?,
            Output::Table => print_scrubs(&scrubs),
        }
        // An order that not every node took is no success.
        let failed = is_order && scrubs.iter().any(|scrub| !scrub.is_asked());
        Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

fn print_scrubs(scrubs: &[ScrubReport]) {
    let head = ["NODE", "STATE", "CHECKED", "RATE", "LEFT", "FOUND", "QUARANTINED", "LAST FINISHED", "LAST FOUND"];
    let mut rows = table(head);
    for scrub in scrubs {
        let (checked, total) = (ByteSize(scrub.checked_bytes).to_human(), ByteSize(scrub.total_bytes).to_human());
        rows.add_row([
            scrub.node.clone(),
            scrub.state.clone(),
            format!("{checked} of {total}"),
            format!("{}/s", ByteSize(scrub.bytes_per_second).to_human()),
            scrub.seconds_left.map(|seconds| HumanDuration::from_secs(seconds).to_string()).unwrap_or_default(),
            scrub.found.to_string(),
            scrub.quarantined.to_string(),
            scrub.last_finished.clone().unwrap_or_else(|| "never".to_owned()),
            scrub.last_found.to_string(),
        ]);
    }
    print(&rows);
}
