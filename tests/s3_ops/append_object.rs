//! PutObject with a write offset: appends.

use crate::fixture::{Fixture, PART_LENGTH_MIN, code, pattern};
use aws_sdk_s3::{
    operation::put_object::{PutObjectError, PutObjectOutput},
    primitives::ByteStream,
    types::{ChecksumAlgorithm, ChecksumMode, CompletedMultipartUpload, CompletedPart, ObjectAttributes},
};

type Sdk<T, E> = Result<T, aws_sdk_s3::error::SdkError<E, aws_sdk_s3::config::http::HttpResponse>>;

async fn append(fixture: &Fixture, key: &str, offset: i64, body: &[u8]) -> Sdk<PutObjectOutput, PutObjectError> {
    let append = fixture.client.put_object().bucket(&fixture.bucket).key(key).write_offset_bytes(offset);
    append.body(ByteStream::from(body.to_vec())).send().await
}

#[tokio::test]
async fn bytes_come_behind_those_that_are_there() {
    let fixture = Fixture::new().await;
    let body = pattern(300_000, 1);
    let first = append(&fixture, "log", 0, &body[..10]).await.unwrap();
    assert_eq!(first.size(), Some(10));
    let plain = fixture.put("plain", body[..10].to_vec()).await;
    assert_eq!(first.e_tag(), Some(plain.as_str()), "it began as any other object");
    let mut tags = vec![plain];
    for (from, to) in [(10, 11), (11, 200_000), (200_000, 300_000)] {
        let appended = append(&fixture, "log", from as i64, &body[from..to]).await.unwrap();
        assert_eq!(appended.size(), Some(to as i64));
        tags.push(appended.e_tag().unwrap().to_owned());
        assert!(fixture.get("log").await == body[..to]);
    }
    assert!(tags[3].ends_with("-a4\""), "{tags:?}");
    assert_eq!(tags.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
    let range = fixture.client.get_object().bucket(&fixture.bucket).key("log").range("bytes=5-200003");
    let range = range.if_match(&tags[3]).send().await.unwrap().body.collect().await.unwrap().to_vec();
    assert!(range == body[5..=200_003]);
    assert_eq!(fixture.keys().await, ["log", "plain"]);
}

#[tokio::test]
async fn the_checksum_is_that_of_the_whole_and_each_append_is_a_part() {
    let fixture = Fixture::new().await;
    let body = pattern(100_000, 2);
    for (key, algorithm) in [
        ("crc32", ChecksumAlgorithm::Crc32),
        ("crc32c", ChecksumAlgorithm::Crc32C),
        ("crc64", ChecksumAlgorithm::Crc64Nvme),
    ] {
        let put = |key: &str, from: usize, to: usize, offset: Option<i64>| {
            let put = fixture.client.put_object().bucket(&fixture.bucket).key(key).set_write_offset_bytes(offset);
            put.checksum_algorithm(algorithm.clone()).body(ByteStream::from(body[from..to].to_vec())).send()
        };
        put("whole", 0, 100_000, None).await.unwrap();
        for (from, to) in [(0, 1), (1, 70_000), (70_000, 100_000)] {
            put(key, from, to, Some(from as i64)).await.unwrap();
        }
        let checksums = async |key: &str| {
            let head = fixture.client.head_object().bucket(&fixture.bucket).key(key);
            let head = head.checksum_mode(ChecksumMode::Enabled).send().await.unwrap();
            let all = [head.checksum_crc32(), head.checksum_crc32_c(), head.checksum_crc64_nvme()];
            (all.map(|value| value.map(str::to_owned)), head.checksum_type().cloned())
        };
        assert_eq!(checksums(key).await, checksums("whole").await, "{key}");
        let attributes = fixture.client.get_object_attributes().bucket(&fixture.bucket).key(key);
        let attributes = attributes.object_attributes(ObjectAttributes::ObjectParts).send().await.unwrap();
        let sizes: Vec<_> = attributes.object_parts().unwrap().parts().iter().map(|part| part.size()).collect();
        assert_eq!(sizes, [Some(1), Some(69_999), Some(30_000)]);
        let part = fixture.client.get_object().bucket(&fixture.bucket).key(key).part_number(2).send().await.unwrap();
        assert_eq!(part.parts_count(), Some(3));
        assert!(part.body.collect().await.unwrap().to_vec() == body[1..70_000]);
    }
}

/// Its bytes can't be combined: then the parts alone have checksums.
#[tokio::test]
async fn of_an_object_with_a_sha_the_parts_keep_theirs() {
    let fixture = Fixture::new().await;
    let put = |offset: Option<i64>| {
        let put = fixture.client.put_object().bucket(&fixture.bucket).key("key").set_write_offset_bytes(offset);
        put.checksum_algorithm(ChecksumAlgorithm::Sha256).body(ByteStream::from_static(b"hello")).send()
    };
    put(None).await.unwrap();
    put(Some(5)).await.unwrap();
    let head = fixture.client.head_object().bucket(&fixture.bucket).key("key");
    let head = head.checksum_mode(ChecksumMode::Enabled).send().await.unwrap();
    assert_eq!((head.checksum_sha256(), head.checksum_crc64_nvme()), (None, None));
    let attributes = fixture.client.get_object_attributes().bucket(&fixture.bucket).key("key");
    let attributes = attributes.object_attributes(ObjectAttributes::ObjectParts).send().await.unwrap();
    let parts = attributes.object_parts().unwrap().parts().to_vec();
    let sha = Some("LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=");
    assert_eq!(parts.iter().map(|part| part.checksum_sha256()).collect::<Vec<_>>(), [sha, sha]);
}

#[tokio::test]
async fn an_object_of_parts_grows_too_and_its_checksum_becomes_one_of_the_whole() {
    let fixture = Fixture::new().await;
    let parts = [pattern(PART_LENGTH_MIN, 1), pattern(10, 2)];
    let create = fixture.client.create_multipart_upload().bucket(&fixture.bucket).key("key");
    let created = create.checksum_algorithm(ChecksumAlgorithm::Crc32).send().await.unwrap();
    let upload = created.upload_id().unwrap();
    let mut named = Vec::new();
    for (number, part) in (1..).zip(&parts) {
        let sent = fixture.client.upload_part().bucket(&fixture.bucket).key("key").upload_id(upload);
        let sent = sent.part_number(number).checksum_algorithm(ChecksumAlgorithm::Crc32).body(part.clone().into());
        let sent = sent.send().await.unwrap();
        let done = CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag().map(str::to_owned));
        named.push(done.set_checksum_crc32(sent.checksum_crc32().map(str::to_owned)).build());
    }
    let complete = CompletedMultipartUpload::builder().set_parts(Some(named)).build();
    let request = fixture.client.complete_multipart_upload().bucket(&fixture.bucket).key("key").upload_id(upload);
    request.multipart_upload(complete).send().await.unwrap();
    let whole = [&parts.concat()[..], b"tail"].concat();
    append(&fixture, "key", parts.concat().len() as i64, b"tail").await.unwrap();
    assert!(fixture.get("key").await == whole);
    let put = fixture.client.put_object().bucket(&fixture.bucket).key("whole").body(whole.into());
    let put = put.checksum_algorithm(ChecksumAlgorithm::Crc32).send().await.unwrap();
    let head = fixture.client.head_object().bucket(&fixture.bucket).key("key").part_number(3);
    let head = head.checksum_mode(ChecksumMode::Enabled).send().await.unwrap();
    assert_eq!((head.content_length(), head.parts_count()), (Some(4), Some(3)));
    let head = fixture.client.head_object().bucket(&fixture.bucket).key("key");
    let head = head.checksum_mode(ChecksumMode::Enabled).send().await.unwrap();
    assert_eq!(head.checksum_crc32(), put.checksum_crc32());
}

