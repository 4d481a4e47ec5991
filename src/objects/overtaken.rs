//! Requests that another one overtakes. What a read needs of a version takes several queries: the look-up, its parts, pages
//! of its extents; and what a copy makes of its source may depend on what it found before. When the version is replaced or
//! deleted meanwhile, the rest may be gone, or of another one. An answer is that of one state of the key, so the request
//! begins anew, with what is there by then.

use super::ObjectError;

/// How often a request is tried. Each time somebody has replaced the version within the millisecond between two queries, or
/// while the source of a copy was hashed.
const TRIES_MAX: usize = 10;

/// What `attempt` ends with, once it was not overtaken.
pub(super) async fn unless_overtaken<T, F>(attempt: impl Fn() -> F) -> Result<T, ObjectError>
where
    F: Future<Output = Result<T, ObjectError>>,
{
    for _ in 1..TRIES_MAX {
        match attempt().await {
            Err(ObjectError::Overtaken) => {}
            ended => return ended,
        }
    }
    attempt().await
}
