//! Operations on a bucket.

pub mod create_bucket;
pub mod delete_bucket;
pub mod delete_bucket_cors;
pub mod delete_bucket_lifecycle;
pub mod delete_bucket_ownership_controls;
pub mod delete_bucket_tagging;
pub mod delete_bucket_website;
pub mod delete_objects;
pub mod delete_public_access_block;
pub mod get_bucket_acl;
pub mod get_bucket_cors;
pub mod get_bucket_lifecycle_configuration;
pub mod get_bucket_location;
pub mod get_bucket_ownership_controls;
pub mod get_bucket_tagging;
pub mod get_bucket_versioning;
pub mod get_bucket_website;
pub mod get_object_lock_configuration;
pub mod get_public_access_block;
pub mod head_bucket;
pub mod list_object_versions;
pub mod list_objects;
pub mod list_objects_v2;
mod listed_object;
pub mod options_object;
pub mod post_object;
pub mod put_bucket_acl;
pub mod put_bucket_cors;
pub mod put_bucket_lifecycle_configuration;
pub mod put_bucket_ownership_controls;
pub mod put_bucket_tagging;
pub mod put_bucket_versioning;
pub mod put_bucket_website;
pub mod put_object_lock_configuration;
pub mod put_public_access_block;
pub mod unconfigured;

use crate::{objects::Bucket, s3::RequestContext};

/// The region of a bucket that was made without a location constraint.
const DEFAULT_REGION: &str = "us-east-1";

/// The bucket's region by name, where S3 never leaves it empty. Where the settings fix one, clients must sign for that,
/// so it is every bucket's.
pub(super) fn region_name<'a>(ctx: &RequestContext<'a>, bucket: &'a Bucket) -> &'a str {
    match ctx.region {
        Some(fixed) => fixed,
        None if bucket.region.is_empty() => DEFAULT_REGION,
        None => &bucket.region,
    }
}
