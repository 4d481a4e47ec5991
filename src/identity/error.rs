//! Errors of the identity layer.

use super::sealing::DoesNotOpen;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    #[error("the access key does not exist")]
    NoSuchAccessKey,
    #[error("the access key exists already")]
    AccessKeyExists,
    /// The root key comes from the settings and is changed there.
    #[error("the root key can't be disabled or deleted: it comes from the settings")]
    IsRootKey,
    #[error(
        "the name of an access key has at most {} characters and no control characters",
        super::access_keys::NAME_LENGTH_MAX
    )]
    InvalidName,
    #[error("{0}")]
    InvalidRootKey(&'static str),
    #[error(transparent)]
    DoesNotOpen(#[from] DoesNotOpen),
    /// The metadata can't be read or written now; the text is for the log.
    #[error("access keys can't be read or changed now: {0}")]
    Unavailable(String),
}
