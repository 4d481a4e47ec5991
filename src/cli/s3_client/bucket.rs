//! Buckets: create, delete, list. Source: Amazon S3 API Reference, "CreateBucket", "DeleteBucket", "ListBuckets".

use super::connection::{Connection, Request};
use crate::types::BucketName;
use anyhow::Context;
use bytes::Bytes;
use http::{HeaderMap, Method};
use serde::{Deserialize, Serialize};

/// The region whose buckets are made without naming it.
const REGION_WITHOUT_CONSTRAINT: &str = "us-east-1";

#[derive(Serialize)]
#[serde(rename = "CreateBucketConfiguration", rename_all = "PascalCase")]
struct CreateBucketConfiguration<'a> {
    #[serde(rename = "@xmlns")]
    namespace: &'static str,
    location_constraint: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListBucketsDocument {
    #[serde(default)]
    buckets: Buckets,
    continuation_token: Option<String>,
}

#[derive(Default, Deserialize)]
struct Buckets {
    #[serde(rename = "Bucket", default)]
    entries: Vec<BucketEntry>,
}

/// One line of the list of buckets.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct BucketEntry {
    pub name: String,
    pub creation_date: String,
}

pub async fn create_bucket(connection: &Connection, bucket: &BucketName) -> anyhow::Result<()> {
    let body = match connection.region() {
        REGION_WITHOUT_CONSTRAINT => Bytes::new(),
        location_constraint => Bytes::from(quick_xml::se::to_string(&CreateBucketConfiguration {
            namespace: super::XML_NAMESPACE,
            location_constraint,
        })?),
    };
    send(connection, Method::PUT, bucket, body).await.with_context(|| format!("cannot make bucket {bucket}"))
}

pub async fn delete_bucket(connection: &Connection, bucket: &BucketName) -> anyhow::Result<()> {
    send(connection, Method::DELETE, bucket, Bytes::new())
        .await
        .with_context(|| format!("cannot remove bucket {bucket}"))
}

async fn send(connection: &Connection, method: Method, bucket: &BucketName, body: Bytes) -> anyhow::Result<()> {
    let request = Request { method, bucket: Some(bucket), query: &[], headers: HeaderMap::new(), body };
    connection.request(request).await?;
    Ok(())
}

/// All buckets, page by page.
pub async fn list_buckets(connection: &Connection) -> anyhow::Result<Vec<BucketEntry>> {
    let mut found = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let after = token.as_deref().map(|token| ("continuation-token", token));
        let query: Vec<(&str, &str)> = after.into_iter().collect();
        let request =
            Request { method: Method::GET, bucket: None, query: &query, headers: HeaderMap::new(), body: Bytes::new() };
        let body = connection.request(request).await.context("cannot list buckets")?;
        let page: ListBucketsDocument =
            quick_xml::de::from_reader(&*body).context("the server's list of buckets is not what S3 sends")?;
        found.extend(page.buckets.entries);
        token = page.continuation_token.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(found);
        }
    }
}
