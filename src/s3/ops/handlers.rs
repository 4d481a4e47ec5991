//! Operation → handler. The match has no wildcard: a new operation does not compile until somebody decided what it
//! does, and `not_implemented` is a decision too.

use super::{bucket, multipart, object, service};
use crate::{
    identity::BucketFacts,
    objects::Objects,
    s3::{Operation, Operations, RequestBody, RequestContext, Response, S3Error},
    types::{BucketName, CorsConfiguration},
};
use futures_util::future::BoxFuture;
use std::sync::Arc;

/// The operations over the object layer.
#[derive(Debug)]
pub struct ObjectOperations {
    objects: Objects,
}

impl ObjectOperations {
    pub fn new(objects: Objects) -> Self {
        Self { objects }
    }
}

impl Operations for ObjectOperations {
    fn call<'a>(
        &'a self,
        context: &'a RequestContext<'a>,
        body: RequestBody,
    ) -> BoxFuture<'a, Result<Response, S3Error>> {
        Box::pin(call(context, &self.objects, body))
    }

    fn bucket_facts<'a>(&'a self, bucket: &'a BucketName) -> BoxFuture<'a, Result<BucketFacts, S3Error>> {
        Box::pin(async move { Ok(self.objects.bucket_facts(bucket).await?) })
    }

    fn cors_rules<'a>(
        &'a self,
        bucket: &'a BucketName,
    ) -> BoxFuture<'a, Result<Option<Arc<CorsConfiguration>>, S3Error>> {
        Box::pin(async move { Ok(self.objects.cors_rules(bucket).await?) })
    }
}

