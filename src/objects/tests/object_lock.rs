//! Object Lock under a clock that the test moves: when a retention ends, and what is refused before a body is read.

use super::fixture::{Fixture, TestBody, bucket, key, put_input};
use crate::{
    identity::Permit,
    objects::{DeleteEntry, LockTarget, ObjectError, PutInput, VersionSelector, WritePrecondition, WrittenVersion},
    types::{
        Bypass, DefaultRetention, LegalHold, ObjectLockConfiguration, Retention, RetentionMode, RetentionPeriod,
        Timestamp, VersionLock, Versioning,
    },
};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

async fn locked_bucket() -> Fixture {
    let fixture = Fixture::start().await;
    fixture.objects.set_versioning(&bucket(), Versioning::Enabled).await.unwrap();
    fixture.objects.set_object_lock(&bucket(), ObjectLockConfiguration::default()).await.unwrap();
    fixture
}

impl Fixture {
    fn in_days(&self, days: u32) -> Timestamp {
        use crate::runtime::Clock as _;
        let millis = i64::try_from((DAY * days).as_millis()).unwrap();
        Timestamp::from_unix_millis(self.test.clock.now().unix_millis() + millis)
    }

    fn retained(&self, mode: RetentionMode, days: u32) -> VersionLock {
        VersionLock { retention: Some(Retention { mode, until: self.in_days(days) }), legal_hold: None }
    }

    async fn put_locked(&self, lock: VersionLock) -> Result<WrittenVersion, ObjectError> {
        self.objects.put(PutInput { lock, ..put_input("key") }, TestBody::of(b"bytes")).await
    }

    async fn remove(&self, version: &WrittenVersion, bypass: Bypass) -> Result<bool, ObjectError> {
        let version = VersionSelector::Id(version.version);
        let entry = DeleteEntry { key: key("key"), version, precondition: WritePrecondition::None, bypass };
        self.objects.delete(&bucket(), entry, "root", Permit::full()).await.map(|deleted| deleted.existed)
    }
}

fn target(version: &WrittenVersion) -> LockTarget {
    LockTarget {
        bucket: bucket(),
        key: key("key"),
        version: VersionSelector::Id(version.version),
        permit: Permit::full(),
    }
}

#[tokio::test]
async fn a_retention_ends_at_its_date_and_not_before() {
    let fixture = locked_bucket().await;
    let version = fixture.put_locked(fixture.retained(RetentionMode::Compliance, 2)).await.unwrap();
    fixture.test.clock.advance(2 * DAY - Duration::from_millis(1));
    for bypass in [Bypass::None, Bypass::Governance] {
        assert_eq!(fixture.remove(&version, bypass).await, Err(ObjectError::ObjectLocked));
    }
    // The clock jumps back, and forth again.
    let before = fixture.in_days(0);
    fixture.test.clock.set_wall_clock(Timestamp::from_unix_millis(0));
    assert_eq!(fixture.remove(&version, Bypass::Governance).await, Err(ObjectError::ObjectLocked));
    fixture.test.clock.set_wall_clock(before);
    fixture.test.clock.advance(Duration::from_millis(1));
    assert_eq!(fixture.remove(&version, Bypass::None).await, Ok(true));
}

#[tokio::test]
async fn the_default_of_a_bucket_counts_from_the_commit_on_and_yields_to_what_is_asked_for() {
    let fixture = locked_bucket().await;
    let unlocked = fixture.put_locked(VersionLock::default()).await.unwrap();
    let default = DefaultRetention { mode: RetentionMode::Governance, period: RetentionPeriod::days(3).unwrap() };
    let configuration = ObjectLockConfiguration { default_retention: Some(default) };
    fixture.objects.set_object_lock(&bucket(), configuration).await.unwrap();
    assert_eq!(fixture.objects.object_lock(&bucket()).await, Ok(configuration));
    let by_default = fixture.put_locked(VersionLock::default()).await.unwrap();
    let until = fixture.in_days(3);
    assert_eq!(
        fixture.objects.retention(&target(&by_default)).await,
        Ok(Retention { mode: RetentionMode::Governance, until })
    );
    let asked = fixture.retained(RetentionMode::Compliance, 1);
    let by_request = fixture.put_locked(asked).await.unwrap();
    assert_eq!(fixture.objects.retention(&target(&by_request)).await, Ok(asked.retention.unwrap()));
    // What was there before has got nothing.
    assert_eq!(fixture.objects.retention(&target(&unlocked)).await, Err(ObjectError::VersionHasNoLock));
    assert_eq!(fixture.remove(&unlocked, Bypass::None).await, Ok(true));
    assert_eq!(fixture.remove(&by_default, Bypass::None).await, Err(ObjectError::ObjectLocked));
    assert_eq!(fixture.remove(&by_default, Bypass::Governance).await, Ok(true));
    // An upload's version is made when it is completed.
    let upload = fixture.create_upload("key", None).await;
    let part = fixture.upload_part(&upload, 1, b"part").await;
    fixture.test.clock.advance(DAY);
    let completed = fixture.complete(&upload, &[(1, &part)]).await.unwrap();
    let retention = fixture.objects.retention(&target(&completed)).await.unwrap();
    assert_eq!(retention.until, fixture.in_days(3));
}

#[tokio::test]
async fn what_can_not_be_locked_is_refused_before_a_byte_is_read() {
    let fixture = locked_bucket().await;
    let past = VersionLock {
        retention: Some(Retention { mode: RetentionMode::Governance, until: fixture.in_days(0) }),
        legal_hold: None,
    };
    let refused = fixture.put_locked(past).await.unwrap_err();
    assert!(
        matches!(refused, ObjectError::InvalidArgument { name: "x-amz-object-lock-retain-until-date", .. }),
        "{refused}"
    );
    let version = fixture.put_locked(VersionLock::default()).await.unwrap();
    let refused = fixture.objects.set_retention(target(&version), past.retention, Bypass::Governance).await;
    assert!(matches!(refused, Err(ObjectError::InvalidArgument { name: "RetainUntilDate", .. })), "{refused:?}");
    fixture.make_bucket("other").await.unwrap();
    let held = VersionLock { legal_hold: Some(LegalHold::Off), ..VersionLock::default() };
    let other = PutInput { bucket: "other".parse().unwrap(), lock: held, ..put_input("key") };
    let unread = TestBody::broken(b"", crate::objects::BodyError::Incomplete);
    assert_eq!(fixture.objects.put(other, unread).await.unwrap_err(), ObjectError::BucketHasNoLock);
}

#[tokio::test]
async fn who_makes_a_bucket_again_gets_no_success_for_a_lock_that_is_not_there() {
    use crate::objects::CreateBucketInput;
    let fixture = Fixture::start().await;
    let make = |name: &str, object_lock| {
        let (name, owner) = (name.parse().unwrap(), "root".into());
        let input = CreateBucketInput {
            name,
            region: String::new(),
            owner,
            tags: None,
            object_lock,
            acl: None,
            ownership: None,
        };
        fixture.objects.create_bucket(input)
    };
    let lock = Some(ObjectLockConfiguration::default());
    assert_eq!(make("bucket", lock).await, Err(ObjectError::BucketAlreadyOwnedByYou));
    assert_eq!(make("bucket", None).await, Ok(()));
    assert_eq!(make("locked", lock).await, Ok(()));
    assert_eq!(make("locked", lock).await, Ok(()));
    assert_eq!(make("locked", None).await, Ok(()));
}
