//! HeadObject.

use crate::fixture::{Fixture, code, new_bucket_name};

#[tokio::test]
async fn it_answers_what_get_does_without_a_body() {
    let fixture = Fixture::new().await;
    let tag = fixture.put("key", "0123456789").await;
    let head = fixture.raw("HEAD", "/key").send().await;
    let get = fixture.raw("GET", "/key").send().await;
    assert!(head.body.is_empty());
    assert_eq!(head.status, 200);
    assert_eq!(head.header("etag"), Some(tag.as_str()));
    for name in ["content-length", "etag", "last-modified", "content-type", "accept-ranges"] {
        assert!(head.header(name).is_some(), "{name}");
        assert_eq!(head.header(name), get.header(name), "{name}");
    }
}

#[tokio::test]
async fn errors_have_a_status_and_no_body() {
    let fixture = Fixture::new().await;
    assert_eq!(code(fixture.client.head_object().bucket(&fixture.bucket).key("no").send().await), "NotFound");
    assert_eq!(code(fixture.client.head_object().bucket(new_bucket_name()).key("no").send().await), "NotFound");
    let missing = fixture.raw("HEAD", "/no").send().await;
    assert_eq!((missing.status, missing.body.len()), (404, 0));
    assert!(missing.header("x-amz-request-id").is_some());
    assert_eq!(missing.header("x-amz-delete-marker"), Some("false"));
}

#[tokio::test]
async fn ranges_and_conditions_apply() {
    let fixture = Fixture::new().await;
    let tag = fixture.put("key", "0123456789").await;
    let ranged = fixture.raw("HEAD", "/key").header("range", "bytes=2-4").send().await;
    assert_eq!((ranged.status, ranged.header("content-length")), (206, Some("3")));
    assert_eq!(fixture.raw("HEAD", "/key").header("if-none-match", tag).send().await.status, 304);
    assert_eq!(fixture.raw("HEAD", "/key").header("if-match", "\"no\"").send().await.status, 412);
    assert_eq!(fixture.raw("HEAD", "/key").header("range", "bytes=10-").send().await.status, 416);
}
