//! PutObjectTagging.

use crate::fixture::{Fixture, code};
use aws_sdk_s3::types::{Tag, Tagging};

pub fn tagging(pairs: &[(&str, &str)]) -> Tagging {
    let tags = pairs.iter().map(|(key, value)| Tag::builder().key(*key).value(*value).build().unwrap());
    Tagging::builder().set_tag_set(Some(tags.collect())).build().unwrap()
}

#[tokio::test]
async fn tags_replace_the_ones_before_and_leave_the_object_alone() {
    let fixture = Fixture::new().await;
    let etag = fixture.put("key", "x").await;
    for pairs in [&[("a", "1"), ("b", "2")][..], &[("c", "ü +")]] {
        let put = fixture.client.put_object_tagging().bucket(&fixture.bucket).key("key").tagging(tagging(pairs));
        put.send().await.unwrap();
        let tags = fixture.client.get_object_tagging().bucket(&fixture.bucket).key("key").send().await.unwrap();
        assert_eq!(tags.tag_set().iter().map(|tag| (tag.key(), tag.value())).collect::<Vec<_>>(), pairs);
    }
    let head = fixture.client.head_object().bucket(&fixture.bucket).key("key").send().await.unwrap();
    assert_eq!(head.e_tag(), Some(etag.as_str()));
    let get = fixture.raw("GET", "/key").send().await;
    assert_eq!(get.header("x-amz-tagging-count"), Some("1"));
}

#[tokio::test]
async fn a_tag_has_a_value_though_it_may_be_empty() {
    let fixture = Fixture::new().await;
    fixture.put("key", "x").await;
    let put = async |value: &str| {
        let document = format!("<Tagging><TagSet><Tag><Key>a</Key>{value}</Tag></TagSet></Tagging>");
        fixture.raw("PUT", "/key?tagging").body(document).send().await
    };
    assert_eq!(put("").await.code(), "MalformedXML");
    assert_eq!(put("<Value/>").await.status, 200);
}

#[tokio::test]
async fn sets_that_s3_does_not_allow_are_refused() {
    let fixture = Fixture::new().await;
    fixture.put("key", "x").await;
    let put = |pairs: &[(&str, &str)]| {
        fixture.client.put_object_tagging().bucket(&fixture.bucket).key("key").tagging(tagging(pairs)).send()
    };
    assert_eq!(code(put(&[("a", "1"), ("a", "2")]).await), "InvalidTag");
    assert_eq!(code(put(&[(&"k".repeat(129), "1")]).await), "InvalidTag");
    assert_eq!(code(put(&[("k", &"v".repeat(257))]).await), "InvalidTag");
    let many: Vec<String> = (0..11).map(|i| format!("k{i}")).collect();
    let eleven: Vec<(&str, &str)> = many.iter().map(|key| (key.as_str(), "")).collect();
    assert_eq!(code(put(&eleven).await), "InvalidTag");
    let malformed = fixture.raw("PUT", "/key?tagging").body("<Tagging><TagSet><Tag>").send().await;
    assert_eq!((malformed.status, malformed.code().as_str()), (400, "MalformedXML"));
    let missing = fixture.client.put_object_tagging().bucket(&fixture.bucket).key("no").tagging(tagging(&[("a", "1")]));
    assert_eq!(code(missing.send().await), "NoSuchKey");
}
