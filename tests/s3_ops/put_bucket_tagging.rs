//! PutBucketTagging.

use crate::fixture::{Fixture, code, new_bucket_name};
use crate::put_object_tagging::tagging;

#[tokio::test]
async fn tags_replace_the_ones_before() {
    let fixture = Fixture::new().await;
    for pairs in [&[("a", "1")][..], &[("b", "2"), ("c", "3")]] {
        fixture.client.put_bucket_tagging().bucket(&fixture.bucket).tagging(tagging(pairs)).send().await.unwrap();
        let tags = fixture.client.get_bucket_tagging().bucket(&fixture.bucket).send().await.unwrap();
        assert_eq!(tags.tag_set().iter().map(|tag| (tag.key(), tag.value())).collect::<Vec<_>>(), pairs);
    }
}

#[tokio::test]
async fn bad_sets_and_absent_buckets_are_refused() {
    let fixture = Fixture::new().await;
    let put = |bucket: &str, pairs: &[(&str, &str)]| {
        fixture.client.put_bucket_tagging().bucket(bucket).tagging(tagging(pairs)).send()
    };
    assert_eq!(code(put(&fixture.bucket, &[("a", "1"), ("a", "2")]).await), "InvalidTag");
    assert_eq!(code(put(&new_bucket_name(), &[("a", "1")]).await), "NoSuchBucket");
    let malformed = fixture.raw("PUT", "?tagging").body("<Tagging/>").send().await;
    assert_eq!((malformed.status, malformed.code().as_str()), (400, "MalformedXML"));
}
