//! A batch of commands as it goes into the command log: the form in which metadata outlives its database.

use crate::{
    metadata::{
        command::{Command, CommandRecord},
        error::MetadataError,
    },
    types::CommitSequence,
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// What one transaction carries out, refused commands included: replayed, they are refused again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedBatch {
    /// Sequence of the first command, and of the last.
    pub first: CommitSequence,
    pub last: CommitSequence,
    /// JSON.
    pub bytes: Bytes,
}

#[derive(Serialize)]
struct Written<'a> {
    format: u32,
    commands: Vec<&'a Command>,
}

#[derive(Deserialize)]
struct Read {
    format: u32,
    commands: Vec<Command>,
}

impl LoggedBatch {
    /// Of at least one command, the first of which has the sequence `first`.
    pub(in crate::metadata) fn new<'a>(first: CommitSequence, commands: impl Iterator<Item = &'a Command>) -> Self {
        let written = Written { format: CommandRecord::FORMAT, commands: commands.collect() };
        let last = CommitSequence((first.0 + written.commands.len() as u64).saturating_sub(1));
        let bytes = serde_json::to_vec(&written).expect("commands serialise, and a vector takes all bytes");
        Self { first, last, bytes: bytes.into() }
    }

    /// The commands, each with its sequence.
    pub(in crate::metadata) fn records(&self) -> Result<Vec<CommandRecord>, MetadataError> {
        let damaged = |reason: String| {
            MetadataError::Damaged(format!("commands {} to {} of the log: {reason}", self.first, self.last))
        };
        let read: Read = serde_json::from_slice(&self.bytes).map_err(|error| damaged(error.to_string()))?;
        if read.format != CommandRecord::FORMAT {
            return Err(damaged(format!("they are of format {}, which this release does not know", read.format)));
        }
        if read.commands.len() as u64 != self.last.0 + 1 - self.first.0 {
            return Err(damaged(format!("there are {} of them", read.commands.len())));
        }
        let sequences = (self.first.0..).map(CommitSequence);
        let record = |(sequence, command)| CommandRecord { format: read.format, sequence, command };
        Ok(sequences.zip(read.commands).map(record).collect())
    }
}
