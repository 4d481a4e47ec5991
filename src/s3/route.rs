//! Method, address and query → operation. A sub-resource (`?acl`) is a table row; two of them in one request are
//! refused, because one of the two would be ignored, and so is a bucket's on an object and the other way round: an abort
//! whose key was lost must not delete the bucket. Source: Amazon S3 API Reference, the request syntax of each action.

use super::{
    error::{S3Code, S3Error},
    operation::{Operation, Scope},
    query::Query,
};
use http::{HeaderMap, HeaderValue, Method, header};

/// What a sub-resource means under each method; absent: `MethodNotAllowed`.
struct SubResource {
    name: &'static str,
    get: Option<Operation>,
    put: Option<Operation>,
    post: Option<Operation>,
    delete: Option<Operation>,
}

const fn row(
    name: &'static str,
    get: Option<Operation>,
    put: Option<Operation>,
    delete: Option<Operation>,
) -> SubResource {
    SubResource { name, get, put, post: None, delete }
}

const fn posted(name: &'static str, post: Operation) -> SubResource {
    SubResource { name, get: None, put: None, post: Some(post), delete: None }
}

use Operation as Op;

const BUCKET_SUB_RESOURCES: &[SubResource] = &[
    row("abac", Some(Op::GetBucketAbac), Some(Op::PutBucketAbac), None),
    row("accelerate", Some(Op::GetBucketAccelerateConfiguration), Some(Op::PutBucketAccelerateConfiguration), None),
    row("acl", Some(Op::GetBucketAcl), Some(Op::PutBucketAcl), None),
    row(
        "analytics",
        Some(Op::GetBucketAnalyticsConfiguration),
        Some(Op::PutBucketAnalyticsConfiguration),
        Some(Op::DeleteBucketAnalyticsConfiguration),
    ),
    row("cors", Some(Op::GetBucketCors), Some(Op::PutBucketCors), Some(Op::DeleteBucketCors)),
    posted("delete", Op::DeleteObjects),
    row("encryption", Some(Op::GetBucketEncryption), Some(Op::PutBucketEncryption), Some(Op::DeleteBucketEncryption)),
    row(
        "intelligent-tiering",
        Some(Op::GetBucketIntelligentTieringConfiguration),
        Some(Op::PutBucketIntelligentTieringConfiguration),
        Some(Op::DeleteBucketIntelligentTieringConfiguration),
    ),
    row(
        "inventory",
        Some(Op::GetBucketInventoryConfiguration),
        Some(Op::PutBucketInventoryConfiguration),
        Some(Op::DeleteBucketInventoryConfiguration),
    ),
    row(
        "lifecycle",
        Some(Op::GetBucketLifecycleConfiguration),
        Some(Op::PutBucketLifecycleConfiguration),
        Some(Op::DeleteBucketLifecycle),
    ),
    row("location", Some(Op::GetBucketLocation), None, None),
    row("logging", Some(Op::GetBucketLogging), Some(Op::PutBucketLogging), None),
    SubResource {
        post: Some(Op::CreateBucketMetadataConfiguration),
        ..row(
            "metadataConfiguration",
            Some(Op::GetBucketMetadataConfiguration),
            None,
            Some(Op::DeleteBucketMetadataConfiguration),
        )
    },
    row("metadataInventoryTable", None, Some(Op::UpdateBucketMetadataInventoryTableConfiguration), None),
    row("metadataJournalTable", None, Some(Op::UpdateBucketMetadataJournalTableConfiguration), None),
    SubResource {
        post: Some(Op::CreateBucketMetadataTableConfiguration),
        ..row(
            "metadataTable",
            Some(Op::GetBucketMetadataTableConfiguration),
            None,
            Some(Op::DeleteBucketMetadataTableConfiguration),
        )
    },
    row(
        "metrics",
        Some(Op::GetBucketMetricsConfiguration),
        Some(Op::PutBucketMetricsConfiguration),
        Some(Op::DeleteBucketMetricsConfiguration),
    ),
    row(
        "notification",
        Some(Op::GetBucketNotificationConfiguration),
        Some(Op::PutBucketNotificationConfiguration),
        None,
    ),
    row("object-lock", Some(Op::GetObjectLockConfiguration), Some(Op::PutObjectLockConfiguration), None),
    row(
        "ownershipControls",
        Some(Op::GetBucketOwnershipControls),
        Some(Op::PutBucketOwnershipControls),
        Some(Op::DeleteBucketOwnershipControls),
    ),
    row("policy", Some(Op::GetBucketPolicy), Some(Op::PutBucketPolicy), Some(Op::DeleteBucketPolicy)),
    row("policyStatus", Some(Op::GetBucketPolicyStatus), None, None),
    row(
        "publicAccessBlock",
        Some(Op::GetPublicAccessBlock),
        Some(Op::PutPublicAccessBlock),
        Some(Op::DeletePublicAccessBlock),
    ),
    row(
        "replication",
        Some(Op::GetBucketReplication),
        Some(Op::PutBucketReplication),
        Some(Op::DeleteBucketReplication),
    ),
    row("requestPayment", Some(Op::GetBucketRequestPayment), Some(Op::PutBucketRequestPayment), None),
    row("session", Some(Op::CreateSession), None, None),
    row("tagging", Some(Op::GetBucketTagging), Some(Op::PutBucketTagging), Some(Op::DeleteBucketTagging)),
    row("uploads", Some(Op::ListMultipartUploads), None, None),
    row("versioning", Some(Op::GetBucketVersioning), Some(Op::PutBucketVersioning), None),
    row("versions", Some(Op::ListObjectVersions), None, None),
    row("website", Some(Op::GetBucketWebsite), Some(Op::PutBucketWebsite), Some(Op::DeleteBucketWebsite)),
];

