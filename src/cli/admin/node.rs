//! `larder admin node`: what an operator wants of a storage node.

use super::{Output, print_json};
use crate::{
    admin::{NodeDuty, NodeReport, client::AdminClient, holdings::HoldingsReport},
    types::ByteSize,
};
use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde::Serialize;
use std::{process::ExitCode, time::Duration};
use tokio::time::Instant;

/// Drain a storage node, take that back, or remove it
#[derive(Debug, Args)]
pub struct Node {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Move everything that the node holds to others, and show how that goes until nothing is left on it
    Drain {
        name: String,
        /// Only say so; it goes on in the background
        #[arg(long)]
        no_wait: bool,
    },
    /// Let the node take data again; what has moved stays where it is
    Undrain { name: String },
    /// Take a node that nothing counts on any more out of the cluster, for good
    Remove { name: String },
}

/// The state of a node that is lost: others take its place.
const FAILED: &str = "failed";
/// Time between two looks at how a drain goes.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// A drain that has not moved for so long gets a word about it.
const STANDSTILL: Duration = Duration::from_secs(30);

impl Node {
    pub async fn run(self, client: &AdminClient, output: Output) -> anyhow::Result<ExitCode> {
        match self.verb {
            Verb::Drain { name, no_wait } => {
                client.set_node_duty(&name, NodeDuty::Draining).await?;
                if no_wait {
                    return say(&find(client, &name).await?, output);
                }
                let report = watch(client, &name, output).await?;
                match report.state.as_str() {
                    FAILED => say_replaced(&report, output),
                    _ => prove_empty(client, report, output).await,
                }
            }
            Verb::Undrain { name } => {
                client.set_node_duty(&name, NodeDuty::Serving).await?;
                say(&find(client, &name).await?, output)
            }
            Verb::Remove { name } => {
                let last = find(client, &name).await?;
                client.set_node_duty(&name, NodeDuty::Removed).await?;
                match output {
                    Output::Json => print_json(&NodeReport { state: "removed".into(), ..last })?,
                    Output::Table => println!("{name} is removed"),
                }
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

async fn find(client: &AdminClient, name: &str) -> anyhow::Result<NodeReport> {
    let nodes = client.nodes().await?;
    nodes.into_iter().find(|node| node.name == name).with_context(|| format!("there is no node {name}"))
}

fn say(report: &NodeReport, output: Output) -> anyhow::Result<ExitCode> {
    match output {
        Output::Json => print_json(report)?,
        Output::Table => println!("{} is {}: {}", report.name, report.state, what_is_left(report)),
    }
    Ok(ExitCode::SUCCESS)
}

/// A lost node is not asked for anything: others have taken its places, from the copies of others.
fn say_replaced(report: &NodeReport, output: Output) -> anyhow::Result<ExitCode> {
    match output {
        Output::Json => print_json(report)?,
        Output::Table => {
            println!(
                "{0} has failed, and no group counts on it any more. `larder admin status` says when all copies are there again; then \
                 `larder admin node remove {0}`",
                report.name
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// How a drain ends, as JSON.
#[derive(Serialize)]
struct Drained {
    #[serde(flatten)]
    report: NodeReport,
    /// What the node listed when it was asked at the end.
    proof: HoldingsReport,
}

/// The node said in its heartbeat that it holds nothing: now its inventory is gone through from begin to end.
async fn prove_empty(client: &AdminClient, report: NodeReport, output: Output) -> anyhow::Result<ExitCode> {
    let proof = client.holdings(&report.name).await?;
    if !proof.is_empty() {
        let HoldingsReport { groups, groups_left, chunks, bytes } = proof;
        let (name, size) = (&report.name, ByteSize(bytes).to_human());
        bail!(
            "{name} is not empty: it lists {chunks} chunks ({size}), is in {groups} groups and left {groups_left}; drain it again"
        );
    }
    match output {
        Output::Json => print_json(&Drained { report, proof })?,
        Output::Table => println!(
            "{} is drained: it was asked and lists no chunk, is in no group, and no group has anything left on it",
            report.name
        ),
    }
    Ok(ExitCode::SUCCESS)
}

fn what_is_left(report: &NodeReport) -> String {
    let live = ByteSize(report.live).to_human();
    format!("{} chunks ({live}) of {} groups, {} of them left", report.chunks, report.all_groups(), report.groups_left)
}

/// Shows each step until the node says itself that it holds nothing, or, of one that is lost, until no group counts on it.
/// Interrupted, the drain goes on all the same.
async fn watch(client: &AdminClient, name: &str, output: Output) -> anyhow::Result<NodeReport> {
    let (began, mut moved_at) = (Instant::now(), Instant::now());
    let first = find(client, name).await?;
    let mut last = first.clone();
    loop {
        let report = find(client, name).await?;
        match report.state.as_str() {
            "drained" => return Ok(report),
            // Full or slow, it drains all the same.
            "draining" | "degraded" | "recovering" => {}
            FAILED if report.groups == 0 => return Ok(report),
            FAILED => {}
            other => {
                bail!("{name} is {other}, which ends the watching; the drain goes on when it is well, or has failed")
            }
        }
        if progress(&report) != progress(&last) {
            moved_at = Instant::now();
            if output == Output::Table {
                println!("{}{}", what_is_left(&report), estimate(&first, &report, began.elapsed()));
            }
        } else if moved_at.elapsed() >= STANDSTILL {
            moved_at = Instant::now();
            let why = report.drain_waits_for.as_deref().unwrap_or_else(|| usual_reason(&report));
            eprintln!("nothing has moved for {} s: {why}", STANDSTILL.as_secs());
        }
        last = report;
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

fn usual_reason(report: &NodeReport) -> &'static str {
    match report.groups {
        0 => {
            "what was deleted meanwhile goes after the grace period, and a copy too many once all members of its group have shown theirs"
        }
        _ => "are there enough other nodes with room?",
    }
}

fn progress(report: &NodeReport) -> (u64, u32, u32) {
    (report.chunks, report.groups, report.groups_left)
}

/// By what has gone since the first look. Half of the work is copying, during which nothing goes: groups that were handed on
/// count for that half.
fn estimate(first: &NodeReport, now: &NodeReport, elapsed: Duration) -> String {
    let part_left = |now: f64, first: f64| if first > 0.0 { (now / first).min(1.0) } else { 0.0 };
    let chunks = part_left(now.chunks as f64, first.chunks as f64);
    let groups = part_left(now.groups.into(), first.groups.into());
    let left = (chunks + groups) / 2.0;
    if !(0.0..0.99).contains(&left) {
        return String::new();
    }
    let seconds = elapsed.as_secs_f64() * left / (1.0 - left);
    format!(", about {} s more", seconds.ceil())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(chunks: u64, groups: u32) -> NodeReport {
        NodeReport { chunks, groups, ..NodeReport::default() }
    }

    #[test]
    fn the_estimate_follows_what_has_gone() {
        let first = report(1000, 64);
        let after = Duration::from_secs(30);
        assert_eq!(estimate(&first, &first, after), "", "nothing to go by yet");
        assert_eq!(estimate(&first, &report(500, 32), after), ", about 30 s more");
        assert_eq!(estimate(&first, &report(1000, 0), after), ", about 30 s more", "all copied, nothing cleared");
        assert_eq!(estimate(&first, &report(0, 0), after), ", about 0 s more");
    }
}
