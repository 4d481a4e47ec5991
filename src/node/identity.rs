//! Who a node is: kept in the file `node.json` of its data directory through restarts and changes of address.
//!
//! The node's id is made once. The cluster is written when the node first learned it, and never changes: a directory
//! is not carried from one cluster to another. The port is the one that was free when the node was told to choose one.

use crate::{
    runtime::{Random, make_durable_directory},
    types::{ClusterId, NodeId},
};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

const FILE_NAME: &str = "node.json";
const TEMPORARY_NAME: &str = "node.json.new";

/// An identity is 200 bytes; a file beyond this is something else.
const FILE_LENGTH_MAX_BYTES: u64 = 64 * 1024;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeIdentity {
    pub node: NodeId,
    /// `None` until the node has joined.
    pub cluster: Option<ClusterId>,
    /// For people.
    pub name: String,
    /// The port that was chosen for an address with port 0.
    pub port: Option<u16>,
}

#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    #[error("{path}: {error}")]
    Disk { path: PathBuf, error: io::Error },
    /// Somebody changed the file, or it was written by a newer version.
    #[error("{path} is no identity of a node: {reason}")]
    Unreadable { path: PathBuf, reason: String },
    #[error("the directory {directory} belongs to cluster {found}, not to {wanted}")]
    OtherCluster { directory: PathBuf, found: ClusterId, wanted: ClusterId },
}

impl NodeIdentity {
    /// Reads the identity in `directory`, or makes one with this name, and the directory where it is missing.
    pub fn load_or_make(directory: &Path, name: &str, random: &dyn Random) -> Result<Self, IdentityError> {
        if let Some(identity) = Self::load(directory)? {
            return Ok(identity);
        }
        let mut id = [0; 16];
        random.fill(&mut id);
        let node = NodeId::from_uuid(uuid::Builder::from_random_bytes(id).into_uuid());
        let identity = Self { node, cluster: None, name: name.to_owned(), port: None };
        identity.store(directory)?;
        Ok(identity)
    }

    /// `None` when the directory holds none.
    pub fn load(directory: &Path) -> Result<Option<Self>, IdentityError> {
        let path = directory.join(FILE_NAME);
        let length = match fs::metadata(&path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(IdentityError::Disk { path, error }),
        };
        if length > FILE_LENGTH_MAX_BYTES {
            return Err(IdentityError::Unreadable { path, reason: format!("it has {length} bytes") });
        }
        let bytes = fs::read(&path).map_err(|error| IdentityError::Disk { path: path.clone(), error })?;
        match serde_json::from_slice(&bytes) {
            Ok(identity) => Ok(Some(identity)),
            Err(error) => Err(IdentityError::Unreadable { path, reason: error.to_string() }),
        }
    }

    /// Whether the directory may join `cluster`: it belongs to none or to that one.
    pub fn may_join(&self, directory: &Path, cluster: ClusterId) -> Result<(), IdentityError> {
        match self.cluster {
            Some(found) if found != cluster => {
                Err(IdentityError::OtherCluster { directory: directory.to_owned(), found, wanted: cluster })
            }
            _ => Ok(()),
        }
    }

    /// Afterwards the directory belongs to `cluster`, durably; refused when it belongs to another.
    pub fn join(&mut self, directory: &Path, cluster: ClusterId) -> Result<(), IdentityError> {
        self.may_join(directory, cluster)?;
        if self.cluster.is_some() {
            return Ok(());
        }
        self.cluster = Some(cluster);
        self.store(directory)
    }

    /// Keeps the port for the next start.
    pub fn keep_port(&mut self, directory: &Path, port: u16) -> Result<(), IdentityError> {
        if self.port == Some(port) {
            return Ok(());
        }
        self.port = Some(port);
        self.store(directory)
    }

    /// Replaces the file as a whole: a crash leaves the old one or the new one.
    fn store(&self, directory: &Path) -> Result<(), IdentityError> {
        let disk = |path: &Path| {
            let path = path.to_owned();
            move |error| IdentityError::Disk { path, error }
        };
        let (temporary, path) = (directory.join(TEMPORARY_NAME), directory.join(FILE_NAME));
        let mut text = serde_json::to_vec_pretty(self).expect("an identity has string keys and no failing serializer");
        text.push(b'\n');
        make_durable_directory(directory).map_err(disk(directory))?;
        let mut file = File::create(&temporary).map_err(disk(&temporary))?;
        file.write_all(&text).and_then(|()| file.sync_all()).map_err(disk(&temporary))?;
        fs::rename(&temporary, &path).map_err(disk(&path))?;
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(disk(directory))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::SeededRandom;

    #[test]
    fn an_identity_is_made_once_and_found_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("node-1");
        let random = SeededRandom::new(1);
        let mut made = NodeIdentity::load_or_make(&path, "node-1", &random).unwrap();
        made.keep_port(&path, 4711).unwrap();
        let found = NodeIdentity::load_or_make(&path, "another name", &random).unwrap();
        assert_eq!(found, made);
        assert_eq!((found.name.as_str(), found.port, found.cluster), ("node-1", Some(4711), None));
    }

    #[test]
    fn a_directory_joins_one_cluster_and_no_other() {
        let directory = tempfile::tempdir().unwrap();
        let (ours, other) = (ClusterId::from_bytes([1; 16]), ClusterId::from_bytes([2; 16]));
        let mut identity = NodeIdentity::load_or_make(directory.path(), "n", &SeededRandom::new(1)).unwrap();
        identity.join(directory.path(), ours).unwrap();
        let mut again = NodeIdentity::load(directory.path()).unwrap().unwrap();
        assert_eq!(again.cluster, Some(ours));
        again.join(directory.path(), ours).unwrap();
        assert!(matches!(again.join(directory.path(), other), Err(IdentityError::OtherCluster { .. })));
    }

    #[test]
    fn a_file_that_is_no_identity_is_refused_and_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(FILE_NAME), "{\"node\": 7}").unwrap();
        let refused = NodeIdentity::load_or_make(directory.path(), "n", &SeededRandom::new(1));
        assert!(matches!(refused, Err(IdentityError::Unreadable { .. })));
        assert_eq!(fs::read_to_string(directory.path().join(FILE_NAME)).unwrap(), "{\"node\": 7}");
    }
}
