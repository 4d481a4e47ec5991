//! What the process asks of the operating system: as many open files as it may have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Connections, segments, database and log files: below this a busy gateway refuses connections.
const OPEN_FILES_WANTED: u64 = 65_536;

/// Raises the soft limit of open files to what is wanted or, failing that, to the hard limit.
pub fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(OPEN_FILES_WANTED, |maximum| maximum.min(OPEN_FILES_WANTED));
    if limit.current.is_none_or(|current| current >= wanted) {
        return;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum }) {
        Ok(()) if wanted < OPEN_FILES_WANTED => {
            tracing::warn!(open_files = wanted, wanted = OPEN_FILES_WANTED, "the limit of open files is low");
        }
        Ok(()) => {}
        Err(error) => tracing::warn!(%error, current = limit.current, "could not raise the limit of open files"),
    }
}
