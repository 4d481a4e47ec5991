//! Sub-resources that are not configured answer what S3 answers then: the truth, which clients need.

use crate::fixture::Fixture;

#[tokio::test]
async fn buckets_answer_the_default_or_the_code_of_absence() {
    let fixture = Fixture::new().await;
    let cases = [
        ("versioning", 200, ""),
        ("acl", 200, ""),
        ("requestPayment", 200, ""),
        ("notification", 200, ""),
        ("logging", 200, ""),
        ("accelerate", 200, ""),
        ("policy", 404, "NoSuchBucketPolicy"),
        ("encryption", 404, "ServerSideEncryptionConfigurationNotFoundError"),
        ("object-lock", 404, "ObjectLockConfigurationNotFoundError"),
        ("ownershipControls", 404, "OwnershipControlsNotFoundError"),
        ("publicAccessBlock", 404, "NoSuchPublicAccessBlockConfiguration"),
        ("website", 404, "NoSuchWebsiteConfiguration"),
        ("replication", 404, "ReplicationConfigurationNotFoundError"),
    ];
    for (resource, status, code) in cases {
        let answer = fixture.raw("GET", &format!("?{resource}")).send().await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{resource}: {}", answer.text());
        let missing =
            crate::raw::RawRequest::new(&fixture, "GET", format!("/no-such-bucket-at-all?{resource}")).send().await;
        assert_eq!((missing.status, missing.code().as_str()), (404, "NoSuchBucket"), "{resource}");
    }
}

#[tokio::test]
async fn an_object_answers_its_acl_and_the_absence_of_locks() {
    let fixture = Fixture::new().await;
    fixture.put("key", "x").await;
    let acl = fixture.client.get_object_acl().bucket(&fixture.bucket).key("key").send().await.unwrap();
    assert!(acl.owner().is_some() && acl.grants().len() == 1);
    for resource in ["retention", "legal-hold"] {
        let answer = fixture.raw("GET", &format!("/key?{resource}")).send().await;
        assert!(answer.status == 400 || answer.status == 404, "{resource}: {} {}", answer.status, answer.text());
    }
}