#[tokio::test]
async fn what_the_object_was_given_first_stays() {
    let fixture = Fixture::new().await;
    let first = fixture.client.put_object().bucket(&fixture.bucket).key("log").write_offset_bytes(0);
    let first = first.metadata("a", "1").tagging("t=1").content_type("text/x").body(ByteStream::from_static(b"1"));
    first.send().await.unwrap();
    append(&fixture, "log", 1, b"2").await.unwrap();
    let head = fixture.client.head_object().bucket(&fixture.bucket).key("log").send().await.unwrap();
    assert_eq!((head.content_type(), head.metadata().unwrap()["a"].as_str()), (Some("text/x"), "1"));
    let tags = fixture.client.get_object_tagging().bucket(&fixture.bucket).key("log").send().await.unwrap();
    assert_eq!(tags.tag_set()[0].key(), "t");
    for (name, value) in
        [("x-amz-meta-a", "2"), ("x-amz-tagging", "t=2"), ("x-amz-website-redirect-location", "/elsewhere")]
    {
        let refused = fixture.raw("PUT", "/log").header("x-amz-write-offset-bytes", "2").header(name, value);
        let refused = refused.body("3").send().await;
        assert_eq!((refused.status, refused.code().as_str()), (400, "InvalidRequest"), "{name}");
    }
    assert_eq!(fixture.get("log").await, b"12");
}

