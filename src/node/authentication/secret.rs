//! The secret that all processes of a cluster share.

use std::fmt;
use zeroize::Zeroizing;

/// The cluster's secret, wiped from memory when dropped and never printed.
#[derive(Clone)]
pub struct ClusterSecret(Zeroizing<Vec<u8>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a cluster secret has {} to {} bytes", ClusterSecret::LENGTH_MIN_BYTES, ClusterSecret::LENGTH_MAX_BYTES)]
pub struct InvalidClusterSecret;

impl ClusterSecret {
    /// Shorter ones can be guessed from one overheard hello.
    pub const LENGTH_MIN_BYTES: usize = 16;
    /// A bound, for want of any use of longer ones.
    pub const LENGTH_MAX_BYTES: usize = 1024;

    pub fn new(secret: &[u8]) -> Result<Self, InvalidClusterSecret> {
        if (Self::LENGTH_MIN_BYTES..=Self::LENGTH_MAX_BYTES).contains(&secret.len()) {
            Ok(Self(Zeroizing::new(secret.to_vec())))
        } else {
            Err(InvalidClusterSecret)
        }
    }

    pub(super) fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for ClusterSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClusterSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_bounds_and_is_never_printed() {
        assert!(ClusterSecret::new(b"fifteen letters").is_err());
        assert!(ClusterSecret::new(&[7; 1025]).is_err());
        let secret = ClusterSecret::new(b"known only to the cluster").unwrap();
        assert_eq!(format!("{secret:?}"), "ClusterSecret(..)");
    }
}