async fn call(ctx: &RequestContext<'_>, objects: &Objects, body: RequestBody) -> Result<Response, S3Error> {
    use Operation as Op;
    match ctx.operation {
        Op::ListBuckets => service::list_buckets::handle(ctx, objects).await,

        Op::CreateBucket => bucket::create_bucket::handle(ctx, objects, body).await,
        Op::DeleteBucket => bucket::delete_bucket::handle(ctx, objects).await,
        Op::DeleteBucketCors => bucket::delete_bucket_cors::handle(ctx, objects).await,
        Op::DeleteBucketLifecycle => bucket::delete_bucket_lifecycle::handle(ctx, objects).await,
        Op::DeleteBucketOwnershipControls => bucket::delete_bucket_ownership_controls::handle(ctx, objects).await,
        Op::DeleteBucketTagging => bucket::delete_bucket_tagging::handle(ctx, objects).await,
        Op::DeleteBucketWebsite => bucket::delete_bucket_website::handle(ctx, objects).await,
        Op::DeleteObjects => bucket::delete_objects::handle(ctx, objects, body).await,
        Op::DeletePublicAccessBlock => bucket::delete_public_access_block::handle(ctx, objects).await,
        Op::GetBucketAcl => bucket::get_bucket_acl::handle(ctx, objects).await,
        Op::GetBucketCors => bucket::get_bucket_cors::handle(ctx, objects).await,
        Op::GetBucketLifecycleConfiguration => bucket::get_bucket_lifecycle_configuration::handle(ctx, objects).await,
        Op::GetBucketLocation => bucket::get_bucket_location::handle(ctx, objects).await,
        Op::GetBucketOwnershipControls => bucket::get_bucket_ownership_controls::handle(ctx, objects).await,
        Op::GetBucketTagging => bucket::get_bucket_tagging::handle(ctx, objects).await,
        Op::GetBucketVersioning => bucket::get_bucket_versioning::handle(ctx, objects).await,
        Op::GetObjectLockConfiguration => bucket::get_object_lock_configuration::handle(ctx, objects).await,
        Op::GetBucketWebsite => bucket::get_bucket_website::handle(ctx, objects).await,
        Op::GetPublicAccessBlock => bucket::get_public_access_block::handle(ctx, objects).await,
        Op::HeadBucket => bucket::head_bucket::handle(ctx, objects).await,
        Op::ListObjectVersions => bucket::list_object_versions::handle(ctx, objects).await,
        Op::ListObjects => bucket::list_objects::handle(ctx, objects).await,
        Op::ListObjectsV2 => bucket::list_objects_v2::handle(ctx, objects).await,
        Op::OptionsObject => bucket::options_object::handle(ctx, objects).await,
        Op::PostObject => bucket::post_object::handle(ctx, objects, body).await,
        Op::PutBucketAcl => bucket::put_bucket_acl::handle(ctx, objects, body).await,
        Op::PutBucketCors => bucket::put_bucket_cors::handle(ctx, objects, body).await,
        Op::PutBucketLifecycleConfiguration => {
            bucket::put_bucket_lifecycle_configuration::handle(ctx, objects, body).await
        }
        Op::PutBucketOwnershipControls => bucket::put_bucket_ownership_controls::handle(ctx, objects, body).await,
        Op::PutBucketTagging => bucket::put_bucket_tagging::handle(ctx, objects, body).await,
        Op::PutBucketVersioning => bucket::put_bucket_versioning::handle(ctx, objects, body).await,
        Op::PutObjectLockConfiguration => bucket::put_object_lock_configuration::handle(ctx, objects, body).await,
        Op::PutPublicAccessBlock => bucket::put_public_access_block::handle(ctx, objects, body).await,
        Op::PutBucketWebsite => bucket::put_bucket_website::handle(ctx, objects, body).await,

        Op::CopyObject => object::copy_object::handle(ctx, objects).await,
        Op::DeleteObject => object::delete_object::handle(ctx, objects).await,
        Op::DeleteObjectTagging => object::delete_object_tagging::handle(ctx, objects).await,
        Op::GetObject => object::get_object::handle(ctx, objects).await,
        Op::GetObjectAcl => object::get_object_acl::handle(ctx, objects).await,
        Op::GetObjectAttributes => object::get_object_attributes::handle(ctx, objects).await,
        Op::GetObjectLegalHold => object::get_object_legal_hold::handle(ctx, objects).await,
        Op::GetObjectRetention => object::get_object_retention::handle(ctx, objects).await,
        Op::GetObjectTagging => object::get_object_tagging::handle(ctx, objects).await,
        Op::HeadObject => object::head_object::handle(ctx, objects).await,
        Op::PutObject => object::put_object::handle(ctx, objects, body).await,
        Op::PutObjectAcl => object::put_object_acl::handle(ctx, objects, body).await,
        Op::PutObjectLegalHold => object::put_object_legal_hold::handle(ctx, objects, body).await,
        Op::PutObjectRetention => object::put_object_retention::handle(ctx, objects, body).await,
        Op::PutObjectTagging => object::put_object_tagging::handle(ctx, objects, body).await,
        Op::RenameObject => object::rename_object::handle(ctx, objects).await,

        Op::AbortMultipartUpload => multipart::abort_multipart_upload::handle(ctx, objects).await,
        Op::CompleteMultipartUpload => multipart::complete_multipart_upload::handle(ctx, objects, body).await,
        Op::CreateMultipartUpload => multipart::create_multipart_upload::handle(ctx, objects).await,
        Op::ListMultipartUploads => multipart::list_multipart_uploads::handle(ctx, objects).await,
        Op::ListParts => multipart::list_parts::handle(ctx, objects).await,
        Op::UploadPart => multipart::upload_part::handle(ctx, objects, body).await,
        Op::UploadPartCopy => multipart::upload_part_copy::handle(ctx, objects).await,

        // What no bucket has yet: reading it tells so, removing it succeeds.
        Op::DeleteBucketEncryption
        | Op::DeleteBucketPolicy
        | Op::DeleteBucketReplication
        | Op::GetBucketAccelerateConfiguration
        | Op::GetBucketAnalyticsConfiguration
        | Op::GetBucketEncryption
        | Op::GetBucketIntelligentTieringConfiguration
        | Op::GetBucketInventoryConfiguration
        | Op::GetBucketLogging
        | Op::GetBucketMetricsConfiguration
        | Op::GetBucketNotificationConfiguration
        | Op::GetBucketPolicy
        | Op::GetBucketPolicyStatus
        | Op::GetBucketReplication
        | Op::GetBucketRequestPayment
        | Op::ListBucketAnalyticsConfigurations
        | Op::ListBucketIntelligentTieringConfigurations
        | Op::ListBucketInventoryConfigurations
        | Op::ListBucketMetricsConfigurations => bucket::unconfigured::handle(ctx, objects).await,

        Op::CreateBucketMetadataConfiguration
        | Op::CreateBucketMetadataTableConfiguration
        | Op::CreateSession
        | Op::DeleteBucketAnalyticsConfiguration
        | Op::DeleteBucketIntelligentTieringConfiguration
        | Op::DeleteBucketInventoryConfiguration
        | Op::DeleteBucketMetadataConfiguration
        | Op::DeleteBucketMetadataTableConfiguration
        | Op::DeleteBucketMetricsConfiguration
        | Op::GetBucketAbac
        | Op::GetBucketMetadataConfiguration
        | Op::GetBucketMetadataTableConfiguration
        | Op::GetObjectTorrent
        | Op::ListDirectoryBuckets
        | Op::PutBucketAbac
        | Op::PutBucketAccelerateConfiguration
        | Op::PutBucketAnalyticsConfiguration
        | Op::PutBucketEncryption
        | Op::PutBucketIntelligentTieringConfiguration
        | Op::PutBucketInventoryConfiguration
        | Op::PutBucketLogging
        | Op::PutBucketMetricsConfiguration
        | Op::PutBucketNotificationConfiguration
        | Op::PutBucketPolicy
        | Op::PutBucketReplication
        | Op::PutBucketRequestPayment
        | Op::RestoreObject
        | Op::SelectObjectContent
        | Op::UpdateBucketMetadataInventoryTableConfiguration
        | Op::UpdateBucketMetadataJournalTableConfiguration
        | Op::UpdateObjectEncryption
        | Op::WriteGetObjectResponse => Err(S3Error::not_implemented(ctx.operation)),
    }
}
