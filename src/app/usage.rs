//! What the person who started the process has to put right: exit code 2.

use std::{net::SocketAddr, path::PathBuf};

#[derive(Debug, thiserror::Error)]
pub enum UsageError {
    #[error("{flag} is missing: {meaning}")]
    Missing { flag: &'static str, meaning: &'static str },
    #[error("`{0}` is not an address that others reach a node at: write HOST:PORT")]
    Advertise(String),
    #[error("{0} is no address that others can reach: give the one that they can with --advertise HOST:PORT")]
    Unreachable(SocketAddr),
    #[error(
        "no cluster secret: set LARDER_CLUSTER_SECRET (or `cluster_secret` in the configuration file) to the same text, 16 characters or more, for the gateway and every node of the cluster"
    )]
    NoClusterSecret,
    #[error("the data directory has {present} nodes, and {wanted} were asked for: the number may grow, not shrink")]
    FewerNodes { present: u32, wanted: u32 },
    #[error("the volume {} is in the place of another one, {}: each needs a directory of its own, beside the others", inner.display(), outer.display())]
    VolumeInVolume { inner: PathBuf, outer: PathBuf },
}
