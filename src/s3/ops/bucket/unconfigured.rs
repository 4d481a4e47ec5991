//! Reading what is not configured: until a feature exists, no bucket has it, and S3 says so with a default document or
//! with a code of its own. Removing what is not there succeeds. (Setting any of it is 501: `dispatch.rs`.)
//! Source: Amazon S3 API Reference, the page of each operation.

use crate::{
    objects::Objects,
    s3::{Operation, RequestContext, Response, S3Code, S3Error, ops::parameter, xml::XmlWriter},
};
use http::StatusCode;

/// What S3 answers for a bucket that has nothing of the kind.
enum Answer {
    /// An empty document.
    Empty(&'static str),
    /// One element with a text in a document.
    Element { root: &'static str, name: &'static str, text: &'static str },
    /// 404 with the feature's own code.
    Missing(S3Code),
    /// 204: there was nothing to remove.
    Removed,
    /// The operation does not belong here: a fault in the dispatch.
    NotOurs,
}

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects) -> Result<Response, S3Error> {
    let answer = answer(ctx.operation);
    objects.head_bucket(ctx.bucket()?).await?;
    match answer {
        Answer::Empty(root) => Ok(parameter::document(XmlWriter::document(root).finish())),
        Answer::Element { root, name, text } => {
            let mut xml = XmlWriter::document(root);
            xml.text(name, text);
            Ok(parameter::document(xml.finish()))
        }
        Answer::Missing(code) => Err(S3Error::new(code).field("BucketName", ctx.bucket()?.as_str())),
        Answer::Removed => Ok(parameter::empty(StatusCode::NO_CONTENT)),
        Answer::NotOurs => Err(S3Error::not_implemented(ctx.operation)),
    }
}

fn answer(operation: Operation) -> Answer {
    use Operation::*;
    match operation {
        GetBucketAccelerateConfiguration => Answer::Empty("AccelerateConfiguration"),
        GetBucketLogging => Answer::Empty("BucketLoggingStatus"),
        GetBucketNotificationConfiguration => Answer::Empty("NotificationConfiguration"),
        GetBucketRequestPayment => {
            Answer::Element { root: "RequestPaymentConfiguration", name: "Payer", text: "BucketOwner" }
        }
        ListBucketAnalyticsConfigurations => not_truncated("ListBucketAnalyticsConfigurationsResult"),
        ListBucketIntelligentTieringConfigurations => not_truncated("ListBucketIntelligentTieringConfigurationsResult"),
        ListBucketInventoryConfigurations => not_truncated("ListInventoryConfigurationsResult"),
        ListBucketMetricsConfigurations => not_truncated("ListMetricsConfigurationsResult"),
        GetBucketPolicy | GetBucketPolicyStatus => Answer::Missing(S3Code::NoSuchBucketPolicy),
        GetBucketEncryption => Answer::Missing(S3Code::ServerSideEncryptionConfigurationNotFoundError),
        GetBucketReplication => Answer::Missing(S3Code::ReplicationConfigurationNotFoundError),
        GetBucketAnalyticsConfiguration
        | GetBucketIntelligentTieringConfiguration
        | GetBucketInventoryConfiguration
        | GetBucketMetricsConfiguration => Answer::Missing(S3Code::NoSuchConfiguration),
        DeleteBucketEncryption | DeleteBucketPolicy | DeleteBucketReplication => Answer::Removed,
        _ => Answer::NotOurs,
    }
}

fn not_truncated(root: &'static str) -> Answer {
    Answer::Element { root, name: "IsTruncated", text: "false" }
}