#[tokio::test]
async fn of_appends_that_race_for_an_offset_one_wins() {
    let fixture = Fixture::new().await;
    for offset in 0..3 {
        let appends = (0..6_u8).map(|who| {
            let fixture = &fixture;
            async move { append(fixture, "log", offset, &[b'0' + who]).await }
        });
        let answers = futures_util::future::join_all(appends).await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "at {offset}");
        for refused in answers.into_iter().filter(Result::is_err) {
            assert_eq!(code(refused), "InvalidWriteOffset");
        }
    }
    assert_eq!(fixture.get("log").await.len(), 3);
}

#[tokio::test]
async fn a_copy_and_its_source_grow_apart() {
    let fixture = Fixture::new().await;
    fixture.put("log", "one ").await;
    append(&fixture, "log", 4, b"two ").await.unwrap();
    let copy = fixture.client.copy_object().bucket(&fixture.bucket).key("copy");
    copy.copy_source(format!("{}/log", fixture.bucket)).send().await.unwrap();
    append(&fixture, "log", 8, b"three").await.unwrap();
    append(&fixture, "copy", 8, b"3").await.unwrap();
    assert_eq!(fixture.get("log").await, b"one two three");
    assert_eq!(fixture.get("copy").await, b"one two 3");
}

#[tokio::test]
async fn what_can_not_be_is_refused_and_changes_nothing() {
    let fixture = Fixture::new().await;
    let tag = fixture.put("log", "12345").await;
    for offset in [0, 4, 6] {
        assert_eq!(code(append(&fixture, "log", offset, b"x").await), "InvalidWriteOffset", "{offset}");
    }
    assert_eq!(code(append(&fixture, "none", 1, b"x").await), "InvalidWriteOffset");
    assert_eq!(code(append(&fixture, "log", 5, b"").await), "InvalidRequest");
    let put = || fixture.raw("PUT", "/log").header("x-amz-write-offset-bytes", "5").body("x");
    let bad = put().header("x-amz-checksum-crc32", "AAAAAA==").send().await;
    assert_eq!((bad.status, bad.code().as_str()), (400, "BadDigest"));
    assert_eq!(put().header("if-match", "\"no\"").send().await.code(), "PreconditionFailed");
    assert_eq!(put().header("if-none-match", "*").send().await.code(), "PreconditionFailed");
    for offset in ["", "-5", "+5", "5.0", "18446744073709551616", "five"] {
        let refused = fixture.raw("PUT", "/log").header("x-amz-write-offset-bytes", offset).body("x").send().await;
        assert_eq!((refused.status, refused.code().as_str()), (400, "InvalidArgument"), "{offset}");
    }
    let (upload, _) = fixture.upload("parts", &[]).await;
    let part = fixture.raw("PUT", &format!("/parts?partNumber=1&uploadId={upload}"));
    assert_eq!(part.header("x-amz-write-offset-bytes", "0").body("x").send().await.status, 501);
    assert_eq!((fixture.get("log").await, fixture.put("log", "12345").await), (b"12345".to_vec(), tag.clone()));
    assert_eq!(put().header("if-match", tag).send().await.status, 200);
}

#[tokio::test]
async fn a_bucket_that_keeps_versions_takes_no_appends() {
    let fixture = Fixture::new().await;
    fixture.put("log", "1").await;
    for status in ["Enabled", "Suspended"] {
        let body = format!("<VersioningConfiguration><Status>{status}</Status></VersioningConfiguration>");
        assert_eq!(fixture.raw("PUT", "?versioning").body(body).send().await.status, 200);
        let refused = fixture.raw("PUT", "/log").header("x-amz-write-offset-bytes", "1").body("2").send().await;
        assert_eq!((refused.status, refused.code().as_str()), (409, "InvalidBucketState"), "{status}");
    }
    assert_eq!(fixture.get("log").await, b"1");
}
