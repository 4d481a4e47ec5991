//! `larder admin nodes`: every storage node with its state, room and load.

use super::{Output, print_json};
use crate::{
    admin::{NodeReport, client::AdminClient},
    cli::table::{print, table},
    types::ByteSize,
};
use clap::Args;
use std::process::ExitCode;

/// List the storage nodes
#[derive(Debug, Args)]
pub struct Nodes {}

impl Nodes {
    pub async fn run(self, client: &AdminClient, output: Output) -> anyhow::Result<ExitCode> {
        let nodes = client.nodes().await?;
        match output {
            Output::Json => print_json(&nodes)?,
            Output::Table => print_nodes(&nodes),
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn print_nodes(nodes: &[NodeReport]) {
    let mut rows = table([
        "NAME", "STATE", "ZONE", "ADDRESS", "CAPACITY", "USED", "FREE", "LOAD", "CHUNKS", "GROUPS", "INDEX", "HEARD",
        "VOLUME",
    ]);
    for node in nodes {
        let size = |bytes: u64| ByteSize(bytes).to_human();
        rows.add_row([
            node.name.clone(),
            state(node),
            node.zone.clone(),
            node.address.clone().unwrap_or_else(|| "(inside)".into()),
            size(node.capacity),
            size(node.used),
            size(node.free),
            node.load.to_string(),
            node.chunks.to_string(),
            node.groups.to_string(),
            index(node),
            node.last_heartbeat_age_ms.map_or_else(|| "never".into(), |age| format!("{:.1}s ago", age as f64 / 1000.0)),
            node.volumes.join(", "),
        ]);
    }
    print(&rows);
}

fn state(node: &NodeReport) -> String {
    node.reason.as_ref().map_or_else(|| node.state.clone(), |reason| format!("{}: {reason}", node.state))
}

/// Memory of the index, and what that is for each chunk.
fn index(node: &NodeReport) -> String {
    let size = ByteSize(node.index_bytes).to_human();
    match node.chunks {
        0 => size,
        chunks => format!("{size} ({:.1} B/chunk)", node.index_bytes as f64 / chunks as f64),
    }
}
