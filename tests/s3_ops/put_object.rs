//! PutObject.

use crate::fixture::{Fixture, code, new_bucket_name, pattern};
use aws_sdk_s3::{
    primitives::ByteStream,
    types::{ChecksumAlgorithm, ChecksumMode},
};
use std::sync::Arc;

#[tokio::test]
async fn what_was_put_is_read_back_at_every_size_around_the_borders() {
    let fixture = Fixture::new().await;
    const BLOCK: usize = 64 * 1024;
    const CHUNK: usize = 4 * 1024 * 1024;
    for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 4 * BLOCK, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 77] {
        let body = pattern(length, length as u64);
        fixture.put("border", body.clone()).await;
        assert!(fixture.get("border").await == body, "length {length}");
    }
}

#[tokio::test]
async fn the_etag_is_the_md5() {
    let fixture = Fixture::new().await;
    assert_eq!(fixture.put("key", "hello").await, "\"5d41402abc4b2a76b9719d911017c592\"");
}

#[tokio::test]
async fn keys_of_every_kind_are_ordinary() {
    let fixture = Fixture::new().await;
    let keys =
        ["..", "../up", "a//b", "/lead", "a b+c", "100%2Fdone", "ключ/鍵", "tab\tkey", "&<>\"'", &"k".repeat(1024)];
    for key in keys {
        fixture.put(key, key).await;
        assert_eq!(fixture.get(key).await, key.as_bytes(), "{key}");
    }
    let mut sorted: Vec<&str> = keys.to_vec();
    sorted.sort_unstable();
    assert_eq!(fixture.keys().await, sorted);
}

#[tokio::test]
async fn a_key_of_1025_bytes_is_too_long() {
    let fixture = Fixture::new().await;
    let put = fixture.client.put_object().bucket(&fixture.bucket).key("k".repeat(1025)).send().await;
    assert_eq!(code(put), "KeyTooLongError");
}

#[tokio::test]
async fn system_headers_and_user_metadata_come_back() {
    let fixture = Fixture::new().await;
    let put = fixture.client.put_object().bucket(&fixture.bucket).key("key").body(ByteStream::from_static(b"x"));
    put.content_type("text/x-test")
        .cache_control("max-age=60")
        .content_disposition("attachment; filename=\"f\"")
        .content_encoding("gzip")
        .content_language("de")
        .metadata("color", "blue")
        .metadata("Upper", "Case")
        .send()
        .await
        .unwrap();
    let head = fixture.client.head_object().bucket(&fixture.bucket).key("key").send().await.unwrap();
    assert_eq!(head.content_type(), Some("text/x-test"));
    assert_eq!(head.cache_control(), Some("max-age=60"));
    assert_eq!(head.content_disposition(), Some("attachment; filename=\"f\""));
    assert_eq!(head.content_encoding(), Some("gzip"), "without aws-chunked");
    assert_eq!(head.content_language(), Some("de"));
    let metadata = head.metadata().unwrap();
    assert_eq!(metadata.get("color").map(String::as_str), Some("blue"));
    assert_eq!(metadata.get("upper").map(String::as_str), Some("Case"));
}

#[tokio::test]
async fn metadata_above_2_kib_is_too_large() {
    let fixture = Fixture::new().await;
    let refused = fixture.raw("PUT", "/key").header("x-amz-meta-big", "v".repeat(2048)).body("x").send().await;
    assert_eq!((refused.status, refused.code().as_str()), (400, "MetadataTooLarge"));
}

#[tokio::test]
async fn each_checksum_algorithm_is_verified_kept_and_shown() {
    let fixture = Fixture::new().await;
    let algorithms = [
        ChecksumAlgorithm::Crc32,
        ChecksumAlgorithm::Crc32C,
        ChecksumAlgorithm::Crc64Nvme,
        ChecksumAlgorithm::Sha1,
        ChecksumAlgorithm::Sha256,
    ];
    for algorithm in algorithms {
        let put = fixture.client.put_object().bucket(&fixture.bucket).key("key").checksum_algorithm(algorithm.clone());
        let put = put.body(ByteStream::from(pattern(100_000, 7))).send().await.unwrap();
        let get = fixture.client.get_object().bucket(&fixture.bucket).key("key").checksum_mode(ChecksumMode::Enabled);
        let get = get.send().await.unwrap();
        let shown = |which: &ChecksumAlgorithm| match which {
            ChecksumAlgorithm::Crc32 => (put.checksum_crc32(), get.checksum_crc32()),
            ChecksumAlgorithm::Crc32C => (put.checksum_crc32_c(), get.checksum_crc32_c()),
            ChecksumAlgorithm::Crc64Nvme => (put.checksum_crc64_nvme(), get.checksum_crc64_nvme()),
            ChecksumAlgorithm::Sha1 => (put.checksum_sha1(), get.checksum_sha1()),
            _ => (put.checksum_sha256(), get.checksum_sha256()),
        };
        let (answered, read) = shown(&algorithm);
        assert!(answered.is_some() && answered == read, "{algorithm:?}: {answered:?} {read:?}");
        assert_eq!(get.checksum_type().map(|kind| kind.as_str()), Some("FULL_OBJECT"));
        // The SDK compares body and checksum while it reads.
        assert!(get.body.collect().await.unwrap().to_vec() == pattern(100_000, 7));
    }
}

