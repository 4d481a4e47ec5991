//! PutObjectRetention and GetObjectRetention.

use crate::fixture::{Fixture, code};
use aws_sdk_s3::{
    primitives::DateTime,
    types::{ObjectLockRetention, ObjectLockRetentionMode as Mode},
};

/// 2040-01-01 and days behind it.
pub fn date(days: i64) -> DateTime {
    DateTime::from_secs(2_208_988_800 + days * 24 * 60 * 60)
}

/// Whether the request says that it means to break a retention.
#[derive(Clone, Copy, Debug)]
pub enum Bypass {
    Yes,
    No,
}

impl Bypass {
    pub fn header(self) -> Option<bool> {
        match self {
            Self::Yes => Some(true),
            Self::No => None,
        }
    }
}

impl Fixture {
    /// The id of a new version.
    pub async fn put_version(&self, key: &str) -> String {
        let put = self.client.put_object().bucket(&self.bucket).key(key).send().await.expect("the object is stored");
        put.version_id().expect("the bucket keeps versions").to_owned()
    }

    /// `ok`, or the code of the refusal.
    pub async fn retain(&self, version: &str, retention: Option<(Mode, i64)>, bypass: Bypass) -> String {
        let mut element = ObjectLockRetention::builder();
        if let Some((mode, days)) = retention {
            element = element.mode(mode).retain_until_date(date(days));
        }
        let put = self.client.put_object_retention().bucket(&self.bucket).key("key").version_id(version);
        let put = put.retention(element.build()).set_bypass_governance_retention(bypass.header()).send().await;
        if put.is_ok() { "ok".to_owned() } else { code(put) }
    }

    async fn retention(&self, version: &str) -> Option<(Mode, DateTime)> {
        let got = self.client.get_object_retention().bucket(&self.bucket).key("key").version_id(version).send().await;
        let retention = got.ok()?.retention?;
        Some((retention.mode?, retention.retain_until_date?))
    }

    pub async fn delete_version(&self, key: &str, version: &str, bypass: Bypass) -> String {
        let delete = self.client.delete_object().bucket(&self.bucket).key(key).version_id(version);
        let deleted = delete.set_bypass_governance_retention(bypass.header()).send().await;
        if deleted.is_ok() { "ok".to_owned() } else { code(deleted) }
    }
}

#[tokio::test]
async fn a_retention_keeps_the_version_and_governance_yields_to_whoever_says_so() {
    let fixture = Fixture::with_locks().await;
    let version = fixture.put_version("key").await;
    assert_eq!(fixture.retain(&version, Some((Mode::Governance, 5)), Bypass::No).await, "ok");
    assert_eq!(fixture.retention(&version).await, Some((Mode::Governance, date(5))));
    assert_eq!(fixture.delete_version("key", &version, Bypass::No).await, "AccessDenied");
    let refused = fixture.raw("DELETE", &format!("/key?versionId={version}")).send().await;
    assert!(refused.text().contains("object protected by object lock"), "{}", refused.text());
    // A delete that names no version takes nothing away.
    let deleted = fixture.client.delete_object().bucket(&fixture.bucket).key("key").send().await.unwrap();
    let marker = deleted.version_id().unwrap();
    assert_eq!(fixture.delete_version("key", marker, Bypass::No).await, "ok");
    assert_eq!(fixture.delete_version("key", &version, Bypass::No).await, "AccessDenied");
    assert_eq!(fixture.delete_version("key", &version, Bypass::Yes).await, "ok");
    assert_eq!(fixture.delete_version("key", &version, Bypass::No).await, "ok", "what is gone is gone");
}

