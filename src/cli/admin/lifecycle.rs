//! `larder admin lifecycle`: what goes by itself.

use super::{Output, print_json};
use crate::{
    admin::{
        client::AdminClient,
        lifecycle::{LifecyclePreviewReport, LifecyclePreviewRequest},
        what_if::NAMES_MAX,
    },
    cli::table::{print, table},
    types::ByteSize,
};
use clap::{Args, Subcommand};
use std::process::ExitCode;

/// Show what the lifecycle rules of a bucket do
#[derive(Debug, Args)]
pub struct Lifecycle {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show what the enabled rules of a bucket would have go now, and change nothing
    Preview {
        bucket: String,

        /// How many are named
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..=i64::from(NAMES_MAX)))]
        list: u32,
    },
}

impl Lifecycle {
    pub async fn run(self, client: &AdminClient, output: Output) -> anyhow::Result<ExitCode> {
        let Verb::Preview { bucket, list } = self.verb;
        let report = client.preview_lifecycle(&LifecyclePreviewRequest { bucket, list }).await?;
        match output {
            Output::Json => print_json(&report)?,
            Output::Table => print_report(&report),
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn print_report(report: &LifecyclePreviewReport) {
    if report.counts.is_empty() {
        println!("nothing of {} would go now", report.bucket);
        return;
    }
    let mut rows = table(["RULE", "WHAT", "COUNT", "BYTES"]);
    for counted in &report.counts {
        let bytes = ByteSize(counted.bytes).to_human();
        rows.add_row([counted.rule.clone(), counted.kind.clone(), counted.count.to_string(), bytes]);
    }
    print(&rows);
    if report.first.is_empty() {
        return;
    }
    println!("\nwould go now:");
    for going in &report.first {
        let id = going.id.as_ref().map_or_else(String::new, |id| format!(" {id}"));
        let (kind, size) = (&going.kind, ByteSize(going.size).to_human());
        println!("  s3://{}/{}{id} ({kind}, {size}, rule {})", report.bucket, going.key, going.rule);
    }
    let all: u64 = report.counts.iter().map(|counted| counted.count).sum();
    let more = all.saturating_sub(report.first.len() as u64);
    if more > 0 {
        println!("  and {more} more: see --list");
    }
}
