//! Requests without any credentials: they may do what access control lists give everybody, and nothing else.

use crate::{
    fixture::{Fixture, new_bucket_name},
    raw::{RawRequest, RawResponse, element, exchange},
};
use aws_sdk_s3::types::{
    BucketCannedAcl, BucketVersioningStatus, ObjectCannedAcl, Tag, Tagging, VersioningConfiguration,
};

const EVERYBODY: &str = "uri=http://acs.amazonaws.com/groups/global/AllUsers";

/// Unsigned, to `/bucket` + `rest`. `lines`: further headers with their line ends.
pub async fn anonymously(fixture: &Fixture, method: &str, rest: &str, lines: &str, body: &[u8]) -> RawResponse {
    let (authority, bucket, length) = (fixture.authority(), &fixture.bucket, body.len());
    let head = format!(
        "{method} /{bucket}{rest} HTTP/1.1\r\nhost: {authority}\r\ncontent-length: {length}\r\nconnection: close\r\n{lines}\r\n"
    );
    exchange(&authority, head.as_bytes(), body).await
}

impl Fixture {
    async fn grant(&self, rest: &str, permission: &str) {
        let header = format!("x-amz-grant-{permission}");
        let put = self.raw("PUT", &format!("{rest}?acl")).header(&header, EVERYBODY).send().await;
        assert_eq!(put.status, 200, "{}", put.text());
    }

    async fn status(&self, method: &str, rest: &str) -> u16 {
        anonymously(self, method, rest, "", b"").await.status
    }

    async fn keep_versions(&self) {
        let enabled = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
        let enable = self.client.put_bucket_versioning().bucket(&self.bucket).versioning_configuration(enabled);
        enable.send().await.unwrap();
    }
}

/// Requests of each operation that no list grants, with the headers that make them so.
const NEVER: &[(&str, &str, &str)] = &[
    ("PUT", "", ""),
    ("DELETE", "", ""),
    ("GET", "?accelerate", ""),
    ("GET", "?cors", ""),
    ("GET", "?encryption", ""),
    ("GET", "?lifecycle", ""),
    ("GET", "?location", ""),
    ("GET", "?logging", ""),
    ("GET", "?notification", ""),
    ("GET", "?object-lock", ""),
    ("GET", "?ownershipControls", ""),
    ("GET", "?policy", ""),
    ("GET", "?policyStatus", ""),
    ("GET", "?publicAccessBlock", ""),
    ("GET", "?replication", ""),
    ("GET", "?requestPayment", ""),
    ("GET", "?tagging", ""),
    ("GET", "?versioning", ""),
    ("GET", "?website", ""),
    ("PUT", "?cors", ""),
    ("PUT", "?lifecycle", ""),
    ("PUT", "?object-lock", ""),
    ("PUT", "?ownershipControls", ""),
    ("PUT", "?policy", ""),
    ("PUT", "?publicAccessBlock", ""),
    ("PUT", "?tagging", ""),
    ("PUT", "?versioning", ""),
    ("PUT", "?website", ""),
    ("DELETE", "?cors", ""),
    ("DELETE", "?lifecycle", ""),
    ("DELETE", "?ownershipControls", ""),
    ("DELETE", "?policy", ""),
    ("DELETE", "?publicAccessBlock", ""),
    ("DELETE", "?tagging", ""),
    ("DELETE", "?website", ""),
    ("GET", "/key?attributes", "x-amz-object-attributes: ETag\r\n"),
    ("GET", "/key?legal-hold", ""),
    ("GET", "/key?retention", ""),
    ("GET", "/key?tagging", ""),
    ("GET", "/key?torrent", ""),
    ("GET", "/key?uploadId=0190a5c8e5b37c0e8c7f3d2a1b4c5d6e", ""),
    ("PUT", "/key?legal-hold", ""),
    ("PUT", "/key?retention", ""),
    ("PUT", "/key?tagging", ""),
    ("DELETE", "/key?tagging", ""),
    ("DELETE", "/key?versionId=null", ""),
    ("DELETE", "/key", "x-amz-bypass-governance-retention: true\r\n"),
    ("POST", "/key?uploads", ""),
    ("PUT", "/key?partNumber=1&uploadId=0190a5c8e5b37c0e8c7f3d2a1b4c5d6e", ""),
    ("POST", "/key?uploadId=0190a5c8e5b37c0e8c7f3d2a1b4c5d6e", ""),
    ("DELETE", "/key?uploadId=0190a5c8e5b37c0e8c7f3d2a1b4c5d6e", ""),
    ("PUT", "/copy", "x-amz-copy-source: BUCKET/key\r\n"),
    ("PUT", "/renamed?renameObject", "x-amz-rename-source: BUCKET/key\r\n"),
    ("PUT", "/renamed/?renameObject&larder-prefix", "x-amz-rename-source: BUCKET/k\r\n"),
    ("PUT", "/key", "x-amz-write-offset-bytes: 1\r\n"),
    ("PUT", "/new", "x-amz-object-lock-legal-hold: ON\r\n"),
    ("PUT", "/new", "x-amz-object-lock-mode: GOVERNANCE\r\n"),
];