#[tokio::test]
async fn governance_is_weakened_only_by_whoever_says_so() {
    let fixture = Fixture::with_locks().await;
    let version = fixture.put_version("key").await;
    for (retention, bypass, answer) in [
        (Some((Mode::Governance, 5)), Bypass::No, "ok"),
        (Some((Mode::Governance, 6)), Bypass::No, "ok"),
        (Some((Mode::Governance, 6)), Bypass::No, "ok"),
        (Some((Mode::Governance, 5)), Bypass::No, "AccessDenied"),
        (Some((Mode::Compliance, 6)), Bypass::No, "AccessDenied"),
        (None, Bypass::No, "AccessDenied"),
        (Some((Mode::Governance, 4)), Bypass::Yes, "ok"),
        (None, Bypass::Yes, "ok"),
    ] {
        assert_eq!(fixture.retain(&version, retention.clone(), bypass).await, answer, "{retention:?} {bypass:?}");
    }
    assert_eq!(fixture.retention(&version).await, None);
    assert_eq!(fixture.retain(&version, Some((Mode::Governance, 4)), Bypass::No).await, "ok");
    assert_eq!(fixture.retain(&version, Some((Mode::Compliance, 4)), Bypass::Yes).await, "ok");
}

#[tokio::test]
async fn compliance_is_weakened_by_nobody() {
    let fixture = Fixture::with_locks().await;
    let version = fixture.put_version("key").await;
    for (retention, answer) in [
        (Some((Mode::Compliance, 5)), "ok"),
        (Some((Mode::Compliance, 4)), "AccessDenied"),
        (Some((Mode::Governance, 9)), "AccessDenied"),
        (None, "AccessDenied"),
        (Some((Mode::Compliance, 6)), "ok"),
    ] {
        assert_eq!(fixture.retain(&version, retention.clone(), Bypass::Yes).await, answer, "{retention:?}");
    }
    assert_eq!(fixture.retention(&version).await, Some((Mode::Compliance, date(6))));
    assert_eq!(fixture.delete_version("key", &version, Bypass::Yes).await, "AccessDenied");
    assert_eq!(code(fixture.client.delete_bucket().bucket(&fixture.bucket).send().await), "BucketNotEmpty");
}

#[tokio::test]
async fn what_is_no_retention_is_refused() {
    let fixture = Fixture::with_locks().await;
    let version = fixture.put_version("key").await;
    let date = "<RetainUntilDate>2040-01-01T00:00:00Z</RetainUntilDate>";
    for (inner, name) in [
        (format!("<Mode>governance</Mode>{date}"), "MalformedXML"),
        ("<Mode>GOVERNANCE</Mode>".to_owned(), "MalformedXML"),
        (date.to_owned(), "MalformedXML"),
        ("<Mode>GOVERNANCE</Mode><RetainUntilDate>soon</RetainUntilDate>".to_owned(), "MalformedXML"),
        (
            "<Mode>GOVERNANCE</Mode><RetainUntilDate>2020-01-01T00:00:00Z</RetainUntilDate>".to_owned(),
            "InvalidArgument",
        ),
    ] {
        let body = format!("<Retention>{inner}</Retention>");
        let answer = fixture.raw("PUT", "/key?retention").body(body).send().await;
        assert_eq!((answer.status, answer.code().as_str()), (400, name), "{inner}");
    }
    let good = || format!("<Retention><Mode>GOVERNANCE</Mode>{date}</Retention>");
    let odd = fixture.raw("PUT", "/key?retention").header("x-amz-bypass-governance-retention", "perhaps");
    assert_eq!(odd.body(good()).send().await.code(), "InvalidArgument");
    let got = fixture.client.get_object_retention().bucket(&fixture.bucket).key("key").version_id(&version).send();
    assert_eq!(code(got.await), "NoSuchObjectLockConfiguration");
    assert_eq!(fixture.raw("PUT", "/other?retention").body(good()).send().await.code(), "NoSuchKey");
    assert_eq!(fixture.raw("GET", "/other?retention").send().await.code(), "NoSuchKey");
    let deleted = fixture.client.delete_object().bucket(&fixture.bucket).key("key").send().await.unwrap();
    let marker = format!("/key?retention&versionId={}", deleted.version_id().unwrap());
    for (method, body) in [("PUT", good()), ("GET", String::new())] {
        let answer = fixture.raw(method, &marker).body(body).send().await;
        assert_eq!((answer.status, answer.code().as_str()), (405, "MethodNotAllowed"), "{method}");
    }
    let unlocked = Fixture::new().await;
    unlocked.put("key", "x").await;
    for (method, body) in [("PUT", good()), ("GET", String::new())] {
        let answer = unlocked.raw(method, "/key?retention").body(body).send().await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "InvalidRequest"), "{method}");
    }
}
