//! DeleteBucketLifecycle.

use crate::fixture::{Fixture, code, new_bucket_name};
use crate::put_bucket_lifecycle_configuration::{rule, set};

#[tokio::test]
async fn rules_are_gone_afterwards_and_answers_tell_of_none() {
    let fixture = Fixture::new().await;
    set(&fixture, [rule("a", "", 1)]).await;
    fixture.put("key", "x").await;
    for _ in 0..2 {
        fixture.client.delete_bucket_lifecycle().bucket(&fixture.bucket).send().await.unwrap();
        let get = fixture.client.get_bucket_lifecycle_configuration().bucket(&fixture.bucket).send();
        assert_eq!(code(get.await), "NoSuchLifecycleConfiguration");
        let head = fixture.client.head_object().bucket(&fixture.bucket).key("key").send().await.unwrap();
        assert_eq!(head.expiration(), None);
    }
    let absent = fixture.client.delete_bucket_lifecycle().bucket(new_bucket_name()).send().await;
    assert_eq!(code(absent), "NoSuchBucket");
    let answer = fixture.raw("DELETE", "/key?lifecycle").send().await;
    assert_eq!((answer.status, answer.code().as_str()), (405, "MethodNotAllowed"));
    assert_eq!(fixture.keys().await, ["key"]);
}
