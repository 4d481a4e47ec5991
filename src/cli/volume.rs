//! `larder volume`: a node's volume looked at while the node is off.

use super::table::{print, table};
use crate::{
    app::{Successor, VolumeInspection, VolumeVerification, inspect_volume, verify_volume},
    types::ByteSize,
};
use clap::{Args, Subcommand};
use serde::Serialize;
use std::{path::PathBuf, process::ExitCode};

/// Look into a node's volume while the node is off
#[derive(Debug, Args)]
pub struct Volume {
    /// Print JSON instead of text
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the segments and what they hold
    Inspect {
        /// Directory of the node, or of its volume
        path: PathBuf,
    },
    /// Read every chunk and check it; exit code 1 when any is damaged that was not set aside before
    Verify {
        /// Directory of the node, or of its volume
        path: PathBuf,
    },
}

impl Volume {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            Action::Inspect { path } => {
                let inspection = inspect_volume(&path)?;
                if self.json {
                    print_json(&inspection)?
                } else {
                    print_inspection(&inspection)
                }
                Ok(ExitCode::SUCCESS)
            }
            Action::Verify { path } => {
                let verification = verify_volume(&path)?;
                if self.json {
                    print_json(&verification)?
                } else {
                    print_verification(&verification)
                }
                Ok(if verification.is_intact() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
            }
        }
    }
}

fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}

fn print_inspection(inspection: &VolumeInspection) {
    println!("volume   {}", inspection.volume);
    println!("node     {}", inspection.node);
    println!("cluster  {}", inspection.cluster);
    let mut rows =
        table(["SEGMENT", "CLASS", "STATE", "RECORDS", "ON DISK", "CHUNKS", "TOMBSTONES", "TORN", "DAMAGED", "HINT"]);
    for segment in &inspection.segments {
        rows.add_row([
            segment.file.clone(),
            segment.class.to_owned(),
            segment.state.to_owned(),
            ByteSize(segment.records_end).to_human(),
            ByteSize(segment.allocated).to_human(),
            segment.chunks.to_string(),
            segment.tombstones.to_string(),
            ByteSize(segment.torn_bytes).to_human(),
            segment.damaged.len().to_string(),
            segment.hint.to_owned(),
        ]);
    }
    print(&rows);
    print_unreadable(&inspection.unreadable);
}

fn print_verification(verification: &VolumeVerification) {
    println!("{} chunks with {} were read", verification.chunks, ByteSize(verification.bytes).to_human());
    if verification.torn_bytes > 0 {
        println!("{} at the ends of segments were never acknowledged", ByteSize(verification.torn_bytes).to_human());
    }
    for damaged in &verification.damaged {
        let chunk = damaged.chunk.map_or_else(|| "unknown chunk".to_owned(), |chunk| chunk.to_string());
        println!("DAMAGED: {} at {}: {chunk}", damaged.file, damaged.offset);
    }
    for record in &verification.set_aside {
        let chunk = record.chunk.map_or_else(|| "unknown chunk".to_owned(), |chunk| chunk.to_string());
        let successor = match record.successor {
            Successor::Replaced => "written again since",
            Successor::Dropped => "dropped since",
            Successor::Quarantined => "quarantined: the gateway knows",
        };
        println!("set aside: {} at {}: {chunk}, {successor}", record.file, record.offset);
    }
    print_unreadable(&verification.unreadable);
    println!("{}", if verification.is_intact() { "intact" } else { "NOT intact" });
}

fn print_unreadable(files: &[String]) {
    for file in files {
        println!("UNREADABLE: {file}");
    }
}
