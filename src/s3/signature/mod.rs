//! AWS Signature Version 4, and Version 2 where the settings allow it: who made this request, and is it as they made it?
//!
//! There is one verifier (`verifier.rs`), called once for every request before anything else looks at it, one exhaustive
//! enum of ways to sign (`mechanism.rs`) and one of payload forms (`payload.rs`): what is not in them is refused. Sources:
//! Amazon S3 API Reference, "Authenticating Requests (AWS Signature Version 4)" and its pages on the Authorization header,
//! on query parameters, and on chunked uploads; for Version 2 see `version_2.rs`, for forms `form_claim.rs`.

mod authorization_header;
mod canonical_request;
mod chunk_signer;
mod claim;
mod form_claim;
#[cfg(any(test, fuzzing))]
pub(super) mod fuzzing;
mod incoming_request;
mod mechanism;
mod payload;
mod presigned_query;
mod request_time;
mod verifier;
mod version_2;

pub use chunk_signer::ChunkSigner;
pub use incoming_request::IncomingRequest;
pub use mechanism::{AnonymousAccess, Mechanisms, is_presigned};
pub use payload::Payload;
pub use presigned_query::is_v4_parameter;
pub use verifier::Verifier;
pub use version_2::SignatureV2;

#[cfg(test)]
mod anonymous_tests;
#[cfg(test)]
mod form_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod version_2_header_tests;
#[cfg(test)]
mod version_2_tests;
