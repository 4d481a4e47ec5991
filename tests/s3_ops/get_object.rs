//! GetObject.

use crate::fixture::{Fixture, PART_LENGTH_MIN, code, new_bucket_name, pattern};
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};

#[tokio::test]
async fn ranges_answer_206_with_exactly_their_bytes() {
    let fixture = Fixture::new().await;
    let body = pattern(9_000_001, 3);
    fixture.put("key", body.clone()).await;
    let last = body.len() - 1;
    let cases: [(&str, usize, usize); 8] = [
        ("bytes=0-0", 0, 0),
        ("bytes=0-", 0, last),
        ("bytes=65535-65536", 65_535, 65_536),
        ("bytes=4194303-4194304", 4_194_303, 4_194_304),
        ("bytes=-1", last, last),
        ("bytes=-99999999", 0, last),
        ("bytes=8999990-99999999", 8_999_990, last),
        ("bytes=1000000-7000000", 1_000_000, 7_000_000),
    ];
    for (range, first, end) in cases {
        let got = fixture.client.get_object().bucket(&fixture.bucket).key("key").range(range).send().await.unwrap();
        assert_eq!(got.content_range(), Some(format!("bytes {first}-{end}/{}", body.len()).as_str()), "{range}");
        assert!(got.body.collect().await.unwrap().to_vec() == body[first..=end], "{range}");
    }
}

#[tokio::test]
async fn a_range_past_the_end_is_416_and_a_malformed_one_is_ignored() {
    let fixture = Fixture::new().await;
    fixture.put("key", "0123456789").await;
    for range in ["bytes=10-", "bytes=10-20", "bytes=-0"] {
        let refused = fixture.raw("GET", "/key").header("range", range).send().await;
        assert_eq!((refused.status, refused.code().as_str()), (416, "InvalidRange"), "{range}");
    }
    for range in ["bytes=5-2", "lines=0-1", "bytes=a-b", "bytes="] {
        let whole = fixture.raw("GET", "/key").header("range", range).send().await;
        assert_eq!((whole.status, whole.text().as_str()), (200, "0123456789"), "{range}");
    }
}

#[tokio::test]
async fn a_range_of_an_object_that_changed_is_answered_with_the_whole() {
    let fixture = Fixture::new().await;
    let old = fixture.put("key", "old content").await;
    let now = fixture.put("key", "0123456789").await;
    for (condition, status, text) in
        [(now.as_str(), 206, "23"), (&old, 200, "0123456789"), ("Mon, 01 Jan 2001 00:00:00 GMT", 200, "0123456789")]
    {
        let answer = fixture.raw("GET", "/key").header("range", "bytes=2-3").header("if-range", condition).send().await;
        assert_eq!((answer.status, answer.text().as_str()), (status, text), "{condition}");
    }
}

#[tokio::test]
async fn conditions_follow_the_precedence_of_s3() {
    let fixture = Fixture::new().await;
    let tag = fixture.put("key", "x").await;
    let (past, future) = ("Mon, 01 Jan 2001 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT");
    let cases: [(&[(&str, &str)], u16); 9] = [
        (&[("if-match", &tag)], 200),
        (&[("if-match", "\"other\"")], 412),
        (&[("if-none-match", &tag)], 304),
        (&[("if-none-match", "\"other\"")], 200),
        (&[("if-modified-since", past)], 200),
        (&[("if-unmodified-since", past)], 412),
        (&[("if-unmodified-since", future)], 200),
        (&[("if-match", &tag), ("if-unmodified-since", past)], 200),
        (&[("if-none-match", &tag), ("if-modified-since", past)], 304),
    ];
    for (headers, status) in cases {
        let mut request = fixture.raw("GET", "/key");
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        let answer = request.send().await;
        assert_eq!(answer.status, status, "{headers:?}");
        if status == 304 {
            assert!(answer.body.is_empty());
            assert_eq!(answer.header("etag"), Some(tag.as_str()));
        }
    }
}

