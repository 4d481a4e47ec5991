//! `larder admin status`: whether everything is fully redundant, and if not, why.

use super::{Output, print_json};
use crate::{
    admin::{
        MetadataLogReport, StatusReport,
        client::{AdminClient, ClientError},
    },
    types::{ByteSize, HumanDuration},
};
use clap::Args;
use std::{process::ExitCode, time::Duration};
use tokio::time::Instant;

/// Show how the cluster is; exit code 0 when everything is fully redundant, else 1
#[derive(Debug, Args)]
pub struct Status {
    /// Wait so long for it to become fully redundant
    #[arg(long, value_name = "DURATION")]
    wait_healthy: Option<HumanDuration>,
}

/// Time between two looks while waiting: a status costs the gateway a few queries.
pub const LOOK_INTERVAL: Duration = Duration::from_millis(250);

impl Status {
    /// Until when a gateway that starts is waited for.
    pub fn deadline(&self) -> Instant {
        Instant::now() + self.wait_healthy.map_or(Duration::ZERO, |duration| duration.0)
    }

    pub async fn run(self, client: &AdminClient, output: Output, deadline: Instant) -> anyhow::Result<ExitCode> {
        let report = await_health(client, deadline).await?;
        match output {
            Output::Json => print_json(&report)?,
            Output::Table => print_report(&report),
        }
        Ok(if report.fully_redundant { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// The first report that is well, or the last one before the time is up. A gateway that is not there yet counts as one
/// that is not well.
async fn await_health(client: &AdminClient, deadline: Instant) -> Result<StatusReport, ClientError> {
    loop {
        let report = client.status().await;
        let is_worth_waiting = match &report {
            Ok(report) => !report.fully_redundant,
            Err(ClientError::Unreachable { .. } | ClientError::TimedOut(_)) => true,
            Err(ClientError::Refused { status, .. }) => status.is_server_error(),
            Err(_) => false,
        };
        if !is_worth_waiting || Instant::now() >= deadline {
            return report;
        }
        tokio::time::sleep_until(deadline.min(Instant::now() + LOOK_INTERVAL)).await;
    }
}

fn print_report(report: &StatusReport) {
    let health = if report.fully_redundant { "fully redundant" } else { "NOT fully redundant" };
    println!("health            {health}");
    for concern in &report.concerns {
        println!("                  - {concern}");
    }
    if report.needs_confirmation {
        println!(
            "restored          nothing is reclaimed, and no group changes its members, before `larder admin metadata confirm`"
        );
    }
    for drain in &report.waiting_drains {
        println!("waiting           {drain}");
    }
    for job in &report.paused_jobs {
        println!("paused            {job}: what it would do waits for `larder admin jobs resume {job}`");
    }
    println!("cluster           {} (larder {}, term {})", report.cluster, report.version, report.term);
    let nodes = report.nodes;
    println!("nodes             {} healthy, {} suspect, {} failed", nodes.healthy, nodes.suspect, nodes.failed);
    println!("copies            {}, acknowledged by {}", report.replicas, report.write_acks);
    println!("metadata log      {}", metadata_log(&report.metadata_log));
    println!("buckets           {}", report.buckets);
    println!("data              {} in {} blobs", ByteSize(report.blob_bytes).to_human(), report.blobs);
    println!("open uploads      {}", report.uploads);
    println!("missing copies    {}", report.under_replicated);
    println!("unrecoverable     {} blobs", report.lost_blobs);
    println!("to be deleted     {} blobs", report.deletions);
    println!("commit sequence   {}", report.commit_sequence);
}

fn metadata_log(log: &MetadataLogReport) -> String {
    let MetadataLogReport { standing, nodes, snapshot_sequence, snapshot_bytes, log_bytes, chunks: _ } = log;
    let snapshot = snapshot_sequence.map_or_else(
        || "no snapshot yet".to_owned(),
        |sequence| format!("snapshot of {sequence}, {}", ByteSize(*snapshot_bytes).to_human()),
    );
    match nodes.as_slice() {
        [] => standing.clone(),
        nodes => {
            format!("{standing}, on {} ({snapshot}; {} of changes)", nodes.join(", "), ByteSize(*log_bytes).to_human())
        }
    }
}
