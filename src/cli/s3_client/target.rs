//! What a path means as the target of a download: a file that is replaced as a whole, or something that is written into.
//!
//! An open file of this process (`/dev/stdout`, `/dev/fd/3`) can't be replaced: whoever opened it would not see the new
//! file. Opened a second time, a regular file would be written from its beginning, over what is there already.

use anyhow::{Context, bail};
use std::{
    fs::{self, File},
    io::ErrorKind,
    path::{Path, PathBuf},
    process,
};

/// As many as the kernel follows.
const LINKS_MAX: usize = 40;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A regular file, or none yet, at the end of all symbolic links.
    Replaced(PathBuf),
    /// A device, a FIFO, an open file: replacing it by a file would destroy it.
    WrittenInto(PathBuf),
    /// `/dev/stdout`, by whatever name.
    StandardOutput,
}

impl Target {
    pub fn find(path: &Path) -> anyhow::Result<Self> {
        let is_replaceable = match fs::metadata(path) {
            Ok(found) => found.is_file(),
            Err(error) if error.kind() == ErrorKind::NotFound => true,
            Err(error) => return Err(error).with_context(|| format!("cannot write {}", path.display())),
        };
        let mut end = path.to_owned();
        for _ in 0..=LINKS_MAX {
            let place = with_real_parent(&end);
            if is_standard_output(&place) {
                return Ok(Self::StandardOutput);
            }
            if place.starts_with("/proc") {
                return Ok(Self::WrittenInto(path.to_owned()));
            }
            // What is no link, or not there yet, is the end.
            let Ok(next) = fs::read_link(&end) else {
                return Ok(if is_replaceable { Self::Replaced(end) } else { Self::WrittenInto(path.to_owned()) });
            };
            end = end.parent().unwrap_or(Path::new("")).join(next);
        }
        bail!("{} goes through too many symbolic links", path.display())
    }
}

/// Opens what is written into; nothing that a regular file holds is overwritten.
pub fn open_to_write_into(path: &Path) -> anyhow::Result<File> {
    let describe = || format!("cannot write {}", path.display());
    let is_file = fs::metadata(path).with_context(describe)?.is_file();
    // The end of a block device is no place to begin at.
    let opened = if is_file { File::options().append(true).open(path) } else { File::options().write(true).open(path) };
    opened.with_context(describe)
}

/// `/dev/fd` is `/proc/<this process>/fd`; the last part stays as it is, link or not.
fn with_real_parent(path: &Path) -> PathBuf {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (fs::canonicalize(parent), path.file_name()) {
        (Ok(parent), Some(name)) => parent.join(name),
        _ => path.to_owned(),
    }
}

fn is_standard_output(place: &Path) -> bool {
    place.starts_with(format!("/proc/{}", process::id())) && place.ends_with("fd/1")
}

/// A file in the making, in the directory of the one that it becomes. Dropped before that, it is removed.
#[derive(Debug)]
pub struct PartialFile {
    path: PathBuf,
}

impl PartialFile {
    /// In the same directory, so that the last step is a rename.
    pub fn create(target: &Path) -> anyhow::Result<(Self, File)> {
        let name = target.file_name().with_context(|| format!("{} names no file", target.display()))?;
        let path = target.with_file_name(format!(".{}.{}.part", name.to_string_lossy(), process::id()));
        let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok((Self { path }, file))
    }

    pub fn rename(self, target: &Path) -> anyhow::Result<()> {
        fs::rename(&self.path, target).with_context(|| format!("cannot make {}", target.display()))
    }
}

impl Drop for PartialFile {
    /// Best effort: why the download ended is what matters. After the rename there is nothing of that name.
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    use std::{io::Write, os::unix::fs::symlink};

    #[test]
    fn links_lead_to_the_file_that_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::create_dir(at("d")).unwrap();
        fs::write(at("d/file"), "old").unwrap();
        symlink("d/file", at("relative")).unwrap();
        symlink(at("relative"), at("twice")).unwrap();
        symlink("d/none", at("dangling")).unwrap();
        symlink("round", at("round")).unwrap();
        for (name, end) in
            [("d/file", "d/file"), ("relative", "d/file"), ("twice", "d/file"), ("dangling", "d/none"), ("new", "new")]
        {
            assert_eq!(Target::find(&at(name)).unwrap(), Target::Replaced(at(end)), "{name}");
        }
        assert!(Target::find(&at("round")).is_err());
        assert!(Target::find(&at("d/file/below")).is_err());
    }

    #[test]
    fn what_is_no_regular_file_is_written_into() {
        let directory = tempfile::tempdir().unwrap();
        let (fifo, link) = (directory.path().join("fifo"), directory.path().join("link"));
        mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        symlink(&fifo, &link).unwrap();
        let own = File::create(directory.path().join("own")).unwrap();
        let own = PathBuf::from(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&own)));
        let by_another_name = Path::new("/dev/fd").join(own.file_name().unwrap());
        for path in [fifo, link, own, by_another_name, "/dev/null".into()] {
            assert_eq!(Target::find(&path).unwrap(), Target::WrittenInto(path));
        }
    }

    #[test]
    fn standard_output_is_known_by_every_name() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("link");
        symlink("/dev/stdout", &link).unwrap();
        let by_process = PathBuf::from(format!("/proc/{}/fd/1", process::id()));
        for path in ["/dev/stdout".into(), "/dev/fd/1".into(), "/proc/self/fd/1".into(), by_process, link] {
            assert_eq!(Target::find(&path).unwrap(), Target::StandardOutput, "{}", path.display());
        }
        for path in ["/dev/fd/2", "/proc/1/fd/1"] {
            assert_ne!(Target::find(Path::new(path)).ok(), Some(Target::StandardOutput), "{path}");
        }
    }

    #[test]
    fn what_a_file_holds_stays_when_it_is_written_into() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, "old").unwrap();
        open_to_write_into(&path).unwrap().write_all(b" and new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old and new");
        open_to_write_into(Path::new("/dev/null")).unwrap().write_all(b"gone").unwrap();
    }

    #[test]
    fn a_partial_file_lies_beside_its_target_until_it_becomes_it_or_is_dropped() {
        let directory = tempfile::tempdir().unwrap();
        let names =
            || fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
        let target = directory.path().join("y.bin");
        let (partial, _) = PartialFile::create(&target).unwrap();
        assert!(names()[0].to_string_lossy().starts_with(".y.bin."));
        drop(partial);
        assert!(names().is_empty());
        PartialFile::create(&target).unwrap().0.rename(&target).unwrap();
        assert_eq!(names(), ["y.bin"]);
        assert!(PartialFile::create(Path::new("..")).is_err());
    }
}
