//! XML bodies: reading with limits, writing by hand.
//!
//! Reading refuses what S3's documents never have (a DTD, processing instructions, elements and namespaces that are not in
//! its `schema`) before serde sees the text, so a hostile body costs one pass over its bytes. Writing is a small writer, because list bodies are the
//! bulk of what we write.

mod read;
mod schema;
mod write;

pub use read::read;
pub use schema::Schema;
pub use write::{TextEncoding, XmlWriter};

/// The namespace of S3's documents.
pub const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";