const OBJECT_SUB_RESOURCES: &[SubResource] = &[
    row("acl", Some(Op::GetObjectAcl), Some(Op::PutObjectAcl), None),
    row("attributes", Some(Op::GetObjectAttributes), None, None),
    row("encryption", None, Some(Op::UpdateObjectEncryption), None),
    row("legal-hold", Some(Op::GetObjectLegalHold), Some(Op::PutObjectLegalHold), None),
    row("renameObject", None, Some(Op::RenameObject), None),
    posted("restore", Op::RestoreObject),
    row("retention", Some(Op::GetObjectRetention), Some(Op::PutObjectRetention), None),
    posted("select", Op::SelectObjectContent),
    row("tagging", Some(Op::GetObjectTagging), Some(Op::PutObjectTagging), Some(Op::DeleteObjectTagging)),
    row("torrent", Some(Op::GetObjectTorrent), None, None),
    SubResource {
        post: Some(Op::CompleteMultipartUpload),
        ..row("uploadId", Some(Op::ListParts), Some(Op::UploadPart), Some(Op::AbortMultipartUpload))
    },
    posted("uploads", Op::CreateMultipartUpload),
];

/// Configurations of which a bucket may have several: without an `id` the request lists them.
const LISTED_CONFIGURATIONS: [(Operation, Operation); 4] = [
    (Op::GetBucketAnalyticsConfiguration, Op::ListBucketAnalyticsConfigurations),
    (Op::GetBucketIntelligentTieringConfiguration, Op::ListBucketIntelligentTieringConfigurations),
    (Op::GetBucketInventoryConfiguration, Op::ListBucketInventoryConfigurations),
    (Op::GetBucketMetricsConfiguration, Op::ListBucketMetricsConfigurations),
];

/// Whether a parameter of this name makes another operation of the request, on a bucket or on an object.
pub fn is_sub_resource(name: &str) -> bool {
    BUCKET_SUB_RESOURCES.iter().chain(OBJECT_SUB_RESOURCES).any(|row| row.name == name)
}

/// The operation of a request whose address has these parts.
pub fn route(method: &Method, scope: Scope, query: &Query, headers: &HeaderMap) -> Result<Operation, S3Error> {
    if *method == Method::OPTIONS {
        // On an object too, and on no bucket at all, where the answer is always no.
        return Ok(Op::OptionsObject);
    }
    match scope {
        Scope::Service => match *method {
            Method::GET => Ok(Op::ListBuckets),
            _ => Err(method_not_allowed(method, "GET")),
        },
        Scope::Bucket => bucket_operation(method, query),
        Scope::Object => object_operation(method, query, headers),
    }
}

