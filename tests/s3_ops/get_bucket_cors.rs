//! GetBucketCors.

use crate::fixture::{Fixture, code, new_bucket_name};
use crate::put_bucket_cors::{allow, rule};

#[tokio::test]
async fn a_bucket_without_rules_says_so() {
    let fixture = Fixture::new().await;
    let get = |bucket: &str| fixture.client.get_bucket_cors().bucket(bucket).send();
    assert_eq!(code(get(&fixture.bucket).await), "NoSuchCORSConfiguration");
    assert_eq!(code(get(&new_bucket_name()).await), "NoSuchBucket");
}

#[tokio::test]
async fn rules_go_with_their_bucket() {
    let fixture = Fixture::new().await;
    allow(&fixture, [rule(&["http://a"], &["GET"])]).await;
    let get = || fixture.client.get_bucket_cors().bucket(&fixture.bucket).send();
    assert_eq!(get().await.unwrap().cors_rules().len(), 1);
    fixture.client.delete_bucket().bucket(&fixture.bucket).send().await.unwrap();
    assert_eq!(code(get().await), "NoSuchBucket");
    fixture.client.create_bucket().bucket(&fixture.bucket).send().await.unwrap();
    assert_eq!(code(get().await), "NoSuchCORSConfiguration");
}
