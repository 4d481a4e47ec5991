//! Every S3 operation against the running server, by the AWS SDK and by requests signed by hand: one module an
//! operation, each with its success, the errors that it can answer, and a malformed request.

#[path = "../support/mod.rs"]
mod support;

mod fixture;
mod raw;

mod abort_multipart_upload;
mod anonymous;
mod append_object;
mod complete_multipart_upload;
mod copy_object;
mod create_bucket;
mod create_multipart_upload;
mod cross_origin;
mod delete_bucket;
mod delete_bucket_cors;
mod delete_bucket_lifecycle;
mod delete_bucket_tagging;
mod delete_bucket_website;
mod delete_object;
mod delete_object_tagging;
mod delete_objects;
mod get_bucket_cors;
mod get_bucket_lifecycle_configuration;
mod get_bucket_location;
mod get_bucket_tagging;
mod get_bucket_website;
mod get_object;
mod get_object_attributes;
mod get_object_tagging;
mod head_bucket;
mod head_object;
mod list_buckets;
mod list_multipart_uploads;
mod list_object_versions;
mod list_objects;
mod list_objects_v2;
mod list_parts;
mod not_implemented;
mod object_lock;
mod options_object;
mod post_object;
mod put_bucket_acl;
mod put_bucket_cors;
mod put_bucket_lifecycle_configuration;
mod put_bucket_ownership_controls;
mod put_bucket_tagging;
mod put_bucket_versioning;
mod put_bucket_website;
mod put_object;
mod put_object_acl;
mod put_object_legal_hold;
mod put_object_lock_configuration;
mod put_object_retention;
mod put_object_tagging;
mod put_public_access_block;
mod query_parameters;
mod rename_object;
mod unconfigured_resources;
mod upload_part;
mod upload_part_copy;
mod versions;
