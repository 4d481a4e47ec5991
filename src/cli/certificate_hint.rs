//! What to say when the server's certificate is an authority's (`CA:TRUE`), as `openssl req -x509` makes it by itself.
//! Other clients take such a certificate when it stands in their bundle; rustls, which checks ours, does not, and we do
//! not check certificates by rules of our own.

use anyhow::anyhow;
use std::fmt::Debug;

/// rustls has the reason in a type of a crate below it, and the clients above hand it on as text alone.
const REASON: &str = "CaUsedAsEndEntity";

/// The error to show in place of this one, where such a certificate is its reason.
pub fn hint(error: &impl Debug) -> Option<anyhow::Error> {
    format!("{error:?}").contains(REASON).then(|| {
        anyhow!(
            "the server's certificate is one of an authority (CA:TRUE), which does not count as a server's: make one with \
             CA:FALSE, see \"TLS\" in docs/running.md"
        )
    })
}
