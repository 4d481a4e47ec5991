//! `larder admin verify`: every copy is read and compared with the metadata.

use super::{Output, print_json};
use crate::{
    admin::{
        client::AdminClient,
        verify::{NodeCopies, VerifyReport, VerifyRequest},
    },
    cli::s3_client::Location,
    types::ByteSize,
};
use clap::Args;
use std::{process::ExitCode, time::Duration};

/// Read every copy of every chunk, compare it with the metadata, and have what is wrong repaired
#[derive(Debug, Args)]
pub struct Verify {
    /// s3://BUCKET/PREFIX: only the versions of these keys; everything without it
    scope: Option<Location>,

    /// Only show how the newest verification stands
    #[arg(long, conflicts_with = "scope")]
    last: bool,

    /// Only begin it; it goes on in the background
    #[arg(long, conflicts_with = "last")]
    no_wait: bool,
}

const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// A line of progress comes at most so often.
const LINE_INTERVAL: Duration = Duration::from_secs(2);

impl Verify {
    pub async fn run(self, client: &AdminClient, output: Output) -> anyhow::Result<ExitCode> {
        let report = if self.last {
            client.verification().await?
        } else {
            let (bucket, prefix) = self.scope.map_or((None, String::new()), |scope| {
                let Location { bucket, key } = scope;
                (Some(bucket.to_string()), key)
            });
            let begun = client.begin_verification(&VerifyRequest { bucket, prefix }).await?;
            if self.no_wait { begun } else { watch(client, begun, output).await? }
        };
        match output {
            Output::Json => print_json(&report)?,
            Output::Table => print_report(&report),
        }
        // One that was only begun has not failed.
        let is_good = report.is_good || (self.no_wait && report.finished.is_none());
        Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Until it has finished. Interrupted, it goes on all the same, and the same command watches it again.
async fn watch(client: &AdminClient, begun: VerifyReport, output: Output) -> anyhow::Result<VerifyReport> {
    let (mut report, mut said) = (begun, None);
    let mut said_at = tokio::time::Instant::now();
    let mut paused = Vec::new();
    while report.finished.is_none() {
        let line = progress(&report);
        // Where JSON is wanted the report alone goes to standard output, and comes at the end.
        if output == Output::Json && paused != report.paused {
            report.paused.iter().for_each(|job| eprintln!("{}", how_to_resume(job)));
            paused.clone_from(&report.paused);
        }
        if output == Output::Table
            && said.as_ref() != Some(&line)
            && (said.is_none() || said_at.elapsed() >= LINE_INTERVAL)
        {
            println!("{line}");
            (said, said_at) = (Some(line), tokio::time::Instant::now());
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
        report = client.verification().await?;
    }
    Ok(report)
}

fn how_to_resume(job: &str) -> String {
    format!("waiting: {job} is paused; `larder admin jobs resume {job}` lets it go on")
}

fn progress(report: &VerifyReport) -> String {
    if let Some(job) = report.paused.first() {
        return how_to_resume(job);
    }
    let of = report.blobs_expected.map(|expected| format!(" of {expected}")).unwrap_or_default();
    let bytes = ByteSize(report.bytes).to_human();
    match report.state.as_str() {
        "checking" => format!("checking: {}{of} blobs, {bytes}, {} bad copies", report.blobs, report.bad_copies),
        "repairing" => format!("repairing: {} bad copies left", report.bad_copies_left),
        _ => format!("searching for the objects of {} lost blobs", report.lost_blobs),
    }
}

fn print_report(report: &VerifyReport) {
    println!("verified {}, begun {}: {}", report.scope, report.began, report.state);
    report.paused.iter().for_each(|job| println!("{}", how_to_resume(job)));
    let objects = if report.objects > 0 { format!("{} objects, ", report.objects) } else { String::new() };
    println!("looked at      {objects}{} blobs, {}", report.blobs, ByteSize(report.bytes).to_human());
    println!("intact         {} copies", report.intact_copies);
    println!("bad            {} copies{}", report.bad_copies, on_nodes(&report.bad_nodes));
    println!("repaired       {} copies, {} left", report.repaired_copies, report.bad_copies_left);
    println!("unrecoverable  {} blobs, {} objects", report.lost_blobs, report.lost_objects);
    for lost in &report.named {
        let version = lost.version.as_ref().map(|version| format!(", version {version}")).unwrap_or_default();
        println!("  s3://{}/{}{version} (blob {})", lost.bucket, lost.key, lost.blob);
    }
    if report.lost_objects > report.named.len() as u64 {
        println!("  and {} more", report.lost_objects - report.named.len() as u64);
    }
    if report.lost_blobs > 0 && report.lost_objects == 0 && report.finished.is_some() {
        println!("  only open uploads, or what is being deleted, need them");
    }
    if !report.unasked.is_empty() {
        println!("not asked     {}", on_nodes(&report.unasked));
    }
}

fn on_nodes(nodes: &[NodeCopies]) -> String {
    let each: Vec<String> = nodes.iter().map(|node| format!("{} on {}", node.copies, node.node)).collect();
    if each.is_empty() { String::new() } else { format!(" ({})", each.join(", ")) }
}
