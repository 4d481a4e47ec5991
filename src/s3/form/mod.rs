//! POST object: a browser's form, `multipart/form-data`, whose fields say what the headers of a PutObject would and whose
//! `file` is the object. The fields are read first, bounded; then the request is verified, as any other; then the file is
//! streamed as any other body.
//!
//! Who signs a form signs its `policy` alone, so the policy must cover every field, and what is no field (a header of the
//! request, a second signature) counts for nothing or is refused.
//! Source: Amazon S3 API Reference, "POST Object", "POST policy", "HTML form fields".

mod disposition;
mod fields;
mod file;
#[cfg(any(test, fuzzing))]
pub(super) mod fuzzing;
mod multipart;
mod policy;
mod reader;

pub use fields::{FormFields, missing as missing_field};
pub use file::{FileStep, FormFile};
pub use policy::Policy;
pub use reader::{PostForm, is_form};

#[cfg(test)]
mod multipart_tests;
#[cfg(test)]
mod policy_tests;
