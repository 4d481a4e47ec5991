//! DeleteObjects.

use crate::fixture::{Fixture, code};
use aws_sdk_s3::types::{Delete, ObjectIdentifier};

const ONE_KEY: &str = "<Delete><Object><Key>a</Key></Object></Delete>";

fn identifier(key: &str) -> ObjectIdentifier {
    ObjectIdentifier::builder().key(key).build().unwrap()
}

#[tokio::test]
async fn a_thousand_keys_go_in_one_request_and_absent_ones_count_as_deleted() {
    let fixture = Fixture::new().await;
    for key in ["a", "b & c", "ü"] {
        fixture.put(key, "x").await;
    }
    let mut objects: Vec<_> = (0..997).map(|i| identifier(&format!("absent-{i}"))).collect();
    objects.extend(["a", "b & c", "ü"].map(identifier));
    let delete = Delete::builder().set_objects(Some(objects)).build().unwrap();
    let deleted = fixture.client.delete_objects().bucket(&fixture.bucket).delete(delete).send().await.unwrap();
    assert_eq!(deleted.deleted().len(), 1000);
    assert!(deleted.errors().is_empty());
    assert!(fixture.keys().await.is_empty());
}

#[tokio::test]
async fn quiet_answers_errors_alone() {
    let fixture = Fixture::new().await;
    fixture.put("a", "x").await;
    let wrong = ObjectIdentifier::builder().key("a").e_tag("\"no\"").build().unwrap();
    let delete = Delete::builder().objects(wrong).objects(identifier("b")).quiet(true).build().unwrap();
    let deleted = fixture.client.delete_objects().bucket(&fixture.bucket).delete(delete).send().await.unwrap();
    assert!(deleted.deleted().is_empty());
    assert_eq!(deleted.errors().len(), 1);
    assert_eq!(deleted.errors()[0].code(), Some("PreconditionFailed"));
    assert_eq!(fixture.keys().await, ["a"]);
}

#[tokio::test]
async fn more_than_a_thousand_keys_are_malformed() {
    let fixture = Fixture::new().await;
    let objects = (0..1001).map(|i| identifier(&format!("k{i}"))).collect();
    let delete = Delete::builder().set_objects(Some(objects)).build().unwrap();
    let refused = fixture.client.delete_objects().bucket(&fixture.bucket).delete(delete).send().await;
    assert_eq!(code(refused), "MalformedXML");
}

#[tokio::test]
async fn a_body_must_fit_its_digest_and_be_well_formed_xml() {
    let fixture = Fixture::new().await;
    let wrong = fixture.raw("POST", "?delete").header("content-md5", "XrY7u+Ae7tCTyyK7j1rNww==").body(ONE_KEY);
    assert_eq!(wrong.send().await.code(), "BadDigest");
    let cut = fixture.raw("POST", "?delete").header("x-amz-checksum-crc32", "hRSJYA==").body("<Delete>").send().await;
    assert_eq!((cut.status, cut.code().as_str()), (400, "MalformedXML"));
    fixture.put("a", "x").await;
    let junk = format!("{ONE_KEY}junk");
    let behind =
        fixture.raw("POST", "?delete").header("content-md5", "+q6viMbkvrczRwMO6cYCvA==").body(junk).send().await;
    assert_eq!((behind.status, behind.code().as_str()), (400, "MalformedXML"));
    assert_eq!(fixture.keys().await, ["a"]);
}

#[tokio::test]
async fn a_body_needs_an_integrity_header_and_any_one_is_enough() {
    let fixture = Fixture::new().await;
    fixture.put("a", "x").await;
    let bare = fixture.raw("POST", "?delete").body(ONE_KEY).send().await;
    assert_eq!((bare.status, bare.code().as_str()), (400, "InvalidRequest"));
    assert!(bare.text().contains("Missing required header for this request: Content-MD5"), "{}", bare.text());
    assert_eq!(fixture.keys().await, ["a"]);
    for (header, value) in [
        ("content-md5", "aFPqFnlCon58cZ4Qt7zwvQ=="),
        ("x-amz-checksum-crc32", "v6Ysrw=="),
        ("x-amz-checksum-crc64nvme", "OYaFGp/GKzo="),
        ("x-amz-checksum-sha256", "b9qfkiJPh7YpXlHOwFcwrzwDhH5vPcI78v9N4bFbu4E="),
    ] {
        let one = fixture.raw("POST", "?delete").header(header, value).body(ONE_KEY).send().await;
        assert_eq!(one.status, 200, "{header}: {}", one.text());
    }
    let chunked = format!("{:x}\r\n{ONE_KEY}\r\n0\r\nx-amz-checksum-crc32:v6Ysrw==\r\n\r\n", ONE_KEY.len());
    let trailer = fixture.raw("POST", "?delete").content_sha256("STREAMING-UNSIGNED-PAYLOAD-TRAILER");
    let trailer = trailer.header("x-amz-trailer", "x-amz-checksum-crc32").header("content-encoding", "aws-chunked");
    let trailer = trailer.header("x-amz-decoded-content-length", ONE_KEY.len().to_string()).body(chunked).send().await;
    assert_eq!(trailer.status, 200, "{}", trailer.text());
    assert!(fixture.keys().await.is_empty());
}
