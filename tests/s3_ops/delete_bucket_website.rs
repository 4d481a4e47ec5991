//! DeleteBucketWebsite.

use crate::fixture::{Fixture, code};

#[tokio::test]
async fn afterwards_there_is_none_and_twice_is_once() {
    let fixture = Fixture::new().await;
    let body = "<WebsiteConfiguration><IndexDocument><Suffix>i</Suffix></IndexDocument></WebsiteConfiguration>";
    assert_eq!(fixture.raw("PUT", "?website").body(body).send().await.status, 200);
    for _ in 0..2 {
        assert_eq!(fixture.raw("DELETE", "?website").send().await.status, 204);
        assert_eq!(fixture.raw("GET", "?website").send().await.code(), "NoSuchWebsiteConfiguration");
    }
    let nowhere = fixture.client.delete_bucket_website().bucket("no-such-bucket-anywhere").send().await;
    assert_eq!(code(nowhere), "NoSuchBucket");
}