fn bucket_operation(method: &Method, query: &Query) -> Result<Operation, S3Error> {
    if let Some(found) = sub_resource(BUCKET_SUB_RESOURCES, OBJECT_SUB_RESOURCES, method, query)? {
        let operation = under_method(found, method)?;
        let listed = LISTED_CONFIGURATIONS.iter().find(|(one, _)| *one == operation && !query.contains("id"));
        return Ok(listed.map_or(operation, |(_, list)| *list));
    }
    match *method {
        Method::GET => match query.get("list-type") {
            None | Some("1") => Ok(Op::ListObjects),
            Some("2") => Ok(Op::ListObjectsV2),
            Some(other) => Err(S3Error::invalid_argument("list-type", other, "Invalid List Type specified in Query")),
        },
        Method::HEAD => Ok(Op::HeadBucket),
        Method::PUT => Ok(Op::CreateBucket),
        Method::DELETE => Ok(Op::DeleteBucket),
        Method::POST => Ok(Op::PostObject),
        _ => Err(method_not_allowed(method, "GET, HEAD, PUT, DELETE, POST")),
    }
}

fn object_operation(method: &Method, query: &Query, headers: &HeaderMap) -> Result<Operation, S3Error> {
    let is_copy = headers.contains_key("x-amz-copy-source");
    if let Some(found) = sub_resource(OBJECT_SUB_RESOURCES, BUCKET_SUB_RESOURCES, method, query)? {
        return match under_method(found, method)? {
            Op::UploadPart if !query.contains("partNumber") => {
                Err(S3Error::invalid_argument("partNumber", "", "A part needs the parameters partNumber and uploadId."))
            }
            Op::UploadPart if is_copy => Ok(Op::UploadPartCopy),
            operation => Ok(operation),
        };
    }
    match *method {
        Method::GET => Ok(Op::GetObject),
        Method::HEAD => Ok(Op::HeadObject),
        Method::PUT if query.contains("partNumber") => {
            Err(S3Error::invalid_argument("uploadId", "", "A part needs the parameters partNumber and uploadId."))
        }
        Method::PUT if is_copy => Ok(Op::CopyObject),
        Method::PUT => Ok(Op::PutObject),
        Method::DELETE => Ok(Op::DeleteObject),
        _ => Err(method_not_allowed(method, "GET, HEAD, PUT, DELETE")),
    }
}

/// The one sub-resource of `table` that the query names; none of `other` may be named.
fn sub_resource<'a>(
    table: &'a [SubResource],
    other: &[SubResource],
    method: &Method,
    query: &Query,
) -> Result<Option<&'a SubResource>, S3Error> {
    let mut found: Option<&SubResource> = None;
    for (name, _) in query.iter() {
        let Some(row) = table.iter().find(|row| row.name == name) else {
            if other.iter().any(|row| row.name == name) {
                return Err(method_not_allowed(method, ""));
            }
            continue;
        };
        if let Some(first) = found.replace(row) {
            return Err(S3Error::invalid_argument(
                "ResourceType",
                row.name,
                format!("The parameters {} and {} conflict.", first.name, row.name),
            ));
        }
    }
    Ok(found)
}

fn under_method(row: &SubResource, method: &Method) -> Result<Operation, S3Error> {
    let operation = match *method {
        Method::GET => row.get,
        Method::PUT => row.put,
        Method::POST => row.post,
        Method::DELETE => row.delete,
        _ => None,
    };
    operation.ok_or_else(|| method_not_allowed(method, &row.methods()))
}

impl SubResource {
    /// `GET, PUT`: the methods under which it means something.
    fn methods(&self) -> String {
        let cells = [("GET", self.get), ("PUT", self.put), ("POST", self.post), ("DELETE", self.delete)];
        let names: Vec<&str> = cells.into_iter().filter(|(_, cell)| cell.is_some()).map(|(name, _)| name).collect();
        names.join(", ")
    }
}