#[tokio::test]
async fn a_crc64nvme_is_made_when_the_client_sends_no_checksum() {
    let fixture = Fixture::new().await;
    let put = fixture.raw("PUT", "/key").body("123456789").send().await;
    assert_eq!(put.status, 200);
    let head = fixture.raw("HEAD", "/key").header("x-amz-checksum-mode", "ENABLED").send().await;
    // The published check value of CRC-64/NVME.
    assert_eq!(head.header("x-amz-checksum-crc64nvme"), Some("rosUhgp5mIg="));
}

#[tokio::test]
async fn a_wrong_digest_leaves_nothing_behind() {
    let fixture = Fixture::new().await;
    let cases = [
        ("content-md5", "XrY7u+Ae7tCTyyK7j1rNww==", "BadDigest"),
        ("content-md5", "short", "InvalidDigest"),
        ("x-amz-checksum-crc32", "AAAAAA==", "BadDigest"),
        ("x-amz-checksum-crc32", "not base64", "BadDigest"),
        ("x-amz-checksum-sha256", "AAAAAA==", "BadDigest"),
    ];
    for (header, value, expected) in cases {
        let refused = fixture.raw("PUT", "/key").header(header, value).body("some bytes").send().await;
        assert_eq!((refused.status, refused.code().as_str()), (400, expected), "{header}: {value}");
    }
    let refused = fixture.raw("PUT", "/key").content_sha256("0".repeat(64)).body("some bytes").send().await;
    assert_eq!((refused.status, refused.code().as_str()), (400, "XAmzContentSHA256Mismatch"));
    assert!(fixture.keys().await.is_empty());
}

#[tokio::test]
async fn two_checksums_at_once_are_refused() {
    let fixture = Fixture::new().await;
    for second in ["AAAAAA==", "malformed"] {
        let put = fixture.raw("PUT", "/key").header("x-amz-checksum-crc32", "AAAAAA==");
        assert_eq!(put.header("x-amz-checksum-crc32c", second).send().await.code(), "InvalidRequest", "{second}");
    }
}

#[tokio::test]
async fn with_if_none_match_star_is_412_when_the_key_exists() {
    let fixture = Fixture::new().await;
    let put = || fixture.client.put_object().bucket(&fixture.bucket).key("key").if_none_match("*");
    put().body(ByteStream::from_static(b"first")).send().await.unwrap();
    assert_eq!(code(put().body(ByteStream::from_static(b"second")).send().await), "PreconditionFailed");
    assert_eq!(fixture.get("key").await, b"first");
}

#[tokio::test]
async fn with_if_match_replaces_only_what_it_names() {
    let fixture = Fixture::new().await;
    let put = |tag: &str| fixture.client.put_object().bucket(&fixture.bucket).key("key").if_match(tag).send();
    assert_eq!(code(put("\"5d41402abc4b2a76b9719d911017c592\"").await), "NoSuchKey");
    let tag = fixture.put("key", "one").await;
    assert_eq!(code(put("\"5d41402abc4b2a76b9719d911017c592\"").await), "PreconditionFailed");
    put(&tag).await.unwrap();
    assert_eq!(code(put(&tag).await), "PreconditionFailed");
}

#[tokio::test]
async fn of_many_racing_creators_exactly_one_wins() {
    let fixture = Arc::new(Fixture::new().await);
    for round in 0..5 {
        let key = format!("race-{round}");
        let racers = (0..16).map(|racer| {
            let (fixture, key) = (fixture.clone(), key.clone());
            tokio::spawn(async move {
                let put = fixture.client.put_object().bucket(&fixture.bucket).key(key).if_none_match("*");
                put.body(ByteStream::from(format!("racer {racer}").into_bytes())).send().await.is_ok().then_some(racer)
            })
        });
        let mut winners = Vec::new();
        for racer in racers.collect::<Vec<_>>() {
            winners.extend(racer.await.unwrap());
        }
        assert_eq!(winners.len(), 1, "{winners:?}");
        assert_eq!(fixture.get(&key).await, format!("racer {}", winners[0]).into_bytes());
    }
}

#[tokio::test]
async fn into_no_bucket_is_no_such_bucket() {
    let fixture = Fixture::new().await;
    assert_eq!(code(fixture.client.put_object().bucket(new_bucket_name()).key("key").send().await), "NoSuchBucket");
}

