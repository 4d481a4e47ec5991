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
    println!("{}", in_words(verification));
}

/// Where nobody can say what was in the records, the chunks may be there again, or there may have been none.
fn in_words(verification: &VolumeVerification) -> String {
    let is_known = verification.damaged.iter().any(|record| record.chunk.is_some());
    match verification.damaged.len() {
        _ if verification.is_intact() => "intact".to_owned(),
        unknown if unknown > 0 && !is_known && verification.unreadable.is_empty() => format!(
            "NOT intact: whose {unknown} damaged places are can't be told from here, nor whether their chunks were written again since; \
             `larder admin verify` says whether the node lacks any"
        ),
        _ => "NOT intact".to_owned(),
    }
}

fn print_unreadable(files: &[String]) {
    for file in files {
        println!("UNREADABLE: {file}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        app::DamagedRecord,
        types::{BlobId, ChunkKey},
    };

    #[test]
    fn damage_that_may_be_made_up_for_is_told_from_what_is_lost() {
        let damaged = |chunk| DamagedRecord { file: "1".to_owned(), offset: 512, chunk };
        let of = |damaged: Vec<DamagedRecord>, unreadable: Vec<String>| {
            in_words(&VolumeVerification { damaged, unreadable, ..VolumeVerification::default() })
        };
        let known = damaged(Some(ChunkKey { blob: BlobId::from_bytes([1; 16]), index: 0 }));
        assert_eq!(of(Vec::new(), Vec::new()), "intact");
        assert_eq!(of(vec![known.clone()], Vec::new()), "NOT intact");
        assert_eq!(of(vec![known, damaged(None)], Vec::new()), "NOT intact");
        assert_eq!(of(Vec::new(), vec!["2".to_owned()]), "NOT intact");
        assert_eq!(of(vec![damaged(None)], vec!["2".to_owned()]), "NOT intact");
        let told = of(vec![damaged(None), damaged(None)], Vec::new());
        assert!(told.starts_with("NOT intact: whose 2 damaged places are") && told.contains("admin verify"), "{told}");
    }
}
