//! Records commands as lines of JSON, so that a test can replay them into an empty database (`replay`).
//!
//! A batch is written before it commits: what is committed is always recorded. A process that was killed between the two
//! leaves lines that never were; the next start cuts them off by the sequence in the database.

use super::{
    command::{Command, CommandRecord},
    error::MetadataError,
};
use crate::types::CommitSequence;
use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Seek, SeekFrom, Write},
    path::Path,
};

pub(super) struct Recorder {
    file: File,
    lines: Vec<u8>,
    /// Length of the file before the batch that was written last.
    before_batch: u64,
}

impl Recorder {
    /// Goes on behind the record of `committed`.
    pub fn open(path: &Path, committed: CommitSequence) -> Result<Self, MetadataError> {
        let io = |error| MetadataError::io(path)(error);
        let mut file = OpenOptions::new().create(true).read(true).write(true).truncate(false).open(path).map_err(io)?;
        let length = committed_length(&file, committed).map_err(io)?;
        file.set_len(length).map_err(io)?;
        file.seek(SeekFrom::End(0)).map_err(io)?;
        Ok(Self { file, lines: Vec::new(), before_batch: length })
    }

    pub fn add(&mut self, sequence: CommitSequence, command: &Command) {
        let record = CommandRecord { format: CommandRecord::FORMAT, sequence, command: command.clone() };
        serde_json::to_writer(&mut self.lines, &record).expect("commands serialise, and a vector takes all bytes");
        self.lines.push(b'\n');
    }

    /// The batch is run again from its beginning.
    pub fn forget_lines(&mut self) {
        self.lines.clear();
    }

    /// Called before the batch commits.
    pub fn write(&mut self) -> std::io::Result<()> {
        self.before_batch = self.file.stream_position()?;
        self.file.write_all(&self.lines)?;
        self.lines.clear();
        Ok(())
    }

    /// The batch was given up, before it was written (`lines` are there) or after.
    pub fn discard(&mut self) -> std::io::Result<()> {
        if self.lines.is_empty() {
            self.file.set_len(self.before_batch)?;
            self.file.seek(SeekFrom::Start(self.before_batch))?;
        }
        self.lines.clear();
        Ok(())
    }
}

/// Length of the lines up to the one of `committed`.
fn committed_length(file: &File, committed: CommitSequence) -> std::io::Result<u64> {
    let (mut length, mut line) = (0, Vec::new());
    let mut reader = BufReader::new(file);
    loop {
        line.clear();
        let read = reader.read_until(b'\n', &mut line)?;
        let record = serde_json::from_slice::<CommandRecord>(&line);
        match record {
            Ok(record) if record.sequence <= committed && line.ends_with(b"\n") => length += read as u64,
            _ => return Ok(length),
        }
    }
}

/// All records of a file. A torn last line is left out.
pub(super) fn read(path: &Path) -> Result<Vec<CommandRecord>, MetadataError> {
    let text = std::fs::read_to_string(path).map_err(MetadataError::io(path))?;
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let parse = |line| {
        serde_json::from_str(line).map_err(|error| MetadataError::Damaged(format!("{}: {error}", path.display())))
    };
    whole.lines().map(parse).collect()
}