#[tokio::test]
async fn tags_are_kept_and_malformed_ones_refused() {
    let fixture = Fixture::new().await;
    fixture.client.put_object().bucket(&fixture.bucket).key("key").tagging("a=1&b=x%20y").send().await.unwrap();
    let tags = fixture.client.get_object_tagging().bucket(&fixture.bucket).key("key").send().await.unwrap();
    let pairs: Vec<_> = tags.tag_set().iter().map(|tag| (tag.key(), tag.value())).collect();
    assert_eq!(pairs, [("a", "1"), ("b", "x y")]);
    for bad in ["a=1&a=2", "aws:x=1", &format!("{}=1", "k".repeat(129))] {
        let put = fixture.client.put_object().bucket(&fixture.bucket).key("key").tagging(bad).send().await;
        assert!(["InvalidTag", "InvalidArgument"].contains(&code(put).as_str()), "{bad}");
    }
}

#[tokio::test]
async fn headers_that_change_meaning_and_that_we_lack_are_refused() {
    let fixture = Fixture::new().await;
    let cases = [
        ("x-amz-server-side-encryption", "AES256", 501),
        ("x-amz-server-side-encryption-customer-algorithm", "AES256", 501),
        ("x-amz-storage-class", "GLACIER", 400),
        ("x-amz-website-redirect-location", "elsewhere", 400),
        ("x-amz-website-redirect-location", "https:///elsewhere", 400),
        ("x-amz-website-redirect-location", "http://", 400),
        ("x-amz-acl", "aws-exec-read", 501),
    ];
    for (header, value, status) in cases {
        let refused = fixture.raw("PUT", "/key").header(header, value).body("x").send().await;
        assert_eq!(refused.status, status, "{header}: {}", refused.text());
    }
    assert!(fixture.keys().await.is_empty());
    for (header, value) in [("x-amz-storage-class", "STANDARD"), ("x-amz-acl", "bucket-owner-full-control")] {
        assert_eq!(fixture.raw("PUT", "/key").header(header, value).body("x").send().await.status, 200, "{header}");
    }
}

#[tokio::test]
async fn a_body_in_plain_chunks_needs_no_length() {
    let fixture = Fixture::new().await;
    let put = |payload: &str| {
        let put = fixture.raw("PUT", "/key").header("transfer-encoding", "chunked").content_sha256(payload);
        put.body("2\r\nab\r\n1\r\nc\r\n0\r\n\r\n").send()
    };
    let stored = put("UNSIGNED-PAYLOAD").await;
    assert_eq!(stored.status, 200, "{}", stored.text());
    assert_eq!(fixture.get("key").await, b"abc");
    let other_hash = put(&"0".repeat(64)).await;
    assert_eq!((other_hash.status, other_hash.code().as_str()), (400, "XAmzContentSHA256Mismatch"));
}

#[tokio::test]
async fn overwriting_while_reading_gives_the_reader_one_whole_version() {
    let fixture = Fixture::new().await;
    let first = pattern(9_000_000, 1);
    fixture.put("key", first.clone()).await;
    let read = fixture.client.get_object().bucket(&fixture.bucket).key("key").send().await.unwrap();
    fixture.put("key", pattern(9_000_000, 2)).await;
    fixture.client.delete_object().bucket(&fixture.bucket).key("key").send().await.unwrap();
    assert!(read.body.collect().await.unwrap().to_vec() == first);
}

/// Ignoring one of them would write what the client asked not to write.
#[tokio::test]
async fn a_condition_or_range_that_no_write_knows_is_refused() {
    let fixture = Fixture::new().await;
    fixture.put("key", "old").await;
    let long_ago = "Mon, 01 Jan 2001 00:00:00 GMT";
    for (method, name, value) in [
        ("PUT", "if-unmodified-since", long_ago),
        ("PUT", "if-modified-since", long_ago),
        ("PUT", "content-range", "bytes 0-2/100"),
        ("PUT", "x-amz-if-match-size", "1"),
        ("DELETE", "if-none-match", "*"),
        ("DELETE", "if-unmodified-since", long_ago),
    ] {
        let body = if method == "PUT" { "new" } else { "" };
        let refused = fixture.raw(method, "/key").header(name, value).body(body).send().await;
        assert_eq!((refused.status, refused.code().as_str()), (501, "NotImplemented"), "{method} {name}");
        assert!(refused.text().contains(&format!("<Header>{name}</Header>")), "{}", refused.text());
    }
    let part = fixture.raw("DELETE", "/key?partNumber=1").send().await;
    assert_eq!((part.status, part.code().as_str()), (501, "NotImplemented"));
    assert_eq!(fixture.get("key").await, b"old");
}

/// 2 KiB of metadata may be hundreds of headers, and each of them is signed.
#[tokio::test]
async fn metadata_may_be_many_small_headers() {
    let fixture = Fixture::new().await;
    let names: Vec<String> = (0..290).map(|i| format!("m{i:03}")).collect();
    let put = fixture.client.put_object().bucket(&fixture.bucket).key("key");
    names.iter().fold(put, |put, name| put.metadata(name, "v")).send().await.unwrap();
    // The SDK itself reads answers of at most 100 headers.
    let head = fixture.raw("HEAD", "/key").send().await;
    assert!(names.iter().all(|name| head.header(&format!("x-amz-meta-{name}")) == Some("v")), "{:?}", head.headers);
}