/// `allowed` goes into the header that a 405 needs (RFC 9110, section 15.5.6); empty where no method helps.
fn method_not_allowed(method: &Method, allowed: &str) -> S3Error {
    let allowed = HeaderValue::from_str(allowed).unwrap_or(HeaderValue::from_static(""));
    S3Error::new(S3Code::MethodNotAllowed).field("Method", method.as_str()).header(header::ALLOW, allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routed(method: &Method, scope: Scope, query: &str, is_copy: bool) -> Result<Operation, S3Code> {
        let mut headers = HeaderMap::new();
        if is_copy {
            headers.insert("x-amz-copy-source", HeaderValue::from_static("/b/k"));
        }
        route(method, scope, &Query::parse(query).unwrap(), &headers).map_err(|error| error.code())
    }

    #[test]
    fn every_row_leads_where_it_says_and_to_its_own_scope() {
        for (table, scope) in [(BUCKET_SUB_RESOURCES, Scope::Bucket), (OBJECT_SUB_RESOURCES, Scope::Object)] {
            for row in table {
                let cells = [
                    (Method::GET, row.get),
                    (Method::PUT, row.put),
                    (Method::POST, row.post),
                    (Method::DELETE, row.delete),
                ];
                for (method, operation) in cells {
                    let query = format!("{}&id=1&partNumber=1", row.name);
                    let expected = operation.ok_or(S3Code::MethodNotAllowed);
                    assert_eq!(routed(&method, scope, &query, false), expected, "{method} ?{query}");
                    assert!(operation.is_none_or(|operation| operation.scope() == scope), "{operation:?}");
                }
                assert_eq!(routed(&Method::HEAD, scope, row.name, false), Err(S3Code::MethodNotAllowed));
            }
        }
    }

    #[test]
    fn what_has_no_sub_resource_goes_by_its_method() {
        for (method, scope, query, is_copy, operation) in [
            (Method::GET, Scope::Service, "max-buckets=1", false, Op::ListBuckets),
            (Method::GET, Scope::Bucket, "prefix=a&max-keys=1", false, Op::ListObjects),
            (Method::GET, Scope::Bucket, "list-type=2&prefix=a", false, Op::ListObjectsV2),
            (Method::GET, Scope::Bucket, "analytics", false, Op::ListBucketAnalyticsConfigurations),
            (Method::GET, Scope::Bucket, "inventory", false, Op::ListBucketInventoryConfigurations),
            (Method::GET, Scope::Bucket, "metrics", false, Op::ListBucketMetricsConfigurations),
            (Method::GET, Scope::Bucket, "intelligent-tiering", false, Op::ListBucketIntelligentTieringConfigurations),
            (Method::HEAD, Scope::Bucket, "", false, Op::HeadBucket),
            (Method::PUT, Scope::Bucket, "", false, Op::CreateBucket),
            (Method::DELETE, Scope::Bucket, "", false, Op::DeleteBucket),
            (Method::POST, Scope::Bucket, "", false, Op::PostObject),
            (Method::GET, Scope::Object, "partNumber=1&versionId=null", false, Op::GetObject),
            (Method::HEAD, Scope::Object, "", false, Op::HeadObject),
            (Method::PUT, Scope::Object, "x-id=PutObject", false, Op::PutObject),
            (Method::PUT, Scope::Object, "", true, Op::CopyObject),
            (Method::PUT, Scope::Object, "uploadId=u&partNumber=1", true, Op::UploadPartCopy),
            (Method::DELETE, Scope::Object, "", false, Op::DeleteObject),
            (Method::OPTIONS, Scope::Object, "", false, Op::OptionsObject),
            (Method::OPTIONS, Scope::Bucket, "", false, Op::OptionsObject),
            (Method::OPTIONS, Scope::Service, "", false, Op::OptionsObject),
        ] {
            assert_eq!(routed(&method, scope, query, is_copy), Ok(operation), "{method} ?{query}");
        }
    }

    #[test]
    fn what_fits_no_operation_is_refused() {
        for (method, scope, query, code) in [
            (Method::PUT, Scope::Service, "", S3Code::MethodNotAllowed),
            (Method::POST, Scope::Object, "", S3Code::MethodNotAllowed),
            (Method::PATCH, Scope::Object, "", S3Code::MethodNotAllowed),
            (Method::GET, Scope::Bucket, "list-type=3", S3Code::InvalidArgument),
            (Method::GET, Scope::Bucket, "acl&policy", S3Code::InvalidArgument),
            (Method::GET, Scope::Object, "tagging&tagging", S3Code::InvalidArgument),
            (Method::PUT, Scope::Object, "uploadId=u", S3Code::InvalidArgument),
            (Method::PUT, Scope::Object, "partNumber=1", S3Code::InvalidArgument),
            (Method::DELETE, Scope::Bucket, "uploadId=u", S3Code::MethodNotAllowed),
            (Method::PUT, Scope::Bucket, "retention", S3Code::MethodNotAllowed),
            (Method::DELETE, Scope::Object, "lifecycle", S3Code::MethodNotAllowed),
            (Method::GET, Scope::Object, "policy", S3Code::MethodNotAllowed),
        ] {
            assert_eq!(routed(&method, scope, query, false), Err(code), "{method} ?{query}");
        }
    }
}
