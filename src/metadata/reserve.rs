//! Room for deletes on a full disk: a ballast file that is given up when the disk fills, so that the log of the commands
//! that free something still finds room.

use super::command::Command;
use rustix::fs::{FallocateFlags, fallocate, statvfs};
use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Says how many bytes are free where the path lies. A test puts its own in the place of the file system's.
pub type FreeSpace = Arc<dyn Fn(&Path) -> io::Result<u64> + Send + Sync>;

pub(super) fn free_space() -> FreeSpace {
    Arc::new(|path| {
        let status = statvfs(path)?;
        Ok(status.f_bavail.saturating_mul(status.f_frsize))
    })
}

/// What may be written now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    Enough,
    /// Everything still, but the log is not to keep what it does not need.
    Little,
    /// Only what frees something, and what the cluster needs to stay itself.
    DeletesOnly,
}

/// With less room than so many reserves the log is kept short: it would take what the rows need.
const LITTLE_RESERVES: u64 = 4;

pub(super) struct Reserve {
    ballast: PathBuf,
    size: u64,
    free_space: FreeSpace,
    is_held: bool,
}

impl fmt::Debug for Reserve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reserve").field("size", &self.size).field("is_held", &self.is_held).finish_non_exhaustive()
    }
}

impl Reserve {
    pub fn new(ballast: PathBuf, size: u64, free_space: FreeSpace) -> Self {
        let is_held = fs::metadata(&ballast).is_ok_and(|file| file.len() == size);
        Self { ballast, size, free_space, is_held }
    }

    /// Called before each batch: one look at the file system, about a microsecond. `reusable` is what the database has
    /// inside: emptied pages take new rows, and only the log still needs the disk. With less than `size` of both, or half
    /// of it on the disk, the ballast goes. It comes back when both are left beside it, so that its own size does not make it
    /// flap.
    pub fn check(&mut self, reusable: u64) -> Room {
        let free = match (self.free_space)(&self.ballast.with_file_name("")) {
            Ok(free) => free,
            // Unknown: let the database say whether it has room.
            Err(_) => return Room::Enough,
        };
        let beside_ballast = if self.is_held { Some(free) } else { free.checked_sub(self.size) };
        let is_enough =
            beside_ballast.is_some_and(|free| free >= self.size / 2 && free.saturating_add(reusable) >= self.size);
        match (is_enough, self.is_held) {
            (true, false) => self.hold(),
            (false, true) => {
                tracing::warn!(
                    free,
                    reserve = self.size,
                    "the disk of the metadata is full: only deletes are carried out"
                );
                self.give_up();
            }
            (true, true) | (false, false) => {}
        }
        match is_enough {
            false => Room::DeletesOnly,
            true if free < self.size.saturating_mul(LITTLE_RESERVES) => Room::Little,
            true => Room::Enough,
        }
    }

    fn give_up(&mut self) {
        if let Err(error) = fs::remove_file(&self.ballast) {
            tracing::warn!(%error, "the ballast file could not be given up");
        }
        self.is_held = false;
    }

    fn hold(&mut self) {
        let held = fs::File::create(&self.ballast)
            .and_then(|file| Ok(fallocate(&file, FallocateFlags::empty(), 0, self.size)?));
        match held {
            Ok(()) => self.is_held = true,
            Err(error) => tracing::warn!(%error, "the ballast file could not be made"),
        }
    }
}

