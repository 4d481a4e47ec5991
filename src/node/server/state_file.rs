//! The file `state` in a node's directory: a line with format, length and checksum, then the state as JSON.
//!
//! ```text
//! larder-node-state 1 <length in bytes> <CRC32C, 8 hexadecimal digits>\n
//! {"term":...}
//! ```
//!
//! It is replaced as a whole: written beside, synced, renamed over the old one, and the directory synced. A file that
//! cannot be read is never taken for a missing one: the node would forget what it must never forget.

use super::node_state::NodeState;
use crate::{
    types::crc32c,
    volume::{Disk, disk::Access},
};
use std::{
    io::{self, IoSlice},
    path::Path,
};

const FILE_NAME: &str = "state";
const TEMPORARY_NAME: &str = "state.new";
const MAGIC: &str = "larder-node-state";
const FORMAT: &str = "1";

/// The bounds of a state's parts make it 8 MB at most.
const LENGTH_MAX_BYTES: u64 = 16 << 20;

/// The state in `directory`; a new one when there is none yet. `InvalidData` when the file is damaged.
pub fn load(disk: &dyn Disk, directory: &Path) -> io::Result<NodeState> {
    let file = match disk.open(&directory.join(FILE_NAME), Access::Read) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(NodeState::default()),
        Err(error) => return Err(error),
    };
    let length = file.status()?.length;
    if length > LENGTH_MAX_BYTES {
        return Err(damaged("it is too long"));
    }
    let mut bytes = Vec::new();
    file.read_at(0, length as usize, &mut bytes)?;
    decode(&bytes)
}

/// Afterwards `state` is what `load` finds, whatever happens to the machine; after an error it may be the old one.
pub fn store(disk: &dyn Disk, directory: &Path, state: &NodeState) -> io::Result<()> {
    let temporary = directory.join(TEMPORARY_NAME);
    match disk.remove(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = disk.create(&temporary)?;
    file.write_vectored_at(0, &[IoSlice::new(&encode(state))])?;
    file.sync_data()?;
    disk.rename(&temporary, &directory.join(FILE_NAME))?;
    disk.sync_dir(directory)
}

fn encode(state: &NodeState) -> Vec<u8> {
    let json = serde_json::to_vec(state).expect("a state has plain keys and no failing serializer");
    let mut bytes = format!("{MAGIC} {FORMAT} {} {:08x}\n", json.len(), crc32c(&json)).into_bytes();
    bytes.extend_from_slice(&json);
    bytes
}

fn decode(bytes: &[u8]) -> io::Result<NodeState> {
    let split = bytes.iter().position(|byte| *byte == b'\n').ok_or_else(|| damaged("it has no first line"))?;
    let (line, json) = (&bytes[..split], &bytes[split + 1..]);
    let line = std::str::from_utf8(line).map_err(|_| damaged("its first line is no text"))?;
    match line.split(' ').collect::<Vec<_>>()[..] {
        [MAGIC, FORMAT, length, checksum] => {
            let is_whole = length == json.len().to_string() && checksum == format!("{:08x}", crc32c(json));
            if !is_whole {
                return Err(damaged("its checksum is wrong"));
            }
        }
        [MAGIC, ..] => return Err(damaged("its format is not known to this version")),
        _ => return Err(damaged("it is no state of a node")),
    }
    serde_json::from_slice(json).map_err(|error| damaged(&error.to_string()))
}

fn damaged(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the file `{FILE_NAME}` is damaged: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        node::api::MetadataWitness,
        types::{CommitSequence, Epoch, GroupId, HistoryId, Term},
        volume::RealDisk,
    };
    use proptest::prelude::*;

    fn state() -> NodeState {
        let mut state = NodeState::default();
        let history = HistoryId::from_bytes([7; 16]);
        let witness = MetadataWitness { history, commit_sequence: CommitSequence(12) };
        state.admit_drop(Term(3), GroupId(5), Epoch(2), witness).unwrap();
        state
    }

    const GOLDEN: &str = "larder-node-state 1 129 3c53c111\n\
        {\"term\":3,\"witness\":{\"history\":\"07070707-0707-0707-0707-070707070707\",\"commit_sequence\":12},\
        \"left_histories\":[],\"epochs\":{\"5\":2}}";

    #[test]
    fn the_first_format_stays_readable() {
        assert_eq!(String::from_utf8(encode(&state())).unwrap(), GOLDEN);
        assert_eq!(decode(GOLDEN.as_bytes()).unwrap(), state());
    }

    #[test]
    fn a_stored_state_is_found_again_and_replaced_as_a_whole() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(load(&RealDisk, directory.path()).unwrap(), NodeState::default());
        store(&RealDisk, directory.path(), &state()).unwrap();
        assert_eq!(load(&RealDisk, directory.path()).unwrap(), state());
        std::fs::write(directory.path().join(TEMPORARY_NAME), "left by a crash").unwrap();
        let mut newer = state();
        newer.admit_term(Term(9)).unwrap();
        store(&RealDisk, directory.path(), &newer).unwrap();
        assert_eq!(load(&RealDisk, directory.path()).unwrap(), newer);
    }

    proptest! {
        #[test]
        fn a_damaged_file_is_never_taken_for_a_state(at in 0..GOLDEN.len(), flip in 1..=255_u8, cut: bool) {
            let mut bytes = GOLDEN.as_bytes().to_vec();
            bytes[at] ^= flip;
            if cut {
                bytes.truncate(at);
            }
            prop_assert!(decode(&bytes).is_err());
        }
    }
}
