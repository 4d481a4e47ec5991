//! GetBucketTagging.

use crate::fixture::{Fixture, code, new_bucket_name};

#[tokio::test]
async fn a_bucket_without_tags_is_no_such_tag_set() {
    let fixture = Fixture::new().await;
    assert_eq!(code(fixture.client.get_bucket_tagging().bucket(&fixture.bucket).send().await), "NoSuchTagSet");
    assert_eq!(code(fixture.client.get_bucket_tagging().bucket(new_bucket_name()).send().await), "NoSuchBucket");
}
