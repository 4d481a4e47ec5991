//! Rot: bits of one node's segments flip while it runs, everywhere, again and again.

use larder::runtime::{Random, SeededRandom};
use std::{
    fs::{self, File},
    io::Result,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// One bit in so many bytes, each time: most records of a crowd are hit.
const SPACING: u64 = 2048;
/// What was replaced meanwhile is hit too.
const AGAIN_AFTER: Duration = Duration::from_millis(300);

pub struct Rot {
    stop: CancellationToken,
    at_work: JoinHandle<u64>,
}

impl Rot {
    /// Of the node whose data directory this is.
    pub fn begin(node: PathBuf, random: SeededRandom) -> Self {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let at_work = tokio::spawn(async move {
            let mut flips = 0;
            // At least once.
            loop {
                flips += tokio::task::block_in_place(|| flip_bits(&node.join("node/volume/segments"), &random));
                tokio::select! {
                    () = stopped.cancelled() => return flips,
                    () = tokio::time::sleep(AGAIN_AFTER) => {}
                }
            }
        });
        Self { stop, at_work }
    }

    /// How many bits were flipped.
    pub async fn end(self) -> u64 {
        self.stop.cancel();
        self.at_work.await.expect("rot goes on")
    }
}

fn flip_bits(segments: &Path, random: &SeededRandom) -> u64 {
    let files = fs::read_dir(segments).expect("the node has segments");
    // A file that is made ready may get its name meanwhile, and one that is compacted may go.
    files.filter_map(|file| flip_bits_of(&file.ok()?.path(), random).ok()).sum()
}

/// Where nothing was written yet nothing is to be damaged: a segment is prepared with zeros.
fn flip_bits_of(file: &Path, random: &SeededRandom) -> Result<u64> {
    let file = File::options().read(true).write(true).open(file)?;
    let (mut flips, mut byte) = (0, [0]);
    for start in (0..file.metadata()?.len().saturating_sub(SPACING)).step_by(SPACING as usize) {
        let at = start + random.below(SPACING);
        file.read_exact_at(&mut byte, at)?;
        if byte != [0] {
            file.write_all_at(&[byte[0] ^ 1 << random.below(8)], at)?;
            flips += 1;
        }
    }
    Ok(flips)
}