/// And those that a list grants.
const GRANTED: &[(&str, &str)] = &[
    ("GET", ""),
    ("HEAD", ""),
    ("GET", "?list-type=2"),
    ("GET", "?versions"),
    ("GET", "?uploads"),
    ("GET", "?acl"),
    ("PUT", "?acl"),
    ("POST", "?delete"),
    ("GET", "/key"),
    ("HEAD", "/key"),
    ("GET", "/key?versionId=null"),
    ("GET", "/key?acl"),
    ("GET", "/key?acl&versionId=null"),
    ("PUT", "/key?acl"),
    ("PUT", "/key"),
    ("DELETE", "/key"),
];

#[tokio::test]
async fn nobody_unnamed_does_anything_in_a_private_bucket() {
    let fixture = Fixture::new().await;
    fixture.put("key", "x").await;
    let granted = GRANTED.iter().map(|(method, rest)| (*method, *rest, "x-amz-acl: private\r\n"));
    for (method, rest, lines) in NEVER.iter().copied().chain(granted) {
        let lines = lines.replace("BUCKET", &fixture.bucket);
        let answer = anonymously(&fixture, method, rest, &lines, b"").await;
        assert_eq!(answer.status, 403, "{method} {rest} {lines}: {}", answer.text());
        assert!(method == "HEAD" || answer.code() == "AccessDenied", "{method} {rest}: {}", answer.text());
        let missing = anonymously(&fixture, method, &rest.replace("/key", "/none"), &lines, b"").await;
        assert_eq!(missing.status, 403, "{method} {rest} of what is not there");
    }
    assert_eq!(fixture.keys().await, ["key"]);
    assert_eq!(fixture.get("key").await, b"x");
}

#[tokio::test]
async fn nor_what_no_list_grants_in_one_that_gives_everybody_everything() {
    let fixture = Fixture::new().await;
    fixture.put("key", "x").await;
    fixture.grant("/key", "full-control").await;
    fixture.grant("", "full-control").await;
    for (method, rest, lines) in NEVER {
        let answer = anonymously(&fixture, method, rest, &lines.replace("BUCKET", &fixture.bucket), b"").await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "AccessDenied"), "{method} {rest} {lines}");
    }
    assert_eq!(fixture.get("key").await, b"x");
    let account = format!("GET / HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", fixture.authority());
    let buckets = exchange(&fixture.authority(), account.as_bytes(), b"").await;
    assert_eq!((buckets.status, buckets.code().as_str()), (403, "AccessDenied"));
}

#[tokio::test]
async fn each_permission_gives_what_it_says_and_no_more() {
    const READS: &[(&str, &str)] =
        &[("GET", ""), ("HEAD", ""), ("GET", "?list-type=2"), ("GET", "?versions"), ("GET", "?uploads")];
    let fixture = Fixture::new().await;
    fixture.put("key", "x").await;
    for (rest, permission, allowed) in [
        ("", "read", READS),
        ("", "read-acp", &[("GET", "?acl")]),
        ("", "write", &[]),
        ("/key", "read", &[("GET", "/key"), ("HEAD", "/key"), ("GET", "/key?versionId=null")]),
        ("/key", "read-acp", &[("GET", "/key?acl"), ("GET", "/key?acl&versionId=null")]),
        ("/key", "write", &[]),
        ("/key", "write-acp", &[]),
    ] {
        fixture.grant(rest, permission).await;
        for (method, target) in GRANTED.iter().filter(|(method, _)| ["GET", "HEAD"].contains(method)) {
            let expected = if allowed.contains(&(*method, *target)) { 200 } else { 403 };
            assert_eq!(fixture.status(method, target).await, expected, "{rest} {permission}: {method} {target}");
        }
        let close = fixture.raw("PUT", &format!("{rest}?acl")).header("x-amz-acl", "private").send().await;
        assert_eq!(close.status, 200);
    }
}

