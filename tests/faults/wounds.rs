//! What a disk does to a node's files: bits flip, files are cut or vanish, while the node is off or while it runs.

use larder::runtime::{Random, SeededRandom};
use std::{
    fs::{self, File},
    io::{ErrorKind, Result},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wound {
    /// This many bits, anywhere in the segments.
    FlippedBits(u32),
    /// One segment is cut somewhere.
    CutSegment,
    /// One segment is gone.
    GoneSegment,
    /// The hint files of all segments are cut somewhere.
    CutHints,
}

/// Wounds the segments of a node, by the seed as far as the files that it has allow.
pub fn inflict(node: &Path, wound: Wound, seed: u64) -> Result<()> {
    let random = SeededRandom::new(seed);
    let (hints, segments): (Vec<PathBuf>, Vec<PathBuf>) = files_in(&node.join("volume/segments"))?
        .into_iter()
        .partition(|path| path.extension().is_some_and(|end| end == "hint"));
    if segments.is_empty() {
        return Ok(());
    }
    let any_segment = || &segments[random.below(segments.len() as u64) as usize];
    match wound {
        Wound::FlippedBits(count) => (0..count).try_for_each(|_| unless_gone(flip_a_bit(any_segment(), &random))),
        Wound::CutSegment => unless_gone(cut(any_segment(), &random)),
        Wound::GoneSegment => unless_gone(fs::remove_file(any_segment())),
        Wound::CutHints => hints.iter().try_for_each(|hint| unless_gone(cut(hint, &random))),
    }
}

/// A node that runs may have removed the file since it was listed.
fn unless_gone(wounded: Result<()>) -> Result<()> {
    match wounded {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// In an order that the seed can rely on.
fn files_in(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut files = fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<PathBuf>>>()?;
    files.sort();
    Ok(files)
}

fn flip_a_bit(path: &Path, random: &SeededRandom) -> Result<()> {
    let file = File::options().read(true).write(true).open(path)?;
    let length = file.metadata()?.len();
    if length == 0 {
        return Ok(());
    }
    let (mut byte, at) = ([0], random.below(length));
    file.read_exact_at(&mut byte, at)?;
    file.write_all_at(&[byte[0] ^ 1 << random.below(8)], at)
}

fn cut(path: &Path, random: &SeededRandom) -> Result<()> {
    let file = File::options().write(true).open(path)?;
    let length = file.metadata()?.len();
    file.set_len(random.below(length.max(1)))
}