/// Whether the command goes on when the disk is full: it frees room, or is small and keeps the cluster going.
pub(super) fn goes_on_a_full_disk(command: &Command) -> bool {
    match command {
        Command::DeleteBucket { .. }
        | Command::DeleteObject(_)
        | Command::ExpireKey(_)
        | Command::ForgetDueKeys(_)
        | Command::AbortUpload { .. }
        | Command::ForgetCompletedUploads { .. }
        | Command::UnrollDeletedContents { .. }
        | Command::FinishDeletions { .. }
        | Command::BeginTerm { .. }
        | Command::RegisterNode(_)
        | Command::SetNodeState { .. }
        | Command::SetNodeDuty { .. }
        | Command::FinishArrival { .. }
        | Command::ForgetFormerMember { .. }
        | Command::MarkRepaired { .. }
        | Command::SetAccessKeyEnabled { .. }
        | Command::DeleteAccessKey { .. }
        | Command::SaveJobState(_)
        | Command::ConfirmHistory { .. } => true,
        Command::CreateBucket(_)
        | Command::SetBucketTags { .. }
        | Command::SetBucketAcl(_)
        | Command::SetBucketOwnership { .. }
        | Command::SetPublicAccessBlock { .. }
        | Command::SetObjectAcl(_)
        | Command::SetBucketCors { .. }
        | Command::SetBucketVersioning { .. }
        | Command::SetBucketObjectLock { .. }
        | Command::SetBucketLifecycle(_)
        | Command::ScheduleKeys(_)
        | Command::SetBucketWebsite { .. }
        | Command::PutObject(_)
        | Command::AppendObject(_)
        | Command::RenameObject(_)
        | Command::RenamePrefix(_)
        | Command::CopyObject(_)
        | Command::SetObjectTags { .. }
        | Command::SetObjectRetention(_)
        | Command::SetObjectLegalHold(_)
        | Command::CreateUpload(_)
        | Command::PutPart(_)
        | Command::CopyPart(_)
        | Command::CompleteUpload(_)
        | Command::CreateGroups { .. }
        | Command::ReplaceMember(_)
        | Command::NoteArrivalListed { .. }
        | Command::MarkMissing { .. }
        | Command::CreateAccessKey(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn the_ballast_goes_when_the_disk_fills_and_comes_back_when_there_is_room() {
        let folder = tempfile::tempdir().unwrap();
        let free = Arc::new(AtomicU64::new(1 << 30));
        let seen = Arc::clone(&free);
        let ballast = folder.path().join("ballast");
        let mut reserve = Reserve::new(ballast.clone(), 1 << 20, Arc::new(move |_| Ok(seen.load(Ordering::Relaxed))));
        assert_eq!(reserve.check(0), Room::Enough);
        assert_eq!(fs::metadata(&ballast).unwrap().len(), 1 << 20);
        free.store((4 << 20) - 1, Ordering::Relaxed);
        assert_eq!(reserve.check(0), Room::Little);
        free.store((1 << 20) - 1, Ordering::Relaxed);
        assert_eq!(reserve.check(0), Room::DeletesOnly);
        assert!(!ballast.exists());
        free.store((2 << 20) - 1, Ordering::Relaxed);
        assert_eq!(reserve.check(0), Room::DeletesOnly, "what the ballast itself freed is not room");
        free.store(2 << 20, Ordering::Relaxed);
        assert_eq!(reserve.check(0), Room::Little);
        assert!(ballast.exists());
    }

    #[test]
    fn emptied_pages_are_room_as_long_as_the_log_has_some() {
        let folder = tempfile::tempdir().unwrap();
        let free = Arc::new(AtomicU64::new(1 << 20));
        let seen = Arc::clone(&free);
        let ballast = folder.path().join("ballast");
        let mut reserve = Reserve::new(ballast.clone(), 1 << 20, Arc::new(move |_| Ok(seen.load(Ordering::Relaxed))));
        let emptied = 100 << 20;
        assert_eq!(reserve.check(emptied), Room::DeletesOnly, "nothing would be left beside the ballast");
        free.store(3 << 19, Ordering::Relaxed);
        assert_eq!(reserve.check(0), Room::DeletesOnly);
        assert_eq!(reserve.check(emptied), Room::Little);
        assert!(ballast.exists());
        free.store(1 << 19, Ordering::Relaxed);
        assert_eq!(reserve.check(emptied), Room::Little);
        free.store((1 << 19) - 1, Ordering::Relaxed);
        assert_eq!(reserve.check(emptied), Room::DeletesOnly);
        assert!(!ballast.exists());
    }
}