#[tokio::test]
async fn a_public_object_is_read_as_anybody_reads_it() {
    let fixture = Fixture::new().await;
    let tags = "a=b";
    let put = fixture.client.put_object().bucket(&fixture.bucket).key("key").acl(ObjectCannedAcl::PublicRead);
    put.tagging(tags).content_type("text/plain").body(b"public bytes".to_vec().into()).send().await.unwrap();
    let read = anonymously(&fixture, "GET", "/key", "range: bytes=0-5\r\n", b"").await;
    assert_eq!((read.status, read.body.as_slice()), (206, &b"public"[..]));
    assert_eq!(read.header("content-type"), Some("text/plain"));
    assert_eq!(read.header("x-amz-tagging-count"), None, "who may not ask for tags is not told that there are any");
    let signed = fixture.raw("GET", "/key").send().await;
    assert_eq!(signed.header("x-amz-tagging-count"), Some("1"));
    let part = anonymously(&fixture, "GET", "/key?partNumber=1", "", b"").await;
    assert_eq!((part.status, part.body.as_slice()), (206, &b"public bytes"[..]));
    let override_type = anonymously(&fixture, "GET", "/key?response-content-type=text/html", "", b"").await;
    assert_eq!((override_type.status, override_type.code().as_str()), (400, "InvalidRequest"));
    fixture.put("key", "private").await;
    assert_eq!(fixture.status("GET", "/key").await, 403);
}

#[tokio::test]
async fn authenticated_users_are_not_everybody() {
    let fixture = Fixture::new().await;
    let put = fixture.client.put_object().bucket(&fixture.bucket).key("key");
    put.acl(ObjectCannedAcl::AuthenticatedRead).send().await.unwrap();
    let list = fixture.client.put_bucket_acl().bucket(&fixture.bucket).acl(BucketCannedAcl::AuthenticatedRead);
    list.send().await.unwrap();
    assert_eq!((fixture.status("GET", "/key").await, fixture.status("GET", "").await), (403, 403));
}

#[tokio::test]
async fn what_is_not_there_is_told_to_who_may_list() {
    let fixture = Fixture::new().await;
    fixture.keep_versions().await;
    fixture.put("deleted", "x").await;
    fixture.client.delete_object().bucket(&fixture.bucket).key("deleted").send().await.unwrap();
    for key in ["/none", "/deleted"] {
        let denied = anonymously(&fixture, "GET", key, "", b"").await;
        assert_eq!((denied.status, denied.code().as_str()), (403, "AccessDenied"));
        assert_eq!((denied.header("x-amz-delete-marker"), denied.header("x-amz-version-id")), (None, None));
    }
    fixture.grant("", "read").await;
    for key in ["/none", "/deleted"] {
        let missing = anonymously(&fixture, "GET", key, "", b"").await;
        assert_eq!((missing.status, missing.code().as_str()), (404, "NoSuchKey"));
    }
    let mut nowhere = Fixture::new().await;
    nowhere.bucket = new_bucket_name();
    for (method, rest) in GRANTED.iter().filter(|(method, _)| *method != "HEAD") {
        let answer = anonymously(&nowhere, method, rest, "", b"").await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "NoSuchBucket"), "{method} {rest}");
    }
    let create = anonymously(&nowhere, "PUT", "", "", b"").await;
    assert_eq!((create.status, create.code().as_str()), (403, "AccessDenied"));
}

#[tokio::test]
async fn a_bucket_that_everybody_may_write_is_written() {
    let fixture = Fixture::new().await;
    let list = fixture.client.put_bucket_acl().bucket(&fixture.bucket).acl(BucketCannedAcl::PublicReadWrite);
    list.send().await.unwrap();
    assert_eq!(anonymously(&fixture, "PUT", "/key", "x-amz-acl: public-read\r\n", b"one").await.status, 200);
    assert_eq!(anonymously(&fixture, "GET", "/key", "", b"").await.body, b"one");
    assert_eq!(anonymously(&fixture, "PUT", "/key", "", b"two").await.status, 200);
    assert_eq!(fixture.status("GET", "/key").await, 403, "it is private, and the bucket's owner's");
    assert_eq!(fixture.get("key").await, b"two");
    let acl = fixture.client.get_object_acl().bucket(&fixture.bucket).key("key").send().await.unwrap();
    assert_eq!(acl.owner().and_then(|owner| owner.id()), Some("larder"));
    let hash = "x-amz-content-sha256: 0000000000000000000000000000000000000000000000000000000000000000\r\n";
    let wrong = anonymously(&fixture, "PUT", "/key", hash, b"three").await;
    assert_eq!((wrong.status, wrong.code().as_str()), (400, "XAmzContentSHA256Mismatch"));
    let chunks = "x-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER\r\nx-amz-decoded-content-length: 3\r\n\
                  content-encoding: aws-chunked\r\nx-amz-trailer: x-amz-checksum-crc32\r\n";
    let body = b"3\r\nabc\r\n0\r\nx-amz-checksum-crc32: NSRBwg==\r\n\r\n";
    let chunked = anonymously(&fixture, "PUT", "/chunks", chunks, body).await;
    assert_eq!(chunked.status, 200, "{}", chunked.text());
    assert_eq!(fixture.get("chunks").await, b"abc");
    assert_eq!(fixture.status("DELETE", "/key").await, 204);
    assert_eq!(fixture.keys().await, ["chunks"]);
}

