//! PutObjectLegalHold and GetObjectLegalHold.

use crate::{
    fixture::{Fixture, code},
    put_object_retention::Bypass,
};
use aws_sdk_s3::types::{ObjectLockLegalHold, ObjectLockLegalHoldStatus as Status};

impl Fixture {
    async fn hold(&self, version: &str, status: Status) {
        let put = self.client.put_object_legal_hold().bucket(&self.bucket).key("key").version_id(version);
        let put = put.legal_hold(ObjectLockLegalHold::builder().status(status).build());
        put.send().await.expect("the legal hold is set");
    }
}

#[tokio::test]
async fn a_legal_hold_keeps_the_version_until_it_is_off_whoever_asks() {
    let fixture = Fixture::with_locks().await;
    let version = fixture.put_version("key").await;
    let get = || fixture.client.get_object_legal_hold().bucket(&fixture.bucket).key("key").version_id(&version).send();
    assert_eq!(code(get().await), "NoSuchObjectLockConfiguration");
    for status in [Status::On, Status::Off, Status::On] {
        fixture.hold(&version, status.clone()).await;
        assert_eq!(get().await.unwrap().legal_hold.unwrap().status, Some(status));
    }
    for bypass in [Bypass::No, Bypass::Yes] {
        assert_eq!(fixture.delete_version("key", &version, bypass).await, "AccessDenied");
    }
    let newer = fixture.put_version("key").await;
    assert_eq!(fixture.delete_version("key", &newer, Bypass::No).await, "ok", "a lock is one version's");
    fixture.hold(&version, Status::Off).await;
    assert_eq!(fixture.delete_version("key", &version, Bypass::No).await, "ok");
}

#[tokio::test]
async fn what_is_no_legal_hold_is_refused() {
    let fixture = Fixture::with_locks().await;
    fixture.put_version("key").await;
    for inner in ["<Status>on</Status>", "", "<Status>ON</Status><More/>"] {
        let answer = fixture.raw("PUT", "/key?legal-hold").body(format!("<LegalHold>{inner}</LegalHold>")).send().await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "MalformedXML"), "{inner}");
    }
    let good = || "<LegalHold><Status>ON</Status></LegalHold>".to_owned();
    assert_eq!(fixture.raw("PUT", "/other?legal-hold").body(good()).send().await.code(), "NoSuchKey");
    let unknown = format!("/key?legal-hold&versionId={}", "0".repeat(32));
    assert_eq!(fixture.raw("PUT", &unknown).body(good()).send().await.code(), "NoSuchVersion");
    let unlocked = Fixture::new().await;
    unlocked.put("key", "x").await;
    for (method, body) in [("PUT", good()), ("GET", String::new())] {
        let answer = unlocked.raw(method, "/key?legal-hold").body(body).send().await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "InvalidRequest"), "{method}");
    }
}
