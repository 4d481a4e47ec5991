//! AWS Signature Version 4: who made this request, and is it as they made it?
//!
//! There is one verifier (`verifier.rs`), called once for every request before anything else looks at it, and one
//! exhaustive enum of payload forms (`payload.rs`): a form that is not in it is refused. Sources: Amazon S3 API
//! Reference, "Authenticating Requests (AWS Signature Version 4)" and its pages on the Authorization header, on query
//! parameters, and on chunked uploads.

mod authorization_header;
mod canonical_request;
mod chunk_signer;
mod claim;
mod payload;
mod presigned_query;
mod request_time;
mod verifier;

pub use chunk_signer::ChunkSigner;
pub use payload::Payload;
pub use presigned_query::is_presigned;
pub use verifier::{IncomingRequest, Verifier};

#[cfg(test)]
mod tests;
