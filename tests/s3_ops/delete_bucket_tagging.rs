//! DeleteBucketTagging.

use crate::fixture::{Fixture, code};
use crate::put_object_tagging::tagging;

#[tokio::test]
async fn the_set_is_gone_afterwards() {
    let fixture = Fixture::new().await;
    fixture.client.put_bucket_tagging().bucket(&fixture.bucket).tagging(tagging(&[("a", "1")])).send().await.unwrap();
    for _ in 0..2 {
        assert_eq!(fixture.raw("DELETE", "?tagging").send().await.status, 204);
    }
    assert_eq!(code(fixture.client.get_bucket_tagging().bucket(&fixture.bucket).send().await), "NoSuchTagSet");
}
