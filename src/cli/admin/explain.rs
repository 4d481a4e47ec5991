//! `larder admin explain`: where an object's bytes are, why there, and what each node says that it holds.

use super::{Output, print_json};
use crate::{
    admin::{
        client::AdminClient,
        explain::{CopyReport, ExplainReport, ExplainRequest, ExtentReport, VersionReport},
    },
    cli::{
        s3_client::Location,
        table::{print, table},
    },
    types::ByteSize,
};
use anyhow::ensure;
use clap::Args;
use std::process::ExitCode;

/// Show where an object is: versions, extents, groups, nodes, and what each node says that it holds
#[derive(Debug, Args)]
pub struct Explain {
    /// s3://BUCKET/KEY
    object: Location,

    /// Let the nodes read and compare the payloads of a large object too; of one below 64 MiB they always do
    #[arg(long)]
    check: bool,
}

impl Explain {
    pub async fn run(self, client: &AdminClient, output: Output) -> anyhow::Result<ExitCode> {
        ensure!(!self.object.key.is_empty(), "{} names no object; write s3://BUCKET/KEY", self.object);
        let Location { bucket, key } = self.object;
        let request = ExplainRequest { bucket: bucket.as_str().to_owned(), key, check: self.check };
        let report = client.explain(&request).await?;
        match output {
            Output::Json => print_json(&report)?,
            Output::Table => print_report(&report),
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn print_report(report: &ExplainReport) {
    println!("s3://{}/{}", report.bucket, report.key);
    if report.open_uploads > 0 {
        println!("open uploads      {}", report.open_uploads);
    }
    for version in &report.versions {
        print_version(version, report);
    }
    for group in &report.groups {
        println!("\ngroup {} ({}, epoch {}): {}", group.group, group.scheme, group.epoch, group.why);
        let mut rows = table(["NODE", "ZONE", "STATE", "ROLE", "GROUPS", "LAST SCRUB"]);
        for node in &group.nodes {
            let node = node.clone();
            let verified = node.last_verified.unwrap_or_else(|| "never".into());
            rows.add_row([node.name, node.zone, node.standing, node.role, node.groups.to_string(), verified]);
        }
        print(&rows);
    }
    println!("\n{}", how_asked(report));
    if report.is_cut {
        println!("there are more versions or extents than are shown");
    }
}

fn how_asked(report: &ExplainReport) -> String {
    let (asked, all) = (report.chunks_asked, report.chunks);
    let which = match asked == all {
        true => format!("{all} {}", if all == 1 { "chunk" } else { "chunks" }),
        false => format!("{asked} of {all} chunks (an even sample)"),
    };
    match report.payloads_read {
        true => format!("each node was asked just now for {which} and read and compared their payloads"),
        false => format!(
            "each node was asked just now for the tables of {which}: that tells what it has, not whether the payloads are \
             intact; --check lets it read them"
        ),
    }
}

fn print_version(version: &VersionReport, report: &ExplainReport) {
    let latest = if version.is_latest { ", the current one" } else { "" };
    println!("\nversion {}{latest}: commit {}, {}", version.version, version.commit_sequence, version.created);
    if version.is_delete_marker {
        println!("a delete marker");
        return;
    }
    println!("{} bytes ({}), etag {}", version.size, ByteSize(version.size).to_human(), version.etag);
    if let (Some(mode), Some(until)) = (&version.retention_mode, &version.retain_until) {
        println!("retention {mode} until {until}");
    }
    if !version.grants.is_empty() {
        println!("access control list: {}", version.grants.join(", "));
    }
    if version.legal_hold {
        println!("legal hold on");
    }
    if let Some(count) = version.part_count {
        let first: Vec<String> =
            version.parts.iter().map(|part| format!("{} ({})", part.part_number, part.size)).collect();
        let more = if first.len() < count as usize { ", ..." } else { "" };
        println!("{count} parts (bytes): {}{more}", first.join(", "));
    }
    if version.covered < version.size && !report.is_cut {
        println!("DAMAGED: its extents cover only {} bytes; see `larder admin doctor`", version.covered);
    }
    if let Some(copies) = version.copies_min {
        println!("good copies of the chunk that has the fewest: {copies}");
    }
    let mut rows =
        table(["OFFSET", "LENGTH", "BLOB", "AT", "CHUNKS", "GROUP", "NODE", "ROLE", "ANSWER", "REPAIR LIST"]);
    for extent in &version.extents {
        for copy in &extent.copies {
            rows.add_row(row(extent, copy));
        }
    }
    if !version.extents.is_empty() {
        print(&rows);
    }
}

fn row(extent: &ExtentReport, copy: &CopyReport) -> [String; 10] {
    let last = extent.first_chunk + extent.chunk_count.saturating_sub(1);
    [
        extent.offset.to_string(),
        extent.length.to_string(),
        extent.blob.clone(),
        extent.blob_offset.to_string(),
        range(extent.first_chunk, last),
        extent.group.to_string(),
        copy.node.clone(),
        copy.role.clone(),
        answer(copy),
        copy.on_repair_list.clone().unwrap_or_default(),
    ]
}

/// One word where all chunks are alike.
fn answer(copy: &CopyReport) -> String {
    match copy.answers.as_slice() {
        [] => "not asked".into(),
        [all] => all.answer.clone(),
        runs => {
            let run = |run: &crate::admin::explain::ChunkAnswer| {
                format!("{} {}", range(run.first_chunk, run.last_chunk), run.answer)
            };
            runs.iter().map(run).collect::<Vec<_>>().join(", ")
        }
    }
}

fn range(first: u32, last: u32) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}