#[tokio::test]
async fn many_are_deleted_at_once_but_no_version() {
    let fixture = Fixture::new().await;
    fixture.keep_versions().await;
    fixture.put("a", "x").await;
    fixture.put("b", "x").await;
    fixture.grant("", "write").await;
    let body = "<Delete><Object><Key>a</Key></Object><Object><Key>b</Key><VersionId>null</VersionId></Object></Delete>";
    let md5 = "content-md5: aGFzaA==\r\n";
    assert_eq!(anonymously(&fixture, "POST", "?delete", md5, body.as_bytes()).await.code(), "InvalidDigest");
    let checksum = format!("x-amz-checksum-crc32: {}\r\n", crc32_of(body.as_bytes()));
    let answer = anonymously(&fixture, "POST", "?delete", &checksum, body.as_bytes()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let error = element(&answer.text(), "Error").unwrap();
    assert_eq!(
        (element(&error, "Key").as_deref(), element(&error, "Code").as_deref()),
        (Some("b"), Some("AccessDenied"))
    );
    assert_eq!(fixture.keys().await, ["b"]);
}

fn crc32_of(bytes: &[u8]) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    STANDARD.encode((!crc).to_be_bytes())
}

#[tokio::test]
async fn a_list_is_set_by_whom_it_lets() {
    let fixture = Fixture::new().await;
    fixture.put("key", "x").await;
    fixture.grant("/key", "write-acp").await;
    let set = anonymously(&fixture, "PUT", "/key?acl", "x-amz-acl: public-read\r\n", b"").await;
    assert_eq!(set.status, 200, "{}", set.text());
    assert_eq!(fixture.status("GET", "/key").await, 200);
    let again = anonymously(&fixture, "PUT", "/key?acl", "x-amz-acl: private\r\n", b"").await;
    assert_eq!((again.status, again.code().as_str()), (403, "AccessDenied"), "he has given his permission away");
    fixture.grant("", "write-acp").await;
    assert_eq!(anonymously(&fixture, "PUT", "?acl", "x-amz-acl: public-read\r\n", b"").await.status, 200);
    assert_eq!((fixture.status("GET", "").await, fixture.status("GET", "?acl").await), (200, 403));
}

#[tokio::test]
async fn a_form_without_a_policy_is_anybodys() {
    let fixture = Fixture::new().await;
    let form = |fields: &[(&str, &str)]| {
        let mut body = String::new();
        for (name, value) in fields {
            body += &format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        }
        body + "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\nbytes\r\n--x--\r\n"
    };
    let lines = "content-type: multipart/form-data; boundary=x\r\n";
    let post = async |fields: &[(&str, &str)]| anonymously(&fixture, "POST", "", lines, form(fields).as_bytes()).await;
    let whole = [("key", "k"), ("acl", "public-read"), ("x-amz-meta-a", "1")];
    assert_eq!(post(&whole).await.code(), "AccessDenied");
    fixture.grant("", "write").await;
    let stored = post(&whole).await;
    assert_eq!(stored.status, 204, "{}", stored.text());
    let read = anonymously(&fixture, "GET", "/k", "", b"").await;
    assert_eq!((read.body.as_slice(), read.header("x-amz-meta-a")), (&b"bytes"[..], Some("1")));
    let tagged = "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>";
    assert_eq!(post(&[("key", "t"), ("tagging", tagged)]).await.status, 204, "who writes it says what it begins with");
    let locked = post(&[("key", "l"), ("x-amz-object-lock-legal-hold", "ON")]).await;
    assert_eq!((locked.status, locked.code().as_str()), (403, "AccessDenied"));
    let half = post(&[("key", "h"), ("policy", "e30=")]).await;
    assert_eq!((half.status, half.code().as_str()), (400, "InvalidArgument"));
    let tag = Tag::builder().key("a").value("b").build().unwrap();
    let expected = Tagging::builder().tag_set(tag).build().unwrap();
    let kept = fixture.client.get_object_tagging().bucket(&fixture.bucket).key("t").send().await.unwrap();
    assert_eq!((kept.tag_set(), fixture.keys().await), (expected.tag_set(), vec!["k".to_owned(), "t".to_owned()]));
}

