//! How a gateway, a node and a node's peer prove the cluster secret to each other (DESIGN.md, invariant 9).
//!
//! 1. Who connects says hello with a fresh nonce. The other side answers with a nonce of its own, the cluster it belongs
//!    to, who it is, and a proof: a MAC over all of that. So the caller knows first whom it talks to (`handshake`).
//! 2. Both derive two keys from the secret and the two nonces, one for requests, one for answers (HKDF-SHA-256, RFC 5869).
//!    Nobody without the secret can make them, and no two connections have the same.
//! 3. Each request and each answer carries a `Proof`: a counter, the term, the length of the message's head, and a MAC
//!    (HMAC-SHA-256) over these, the cluster id, method and path (or status), the whole length, and the head's bytes.
//!    The caller is proven by its first request: nothing is done for it before (`session`).
//!
//! A counter is used once and in order, so a message can neither be repeated nor reordered on its connection; on another
//! connection the keys differ. No clock takes part. An answer carries its request's counter: it cannot be that of another.
//!
//! What a message's head holds decides what is covered: small documents are all head. A chunk's head is its root and
//! its block table; the chunk's bytes behind it are checked against the table. A CRC is no cryptographic checksum, so who
//! can change bytes on the wire can forge bytes of a chunk, though not their place, length or root: against such an
//! adversary nodes belong on a network of their own.

mod handshake;
mod proof;
mod secret;
mod session;

pub use handshake::{Hello, HelloAnswer, Nonce, Responder, Role};
pub use proof::{InvalidProof, Proof, Subject};
pub use secret::{ClusterSecret, InvalidClusterSecret};
pub use session::Session;

/// Why a message was not believed. Says nothing that helps to forge one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthenticationError {
    #[error("the other side does not prove this cluster's secret")]
    WrongProof,
    /// A message came twice or out of order.
    #[error("the message's counter is not the next one")]
    WrongCounter,
    #[error("the other side belongs to another cluster")]
    OtherCluster,
    /// Another node answers at the address.
    #[error("the other side is not who was expected")]
    OtherResponder,
    #[error("the message carries no proof that could be read")]
    NoProof,
    /// The session ended or never was: say hello again.
    #[error("no such session")]
    NoSession,
}
