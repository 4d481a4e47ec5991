//! CreateBucket.

use crate::fixture::{Fixture, code, new_bucket_name};
use crate::raw::RawRequest;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};

#[tokio::test]
async fn a_new_bucket_answers_its_location() {
    let fixture = Fixture::new().await;
    let name = new_bucket_name();
    let created = fixture.client.create_bucket().bucket(&name).send().await.unwrap();
    assert_eq!(created.location(), Some(format!("/{name}").as_str()));
}

#[tokio::test]
async fn creating_your_own_bucket_again_succeeds_and_keeps_its_objects() {
    let fixture = Fixture::new().await;
    fixture.put("kept", "x").await;
    fixture.client.create_bucket().bucket(&fixture.bucket).send().await.unwrap();
    assert_eq!(fixture.keys().await, ["kept"]);
}

#[tokio::test]
async fn a_location_constraint_is_kept() {
    let fixture = Fixture::new().await;
    let name = new_bucket_name();
    let constraint =
        CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::EuWest1).build();
    fixture.client.create_bucket().bucket(&name).create_bucket_configuration(constraint).send().await.unwrap();
    let location = fixture.client.get_bucket_location().bucket(&name).send().await.unwrap();
    assert_eq!(location.location_constraint(), Some(&BucketLocationConstraint::EuWest1));
}

#[tokio::test]
async fn names_that_s3_does_not_allow_are_invalid_bucket_names() {
    let fixture = Fixture::new().await;
    for name in ["ab", "Has-Capitals", "under_score", "trailing-", "dots..dots", "192.168.5.123"] {
        let refused = RawRequest::new(&fixture, "PUT", format!("/{name}")).send().await;
        assert_eq!((refused.status, refused.code().as_str()), (400, "InvalidBucketName"), "{name}");
    }
}

#[tokio::test]
async fn a_malformed_configuration_is_malformed_xml() {
    let fixture = Fixture::new().await;
    let target = format!("/{}", new_bucket_name());
    let put = |body: &str| RawRequest::new(&fixture, "PUT", target.clone()).body(body).send();
    for body in [
        "<CreateBucketConfiguration>",
        "not xml at all",
        "<!DOCTYPE x [<!ENTITY y 'z'>]><CreateBucketConfiguration/>",
        "<CreateBucketConfiguration/>",
        "<CreateBucketConfiguration><Region>eu-west-1</Region></CreateBucketConfiguration>",
    ] {
        let refused = put(body).await;
        assert_eq!((refused.status, refused.code().as_str()), (400, "MalformedXML"), "{body}");
    }
    let nameless = put("<CreateBucketConfiguration><LocationConstraint/></CreateBucketConfiguration>").await;
    assert_eq!((nameless.status, nameless.code().as_str()), (400, "InvalidLocationConstraint"));
    let head = fixture.client.head_bucket().bucket(target.trim_start_matches('/')).send().await;
    assert_eq!(code(head), "NotFound");
}

#[tokio::test]
async fn a_bucket_is_made_with_a_list() {
    let fixture = Fixture::new().await;
    let create =
        |acl: &str| RawRequest::new(&fixture, "PUT", format!("/{}", new_bucket_name())).header("x-amz-acl", acl).send();
    for acl in ["private", "public-read"] {
        assert_eq!(create(acl).await.status, 200, "{acl}");
    }
    assert_eq!(create("nonsense").await.code(), "InvalidArgument");
    let again = |acl: &str| fixture.raw("PUT", "").header("x-amz-acl", acl).send();
    assert_eq!(again("private").await.status, 200, "it is what it is already");
    let other = again("public-read").await;
    assert_eq!((other.status, other.code().as_str()), (409, "BucketAlreadyOwnedByYou"));
}
