//! What a database is known to lack, in a file beside it: somebody has told of a command that was acknowledged and is newer than
//! its newest. Kept, because a start that hears of it late has given numbers to commands of its own: after enough such starts the
//! database would look new enough, and what it lacks would be forgotten.

use super::{
    directory::{Directory, remove_if_there},
    error::MetadataError,
    identity::Identity,
};
use crate::types::{CommitSequence, HistoryId};
use serde::{Deserialize, Serialize};
use std::{fs, io::Write, path::Path};

#[derive(Serialize, Deserialize)]
struct Lacking {
    history: HistoryId,
    newest: CommitSequence,
}

/// Durable when it returns.
pub(super) fn note(file: &Path, history: HistoryId, newest: CommitSequence) -> Result<(), MetadataError> {
    let text = serde_json::to_vec(&Lacking { history, newest }).expect("ids and numbers serialise");
    let whole = file.with_extension("new");
    let written = fs::File::create(&whole).and_then(|mut file| {
        file.write_all(&text)?;
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&whole, file)).map_err(MetadataError::io(file))?;
    super::directory::sync_parent(file)
}

/// Fails while the database lacks it. One that has it was put in the place of the other.
pub(super) fn check(directory: &Directory, identity: &Identity) -> Result<(), MetadataError> {
    let file = directory.lacking();
    if !file.exists() {
        return Ok(());
    }
    let text = fs::read(&file).map_err(MetadataError::io(&file))?;
    let told = serde_json::from_slice::<Lacking>(&text);
    let told = told.map_err(|error| MetadataError::Damaged(format!("{}: {error}", file.display())))?;
    if told.history == identity.history && told.newest > identity.committed {
        return Err(MetadataError::Lacking { own: identity.committed, newest: told.newest });
    }
    remove_if_there(&file)?;
    directory.sync()
}
