//! Listing and deleting many objects, with keys exactly as the server has them. Source: Amazon S3 API Reference,
//! "ListObjectsV2", "DeleteObjects".

use super::connection::{Connection, Request};
use super::location::Location;
use crate::types::BucketName;
use anyhow::{Context, bail};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use md5::{Digest, Md5};
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

/// How far down a listing goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// To the next `/` behind the prefix.
    OneLevel,
    Everything,
}

/// At most 1000 entries, and where to go on.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Page {
    pub objects: Vec<ListedKey>,
    pub prefixes: Vec<String>,
    pub next: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct ListedKey {
    pub key: String,
    pub size: u64,
    /// As the server writes it: ISO 8601.
    pub last_modified: String,
}

/// Element by element, so that keys and common prefixes may be mixed, as some servers send them.
#[derive(Deserialize)]
#[serde(rename = "ListBucketResult")]
struct ListDocument {
    #[serde(rename = "$value", default)]
    elements: Vec<ListElement>,
}

#[derive(Deserialize)]
enum ListElement {
    Contents(ContentsEntry),
    CommonPrefixes(PrefixEntry),
    NextContinuationToken(String),
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ContentsEntry {
    key: String,
    size: u64,
    last_modified: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PrefixEntry {
    prefix: String,
}

#[derive(Serialize)]
#[serde(rename = "Delete", rename_all = "PascalCase")]
struct DeleteDocument<'a> {
    #[serde(rename = "@xmlns")]
    namespace: &'static str,
    quiet: bool,
    object: Vec<DeleteEntry<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DeleteEntry<'a> {
    key: &'a str,
}

#[derive(Deserialize)]
struct DeleteResultDocument {
    #[serde(rename = "Error", default)]
    errors: Vec<DeleteErrorEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
struct DeleteErrorEntry {
    key: String,
    code: String,
    message: String,
}

/// The page behind `after`; the location's key is the prefix.
pub async fn list_page(
    connection: &Connection,
    location: &Location,
    depth: Depth,
    after: Option<&str>,
) -> anyhow::Result<Page> {
    let mut query = vec![("list-type", "2"), ("encoding-type", "url"), ("prefix", location.key.as_str())];
    if depth == Depth::OneLevel {
        query.push(("delimiter", "/"));
    }
    query.extend(after.map(|token| ("continuation-token", token)));
    let request = Request {
        method: Method::GET,
        bucket: Some(&location.bucket),
        query: &query,
        headers: HeaderMap::new(),
        body: Bytes::new(),
    };
    let body = connection.request(request).await.with_context(|| format!("cannot list {location}"))?;
    read_page(&body)
}

fn read_page(body: &[u8]) -> anyhow::Result<Page> {
    let document: ListDocument = quick_xml::de::from_reader(body).context("the server's list is not what S3 sends")?;
    let mut page = Page::default();
    for element in document.elements {
        match element {
            ListElement::Contents(ContentsEntry { key, size, last_modified }) => {
                page.objects.push(ListedKey { key: decoded(&key)?, size, last_modified });
            }
            ListElement::CommonPrefixes(entry) => page.prefixes.push(decoded(&entry.prefix)?),
            ListElement::NextContinuationToken(token) => page.next = Some(token).filter(|token| !token.is_empty()),
            ListElement::Other => {}
        }
    }
    Ok(page)
}

/// `encoding-type=url` writes a space as `+`.
fn decoded(key: &str) -> anyhow::Result<String> {
    let spaced = key.replace('+', " ");
    Ok(percent_decode_str(&spaced).decode_utf8().context("a listed key is not UTF-8")?.into_owned())
}

/// Deletes up to 1000 keys with one request.
pub async fn delete_keys(connection: &Connection, bucket: &BucketName, keys: &[String]) -> anyhow::Result<()> {
    let object = keys.iter().map(|key| DeleteEntry { key }).collect();
    let document = DeleteDocument { namespace: super::XML_NAMESPACE, quiet: true, object };
    let body = Bytes::from(quick_xml::se::to_string(&document)?);
    let digest = BASE64.encode(Md5::digest(&body));
    let headers = HeaderMap::from_iter([(HeaderName::from_static("content-md5"), HeaderValue::from_str(&digest)?)]);
    let request = Request { method: Method::POST, bucket: Some(bucket), query: &[("delete", "")], headers, body };
    let answer = connection.request(request).await.with_context(|| format!("cannot delete objects of {bucket}"))?;
    let result: DeleteResultDocument =
        quick_xml::de::from_reader(&*answer).context("the server's answer to the deletion is not what S3 sends")?;
    match result.errors.first() {
        None => Ok(()),
        Some(DeleteErrorEntry { key, code, message }) => {
            bail!(
                "{} of {} keys were not deleted; the first is `{key}`: {code}: {message}",
                result.errors.len(),
                keys.len()
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_keeps_keys_exactly() {
        let body = "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
            <Name>b</Name><Contents><Key>a%2Bb//c+d%26</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified>\
            <Size>7</Size></Contents><Contents><Key>z/</Key><LastModified>x</LastModified><Size>0</Size></Contents>\
            <CommonPrefixes><Prefix>dir%0A/</Prefix></CommonPrefixes>\
            <IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken></ListBucketResult>";
        let page = read_page(body.as_bytes()).unwrap();
        let keys: Vec<&str> = page.objects.iter().map(|object| object.key.as_str()).collect();
        assert_eq!(keys, ["a+b//c d&", "z/"]);
        assert_eq!((page.objects[0].size, page.prefixes.as_slice()), (7, &["dir\n/".to_owned()][..]));
        assert_eq!(page.next.as_deref(), Some("t"));
        assert!(read_page(b"<html>").is_err());
    }

    #[test]
    fn keys_and_prefixes_may_be_mixed_with_each_other_and_with_what_is_not_read() {
        let contents =
            |key| format!("<Contents><Key>{key}</Key><LastModified>x</LastModified><Size>1</Size></Contents>");
        let prefix = |text| format!("<CommonPrefixes><Prefix>{text}</Prefix></CommonPrefixes>");
        let (a, b, c, d) = (contents("a"), prefix("b/"), contents("c"), prefix("d/"));
        let other = "<Other><Contents>no</Contents></Other><Empty/>";
        let body = format!("<ListBucketResult xmlns=\"n\">{a}{b}{other}{c}\n {d}<Name/></ListBucketResult>");
        let page = read_page(body.as_bytes()).unwrap();
        let keys: Vec<&str> = page.objects.iter().map(|object| object.key.as_str()).collect();
        assert_eq!((keys, page.prefixes, page.next), (vec!["a", "c"], vec!["b/".to_owned(), "d/".to_owned()], None));
        let nothing = read_page(b"<ListBucketResult/>").unwrap();
        assert_eq!(nothing, Page::default());
    }

    #[test]
    fn keys_are_escaped_in_the_deletion() {
        let object = vec![DeleteEntry { key: "a<&>b" }];
        let text = quick_xml::se::to_string(&DeleteDocument { namespace: "n", quiet: true, object }).unwrap();
        assert_eq!(text, "<Delete xmlns=\"n\"><Quiet>true</Quiet><Object><Key>a&lt;&amp;&gt;b</Key></Object></Delete>");
    }
}
