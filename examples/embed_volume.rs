//! A program with a Larder volume inside: append-only, checksummed, durable when `append` says so, recovered after any
//! crash.
//!
//! ```text
//! cargo run --example embed_volume -- ./my-volume
//! ```

use larder::{
    runtime::SystemRandom,
    types::{BLOCK_LENGTH, BlobId, BlockTable, ChunkData, ChunkKey, ClusterId, GroupId, NodeId, Term, crc32c},
    volume::{AppendChunk, RealDisk, Volume, VolumeOwner, VolumeSettings},
};
use std::{env, error::Error, path::PathBuf, sync::Arc, sync::mpsc};

fn main() -> Result<(), Box<dyn Error>> {
    let directory = PathBuf::from(env::args().nth(1).unwrap_or_else(|| "./my-volume".to_owned()));
    std::fs::create_dir_all(&directory)?;
    // A directory belongs to one owner for ever; another one is refused.
    let owner = VolumeOwner { cluster: ClusterId::from_bytes([1; 16]), node: NodeId::from_bytes([1; 16]) };
    let settings = VolumeSettings::default();
    let (volume, report) = Volume::open(Arc::new(RealDisk), &directory, owner, &settings, Arc::new(SystemRandom))?;
    println!("opened with {} chunks", report.chunks);

    // A chunk is written once. Its root proves later that what is read is what was written.
    let key = ChunkKey { blob: BlobId::from_uuid(uuid::Uuid::now_v7()), index: 0 };
    let bytes = b"Bytes for the long winter.".to_vec();
    let length = u32::try_from(bytes.len())?;
    let table = BlockTable::new(bytes.chunks(BLOCK_LENGTH as usize).map(crc32c).collect());
    let root = table.root(key, length);
    let data = ChunkData { pieces: vec![bytes.into()], length, table };

    let (done, durable) = mpsc::channel();
    let chunk = AppendChunk { term: Term(1), group: GroupId(1), key, root, data };
    volume.append(chunk, move |result| {
        // The receiver waits below until this has been called.
        let _ = done.send(result);
    });
    durable.recv()??;
    println!("{key} is durable");

    let slice = volume.read(key, 0, u32::MAX)?;
    assert!(slice.is_intact(key, &root), "the volume gave back other bytes");
    println!("read back: {}", String::from_utf8_lossy(&slice.bytes));

    volume.close()?;
    Ok(())
}