#[tokio::test]
async fn a_cache_is_told_again_how_long_it_may_keep_what_it_has() {
    let fixture = Fixture::new().await;
    let put = fixture.client.put_object().bucket(&fixture.bucket).key("key").cache_control("max-age=60");
    let tag = put.send().await.unwrap().e_tag().unwrap().to_owned();
    let answer = fixture.raw("GET", "/key").header("if-none-match", tag.as_str()).send().await;
    assert_eq!((answer.status, answer.header("cache-control")), (304, Some("max-age=60")));
    assert_eq!(answer.header("etag"), Some(tag.as_str()));
}

#[tokio::test]
async fn response_overrides_replace_headers() {
    let fixture = Fixture::new().await;
    fixture.put("key", "x").await;
    let got = fixture.client.get_object().bucket(&fixture.bucket).key("key");
    let got = got.response_content_type("image/png").response_content_disposition("attachment").send().await.unwrap();
    assert_eq!((got.content_type(), got.content_disposition()), (Some("image/png"), Some("attachment")));
}

#[tokio::test]
async fn a_part_number_answers_that_part() {
    let fixture = Fixture::new().await;
    let parts = [pattern(PART_LENGTH_MIN, 1), pattern(1000, 2)];
    let (upload, tags) = fixture.upload("key", &parts).await;
    let named = (1..).zip(&tags).map(|(number, tag)| CompletedPart::builder().part_number(number).e_tag(tag).build());
    let complete = CompletedMultipartUpload::builder().set_parts(Some(named.collect())).build();
    let request = fixture.client.complete_multipart_upload().bucket(&fixture.bucket).key("key").upload_id(upload);
    request.multipart_upload(complete).send().await.unwrap();
    let got = fixture.client.get_object().bucket(&fixture.bucket).key("key").part_number(2).send().await.unwrap();
    assert_eq!(got.parts_count(), Some(2));
    assert_eq!(got.content_length(), Some(1000));
    assert!(got.body.collect().await.unwrap().to_vec() == parts[1]);
    let beyond = fixture.client.get_object().bucket(&fixture.bucket).key("key").part_number(3).send().await;
    assert_eq!(code(beyond), "InvalidPart");
    let both =
        fixture.client.get_object().bucket(&fixture.bucket).key("key").part_number(1).range("bytes=0-1").send().await;
    assert_eq!(code(both), "InvalidRequest");
}

#[tokio::test]
async fn what_is_not_there_says_which() {
    let fixture = Fixture::new().await;
    assert_eq!(code(fixture.client.get_object().bucket(&fixture.bucket).key("no").send().await), "NoSuchKey");
    assert_eq!(code(fixture.client.get_object().bucket(new_bucket_name()).key("no").send().await), "NoSuchBucket");
    fixture.put("key", "x").await;
    let version =
        fixture.client.get_object().bucket(&fixture.bucket).key("key").version_id("00000000000000000000000000000001");
    assert_eq!(code(version.send().await), "NoSuchVersion");
    let malformed = fixture.client.get_object().bucket(&fixture.bucket).key("key").version_id("no version");
    assert_eq!(code(malformed.send().await), "InvalidArgument");
    let null = fixture.client.get_object().bucket(&fixture.bucket).key("key").version_id("null").send().await.unwrap();
    assert_eq!(null.content_length(), Some(1));
}

#[tokio::test]
async fn several_ranges_answer_the_whole_object() {
    let fixture = Fixture::new().await;
    fixture.put("key", "0123456789").await;
    let whole = fixture.raw("GET", "/key").header("range", "bytes=0-1,4-5").send().await;
    assert_eq!((whole.status, whole.text().as_str()), (200, "0123456789"));
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let fixture = Fixture::new().await;
    let no_key = fixture.raw("GET", "/a%20%3C%C3%BC").send().await;
    assert!(no_key.text().contains("<Key>a &lt;ü</Key>"), "{}", no_key.text());
    let copied =
        fixture.raw("PUT", "/copy").header("x-amz-copy-source", format!("/{}/from", fixture.bucket)).send().await;
    assert!(
        copied.text().contains("<Code>NoSuchKey</Code>") && copied.text().contains("<Key>from</Key>"),
        "{}",
        copied.text()
    );
}
