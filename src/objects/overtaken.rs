//! Reads that another request overtakes. What a read needs of a version takes several queries: the look-up, its parts,
//! pages of its extents. When the version is replaced or deleted between two of them, the rest may be gone. An answer is
//! that of one state of the key, so the read begins anew, with what is there by then.

use super::ObjectError;

/// How often a read is tried. Each time somebody has replaced the version within the millisecond between two queries.
const TRIES_MAX: usize = 10;

/// What `read` ends with, once it was not overtaken.
pub(super) async fn unless_overtaken<T, F>(read: impl Fn() -> F) -> Result<T, ObjectError>
where
    F: Future<Output = Result<T, ObjectError>>,
{
    for _ in 1..TRIES_MAX {
        match read().await {
            Err(ObjectError::Overtaken) => {}
            ended => return ended,
        }
    }
    read().await
}
