//! DeleteBucketCors.

use crate::fixture::{Fixture, code, new_bucket_name};
use crate::put_bucket_cors::{allow, rule};

#[tokio::test]
async fn afterwards_there_are_none_and_again_is_no_error() {
    let fixture = Fixture::new().await;
    allow(&fixture, [rule(&["*"], &["GET"])]).await;
    for _ in 0..2 {
        let answer = fixture.raw("DELETE", "?cors").send().await;
        assert_eq!((answer.status, answer.body.len()), (204, 0));
        let get = fixture.client.get_bucket_cors().bucket(&fixture.bucket).send().await;
        assert_eq!(code(get), "NoSuchCORSConfiguration");
    }
    let absent = fixture.client.delete_bucket_cors().bucket(new_bucket_name()).send().await;
    assert_eq!(code(absent), "NoSuchBucket");
}
