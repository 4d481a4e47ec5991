//! GetBucketLocation.

use crate::fixture::{Fixture, code, new_bucket_name};

#[tokio::test]
async fn the_default_region_is_an_empty_constraint() {
    let fixture = Fixture::new().await;
    let answer = fixture.raw("GET", "?location").send().await;
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("<LocationConstraint"), "{}", answer.text());
    let location = fixture.client.get_bucket_location().bucket(&fixture.bucket).send().await.unwrap();
    assert!(location.location_constraint().is_none_or(|constraint| constraint.as_str().is_empty()));
}

#[tokio::test]
async fn a_bucket_that_does_not_exist_is_no_such_bucket() {
    let fixture = Fixture::new().await;
    assert_eq!(code(fixture.client.get_bucket_location().bucket(new_bucket_name()).send().await), "NoSuchBucket");
}
