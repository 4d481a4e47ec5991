//! What a query may say: headers of a presigned URL, in any case, and every parameter once.

use crate::fixture::Fixture;

/// Some signers write into a presigned URL `X-Amz-Acl` where others write `x-amz-acl`; that was ignored.
#[tokio::test]
async fn headers_of_a_presigned_url_count_in_any_case() {
    let fixture = Fixture::new().await;
    for (name, value, status, code) in [
        ("X-Amz-Acl", "open-to-all", 400, "InvalidArgument"),
        ("X-Amz-Expected-Bucket-Owner", "123456789012", 403, "AccessDenied"),
        ("X-Amz-Server-Side-Encryption", "AES256", 501, "NotImplemented"),
        ("X-Amz-Storage-Class", "GLACIER", 400, "InvalidStorageClass"),
        ("X-Amz-If-Match-Size", "5", 501, "NotImplemented"),
        ("X-Amz-Copy-Source", "%2Fno-such-bucket%2Fk", 404, "NoSuchBucket"),
    ] {
        for name in [name.to_owned(), name.to_lowercase()] {
            let put = fixture.raw("PUT", &format!("/k?{name}={value}")).body("v").send_presigned().await;
            assert_eq!((put.status, put.code().as_str()), (status, code), "{name}: {}", put.text());
        }
    }
    assert!(fixture.keys().await.is_empty());

    let kept =
        "X-Amz-Meta-Colour=blue&X-Amz-Tagging=a%3Db&X-Amz-Acl=private&X-Amz-User-Agent=x&X-Amz-Checksum-Crc32=no";
    let put = fixture.raw("PUT", &format!("/k?{kept}")).body("v").send_presigned().await;
    assert_eq!(put.status, 200, "{}", put.text());
    let head = fixture.client.head_object().bucket(&fixture.bucket).key("k").send().await.unwrap();
    assert_eq!((head.metadata().unwrap()["colour"].as_str(), head.tag_count()), ("blue", Some(1)));

    let changed = fixture.raw("DELETE", "/k?X-Amz-If-Match-Size=5").send_presigned().await;
    assert_eq!((changed.status, changed.code().as_str()), (412, "PreconditionFailed"));
    let twice = fixture.raw("PUT", "/k?X-Amz-Acl=private&x-amz-acl=private").body("w").send_presigned().await;
    assert_eq!((twice.status, twice.code().as_str()), (400, "InvalidArgument"));
}

#[tokio::test]
async fn headers_in_the_query_of_a_request_signed_in_its_header_are_refused() {
    let fixture = Fixture::new().await;
    for (query, status, code) in [
        ("x-amz-acl=private", 400, "InvalidArgument"),
        ("X-Amz-Acl=public-read", 400, "InvalidArgument"),
        ("x-amz-meta-foo=bar", 400, "InvalidArgument"),
        ("x-amz-copy-source=%2Fa%2Fb", 400, "InvalidArgument"),
        ("x-amz-expected-bucket-owner=123456789012", 400, "InvalidArgument"),
        ("x-amz-server-side-encryption=AES256", 501, "NotImplemented"),
    ] {
        let put = fixture.raw("PUT", &format!("/k?{query}")).body("v").send().await;
        assert_eq!((put.status, put.code().as_str()), (status, code), "{query}: {}", put.text());
    }
    let unknown = fixture.raw("PUT", "/k?x-amz-unheard-of=1").body("v").send().await;
    assert_eq!(unknown.status, 200, "{}", unknown.text());
}

/// The first of two was taken.
#[tokio::test]
async fn a_parameter_that_the_operation_reads_stands_once() {
    let fixture = Fixture::new().await;
    fixture.put("k", "value").await;
    for rest in [
        "?list-type=2&prefix=a&prefix=k",
        "?max-keys=1&max-keys=0",
        "/k?versionId=null&versionId=abc",
        "/k?partNumber=1&partNumber=1",
        "/k?response-content-type=a%2Fb&response-content-type=c%2Fd",
    ] {
        let refused = fixture.raw("GET", rest).send().await;
        assert_eq!((refused.status, refused.code().as_str()), (400, "InvalidArgument"), "{rest}");
    }
    let unread = fixture.raw("GET", "/k?prefix=a&prefix=b&x-id=GetObject&x-id=GetObject").send().await;
    assert_eq!((unread.status, unread.text().as_str()), (200, "value"));
}