/// The holes of other servers: what has something of a signature was taken for a request without any.
#[tokio::test]
async fn half_credentials_get_nothing_of_a_public_bucket() {
    let fixture = Fixture::new().await;
    let put = fixture.client.put_object().bucket(&fixture.bucket).key("key").acl(ObjectCannedAcl::PublicReadWrite);
    put.send().await.unwrap();
    fixture.grant("", "full-control").await;
    for (rest, lines) in [
        ("/key", "authorization: \r\n"),
        ("/key", "authorization: Bearer x\r\n"),
        ("/key", "authorization: AWS4-HMAC-SHA256\r\n"),
        ("/key", "authorization: AWS unknown:c2lnbmF0dXJl\r\n"),
        ("/key", "x-amz-date: 20250615T150640Z\r\n"),
        ("/key", "x-amz-security-token: t\r\n"),
        ("/key?X-Amz-Signature=s", ""),
        ("/key?x-amz-signature=s", ""),
        ("/key?X-Amz-Credential=c", ""),
        ("/key?Signature=s", ""),
        ("/key?AWSAccessKeyId=a", ""),
        ("/key?Expires=99999999999", ""),
        ("", "x-amz-content-sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD\r\n"),
    ] {
        for method in ["GET", "PUT", "DELETE"].into_iter().filter(|method| !rest.is_empty() || *method == "GET") {
            let answer = anonymously(&fixture, method, rest, lines, b"").await;
            assert!([400, 403].contains(&answer.status), "{method} {rest} {lines}: {}", answer.status);
        }
    }
    // A signature that is wrong, an access key that nobody has, and one that is right.
    let wrong = RawRequest::new(&fixture, "GET", format!("/{}/key", fixture.bucket)).header("x-amz-meta-a", "1");
    assert_eq!(wrong.send().await.status, 200);
    let unknown = fixture.raw("GET", "/key?X-Amz-Algorithm=AWS4-HMAC-SHA256").send().await;
    assert_eq!(unknown.status, 400, "two mechanisms");
    assert_eq!(fixture.keys().await, ["key"]);
}

/// From outside: of a bucket that gives writing alone, conditions told which keys are there and guessed what they hold.
#[tokio::test]
async fn who_may_write_learns_nothing_by_conditions() {
    let fixture = Fixture::new().await;
    fixture.put("there", "x").await;
    fixture.grant("", "write").await;
    let wrong = "\"00000000000000000000000000000000\"";
    for (method, condition) in [
        ("PUT", format!("if-match: {wrong}\r\n")),
        ("PUT", "if-none-match: *\r\n".to_owned()),
        ("DELETE", format!("if-match: {wrong}\r\n")),
        ("DELETE", "x-amz-if-match-size: 7\r\n".to_owned()),
        ("DELETE", "x-amz-if-match-last-modified-time: Mon, 12 Oct 2009 17:50:30 GMT\r\n".to_owned()),
    ] {
        for key in ["/there", "/missing"] {
            let refused = anonymously(&fixture, method, key, &condition, b"").await;
            assert_eq!((refused.status, refused.code().as_str()), (403, "AccessDenied"), "{method} {key} {condition}");
        }
    }
    let entry = |key| format!("<Object><Key>{key}</Key><ETag>{wrong}</ETag></Object>");
    let body = format!("<Delete>{}{}</Delete>", entry("there"), entry("missing"));
    let checksum = format!("x-amz-checksum-crc32: {}\r\n", crc32_of(body.as_bytes()));
    let answer = anonymously(&fixture, "POST", "?delete", &checksum, body.as_bytes()).await;
    assert_eq!(answer.text().matches("<Code>AccessDenied</Code>").count(), 2, "{}", answer.text());
    assert_eq!(fixture.keys().await, ["there"]);
}
