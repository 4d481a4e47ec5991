//! The S3 client behind `larder put|get|ls|rm|mb|rb`: any S3 endpoint, credentials as the AWS tools find them.
//!
//! Objects travel through the `object_store` crate. What that crate has no call for (buckets, and listings and
//! deletions that keep every key as it is, `a//b` and `dir/` included) goes through `connection::Connection::request`,
//! signed by the same crate.

mod access;
mod bucket;
mod connection;
mod download;
mod interrupt;
mod listing;
mod location;
mod profile;
mod progress;
mod target;
mod upload;

pub use access::{Access, AccessFlags};
pub use bucket::{create_bucket, delete_bucket, list_buckets};
pub use connection::Connection;
pub use download::{Destination, download};
pub use interrupt::Interrupted;
pub use listing::{Depth, Page, delete_keys, list_page};
pub use location::Location;
pub use upload::{Source, upload};

use std::{future::Future, process::ExitCode};

/// Namespace of S3's documents.
const XML_NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// Runs the asynchronous part of a client verb.
pub fn block_on<F>(verb: F) -> anyhow::Result<ExitCode>
where
    F: Future<Output = anyhow::Result<()>>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(verb);
    // Not waiting for a read of standard input that an interrupt has made pointless.
    runtime.shutdown_background();
    result.map(|()| ExitCode::SUCCESS)
}
