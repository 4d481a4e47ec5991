//! PutObjectLockConfiguration and GetObjectLockConfiguration, and what a bucket with Object Lock is.

use crate::fixture::{Fixture, code, new_bucket_name};
use aws_sdk_s3::types::{
    BucketVersioningStatus, DefaultRetention, ObjectLockConfiguration, ObjectLockEnabled, ObjectLockRetentionMode,
    ObjectLockRule, VersioningConfiguration,
};

impl Fixture {
    /// With a bucket that was made with Object Lock.
    pub async fn with_locks() -> Self {
        let mut fixture = Self::new().await;
        fixture.bucket = new_bucket_name();
        let create = fixture.client.create_bucket().bucket(&fixture.bucket).object_lock_enabled_for_bucket(true);
        create.send().await.expect("the bucket is created");
        fixture
    }

    async fn lock_configuration(&self) -> Option<ObjectLockConfiguration> {
        let got = self.client.get_object_lock_configuration().bucket(&self.bucket).send().await;
        got.expect("the bucket has a configuration").object_lock_configuration
    }

    pub async fn put_lock_configuration(&self, inner: &str) -> (u16, String) {
        let body = format!("<ObjectLockConfiguration>{inner}</ObjectLockConfiguration>");
        let answer = self.raw("PUT", "?object-lock").body(body).send().await;
        (answer.status, answer.code())
    }
}

fn configuration(mode: ObjectLockRetentionMode, days: Option<i32>, years: Option<i32>) -> ObjectLockConfiguration {
    let default = DefaultRetention::builder().mode(mode).set_days(days).set_years(years).build();
    ObjectLockConfiguration::builder()
        .object_lock_enabled(ObjectLockEnabled::Enabled)
        .rule(ObjectLockRule::builder().default_retention(default).build())
        .build()
}

#[tokio::test]
async fn a_configuration_comes_back_and_is_replaced() {
    let fixture = Fixture::with_locks().await;
    let enabled = ObjectLockConfiguration::builder().object_lock_enabled(ObjectLockEnabled::Enabled).build();
    assert_eq!(fixture.lock_configuration().await, Some(enabled.clone()));
    for configuration in [
        configuration(ObjectLockRetentionMode::Governance, Some(36_500), None),
        configuration(ObjectLockRetentionMode::Compliance, None, Some(100)),
        enabled,
    ] {
        let put = fixture.client.put_object_lock_configuration().bucket(&fixture.bucket);
        put.object_lock_configuration(configuration.clone()).send().await.expect("the configuration is set");
        assert_eq!(fixture.lock_configuration().await, Some(configuration));
    }
}

#[tokio::test]
async fn it_is_switched_on_where_versions_are_kept_and_never_off() {
    let fixture = Fixture::new().await;
    let get = fixture.client.get_object_lock_configuration().bucket(&fixture.bucket).send().await;
    assert_eq!(code(get), "ObjectLockConfigurationNotFoundError");
    let enabled = "<ObjectLockEnabled>Enabled</ObjectLockEnabled>";
    assert_eq!(fixture.put_lock_configuration(enabled).await, (409, "InvalidBucketState".into()));
    fixture.set_versioning(BucketVersioningStatus::Suspended).await;
    assert_eq!(fixture.put_lock_configuration(enabled).await, (409, "InvalidBucketState".into()));
    fixture.set_versioning(BucketVersioningStatus::Enabled).await;
    assert_eq!(fixture.put_lock_configuration(enabled).await, (200, String::new()));
    let suspended = VersioningConfiguration::builder().status(BucketVersioningStatus::Suspended).build();
    let suspend = fixture.client.put_bucket_versioning().bucket(&fixture.bucket).versioning_configuration(suspended);
    assert_eq!(code(suspend.send().await), "InvalidBucketState");
    fixture.set_versioning(BucketVersioningStatus::Enabled).await;
    assert_eq!(fixture.raw("DELETE", "?object-lock").send().await.status, 405);
}

#[tokio::test]
async fn what_is_no_configuration_is_refused_and_changes_nothing() {
    let fixture = Fixture::with_locks().await;
    let rule = |inner: &str| {
        format!(
            "<ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>{inner}</DefaultRetention></Rule>"
        )
    };
    for (inner, name) in [
        (String::new(), "MalformedXML"),
        ("<ObjectLockEnabled>Disabled</ObjectLockEnabled>".into(), "MalformedXML"),
        (rule("<Mode>GOVERNANCE</Mode><Days>1</Days><Years>1</Years>"), "MalformedXML"),
        (rule("<Mode>abc</Mode><Days>1</Days>"), "MalformedXML"),
        (rule("<Mode>GOVERNANCE</Mode>"), "MalformedXML"),
        (rule("<Mode>GOVERNANCE</Mode><Days>0</Days>"), "InvalidRetentionPeriod"),
        (rule("<Mode>COMPLIANCE</Mode><Years>-1</Years>"), "InvalidRetentionPeriod"),
        (rule("<Mode>COMPLIANCE</Mode><Years>101</Years>"), "InvalidArgument"),
    ] {
        assert_eq!(fixture.put_lock_configuration(&inner).await, (400, name.to_owned()), "{inner}");
    }
    assert!(fixture.lock_configuration().await.unwrap().rule.is_none());
    let nowhere = fixture.client.get_object_lock_configuration().bucket(new_bucket_name()).send().await;
    assert_eq!(code(nowhere), "NoSuchBucket");
    let nowhere = fixture.client.create_bucket().bucket(new_bucket_name()).customize().mutate_request(|request| {
        request.headers_mut().insert("x-amz-bucket-object-lock-enabled", "perhaps");
    });
    assert_eq!(code(nowhere.send().await), "InvalidArgument");
}
