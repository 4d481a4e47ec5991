//! Object Lock on the ways to write and to delete: headers, the bucket's default, copies, uploads, forms of deletes.

use crate::{
    fixture::{Fixture, PART_LENGTH_MIN, code},
    put_object_retention::{Bypass, date},
};
use aws_sdk_s3::types::{
    ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart, Delete, ObjectIdentifier, ObjectLockLegalHoldStatus,
    ObjectLockMode,
};

const UNTIL: &str = "2040-01-01T00:00:00.000Z";

impl Fixture {
    /// Mode, end and legal hold as HeadObject shows them.
    async fn shown_lock(&self, key: &str) -> (String, String, String) {
        let answer = self.raw("HEAD", &format!("/{key}")).send().await;
        let header = |name| answer.header(name).unwrap_or_default().to_owned();
        (
            header("x-amz-object-lock-mode"),
            header("x-amz-object-lock-retain-until-date"),
            header("x-amz-object-lock-legal-hold"),
        )
    }
}

fn lock(mode: &str, until: &str, legal_hold: &str) -> (String, String, String) {
    (mode.to_owned(), until.to_owned(), legal_hold.to_owned())
}

#[tokio::test]
async fn what_a_write_asks_for_is_shown_and_kept() {
    let fixture = Fixture::with_locks().await;
    assert_eq!(fixture.put_version("plain").await.len(), 32);
    assert_eq!(fixture.shown_lock("plain").await, lock("", "", ""));
    let put =
        fixture.client.put_object().bucket(&fixture.bucket).key("key").checksum_algorithm(ChecksumAlgorithm::Crc32);
    let put = put.object_lock_mode(ObjectLockMode::Compliance).object_lock_retain_until_date(date(0));
    let put = put.object_lock_legal_hold_status(ObjectLockLegalHoldStatus::On).send().await.unwrap();
    assert_eq!(fixture.shown_lock("key").await, lock("COMPLIANCE", UNTIL, "ON"));
    let got = fixture.client.get_object().bucket(&fixture.bucket).key("key").send().await.unwrap();
    assert_eq!(got.object_lock_mode(), Some(&ObjectLockMode::Compliance));
    assert_eq!(got.object_lock_retain_until_date(), Some(&date(0)));
    assert_eq!(fixture.delete_version("key", put.version_id().unwrap(), Bypass::Yes).await, "AccessDenied");
    // A copy has what it asks for itself.
    let copy = || fixture.client.copy_object().bucket(&fixture.bucket).copy_source(format!("{}/key", fixture.bucket));
    copy().key("copy").send().await.unwrap();
    assert_eq!(fixture.shown_lock("copy").await, lock("", "", ""));
    let held = copy().key("held").object_lock_legal_hold_status(ObjectLockLegalHoldStatus::On).send().await.unwrap();
    assert_eq!(fixture.shown_lock("held").await, lock("", "", "ON"));
    assert_eq!(fixture.delete_version("held", held.version_id().unwrap(), Bypass::No).await, "AccessDenied");
}

#[tokio::test]
async fn an_upload_asks_at_its_beginning() {
    let fixture = Fixture::with_locks().await;
    let create = fixture.client.create_multipart_upload().bucket(&fixture.bucket).key("key");
    let create = create.object_lock_mode(ObjectLockMode::Governance).object_lock_retain_until_date(date(0));
    let created = create.object_lock_legal_hold_status(ObjectLockLegalHoldStatus::Off).send().await.unwrap();
    let upload = created.upload_id().unwrap();
    let etag = fixture.part("key", upload, 1, vec![7; PART_LENGTH_MIN]).await;
    let parts = CompletedMultipartUpload::builder();
    let parts = parts.parts(CompletedPart::builder().part_number(1).e_tag(etag).build()).build();
    let complete = fixture.client.complete_multipart_upload().bucket(&fixture.bucket).key("key").upload_id(upload);
    let completed = complete.multipart_upload(parts).send().await.unwrap();
    assert_eq!(fixture.shown_lock("key").await, lock("GOVERNANCE", UNTIL, "OFF"));
    let version = completed.version_id().unwrap();
    assert_eq!(fixture.delete_version("key", version, Bypass::No).await, "AccessDenied");
    assert_eq!(fixture.delete_version("key", version, Bypass::Yes).await, "ok");
}

#[tokio::test]
async fn a_default_locks_every_new_version() {
    let fixture = Fixture::with_locks().await;
    let rule = "<ObjectLockEnabled>Enabled</ObjectLockEnabled>
        <Rule><DefaultRetention><Mode>COMPLIANCE</Mode><Days>1</Days></DefaultRetention></Rule>";
    assert_eq!(fixture.put_lock_configuration(rule).await.0, 200);
    let version = fixture.put_version("key").await;
    let (mode, until, hold) = fixture.shown_lock("key").await;
    assert_eq!((mode.as_str(), hold.as_str()), ("COMPLIANCE", ""));
    let head = fixture.client.head_object().bucket(&fixture.bucket).key("key").send().await.unwrap();
    let (until_seconds, written) =
        (head.object_lock_retain_until_date().unwrap().secs(), head.last_modified().unwrap());
    assert_eq!(until_seconds - written.secs(), 24 * 60 * 60, "{until}");
    assert_eq!(fixture.delete_version("key", &version, Bypass::Yes).await, "AccessDenied");
}

#[tokio::test]
async fn a_delete_of_many_leaves_what_is_locked_and_says_so() {
    let fixture = Fixture::with_locks().await;
    let put = fixture.client.put_object().bucket(&fixture.bucket).key("locked");
    let put = put.checksum_algorithm(ChecksumAlgorithm::Crc32).object_lock_mode(ObjectLockMode::Governance);
    let locked = put.object_lock_retain_until_date(date(0)).send().await.unwrap().version_id.unwrap();
    let free = fixture.put_version("free").await;
    let delete = |bypass: Bypass| {
        let entry =
            |key: &str, version: &str| ObjectIdentifier::builder().key(key).version_id(version).build().unwrap();
        let delete = Delete::builder().objects(entry("locked", &locked)).objects(entry("free", &free)).build().unwrap();
        let request = fixture.client.delete_objects().bucket(&fixture.bucket).delete(delete);
        request.set_bypass_governance_retention(bypass.header()).send()
    };
    let answer = delete(Bypass::No).await.unwrap();
    let errors: Vec<_> = answer.errors().iter().map(|error| (error.key(), error.code(), error.version_id())).collect();
    assert_eq!(errors, [(Some("locked"), Some("AccessDenied"), Some(locked.as_str()))]);
    assert_eq!(answer.deleted().len(), 1);
    let answer = delete(Bypass::Yes).await.unwrap();
    assert_eq!((answer.errors().len(), answer.deleted().len()), (0, 2));
}

#[tokio::test]
async fn locks_that_make_no_sense_are_refused_and_nothing_is_stored() {
    let fixture = Fixture::with_locks().await;
    let (mode, until, hold) =
        ("x-amz-object-lock-mode", "x-amz-object-lock-retain-until-date", "x-amz-object-lock-legal-hold");
    let cases: [&[(&'static str, &str)]; 6] = [
        &[(mode, "GOVERNANCE")],
        &[(until, UNTIL)],
        &[(mode, "governance"), (until, UNTIL)],
        &[(mode, "GOVERNANCE"), (until, "soon")],
        &[(mode, "GOVERNANCE"), (until, "2020-01-01T00:00:00Z")],
        &[(hold, "maybe")],
    ];
    let checksum = ("x-amz-checksum-crc32", "jNwWgw==");
    for case in cases {
        for (method, target) in [("PUT", "/key"), ("POST", "/key?uploads")] {
            let request = fixture.raw(method, target);
            let request = case.iter().fold(request, |request, (name, value)| request.header(name, *value));
            let request = if method == "PUT" { request.header(checksum.0, checksum.1).body("x") } else { request };
            let answer = request.send().await;
            assert_eq!((answer.status, answer.code().as_str()), (400, "InvalidArgument"), "{method} {case:?}");
        }
    }
    // Bytes that nobody vouches for are not locked.
    let unvouched = fixture.raw("PUT", "/key").header(hold, "ON").body("x").send().await;
    assert_eq!((unvouched.status, unvouched.code().as_str()), (400, "InvalidRequest"), "{}", unvouched.text());
    // On an operation that makes no version it would be passed over.
    assert_eq!(fixture.raw("GET", "/key").header(hold, "ON").send().await.status, 501);
    assert!(fixture.keys().await.is_empty());
    let unlocked = Fixture::new().await;
    let put = unlocked.client.put_object().bucket(&unlocked.bucket).key("key");
    let put = put.checksum_algorithm(ChecksumAlgorithm::Crc32);
    let refused = put.object_lock_legal_hold_status(ObjectLockLegalHoldStatus::On).send().await;
    assert_eq!(code(refused), "InvalidRequest");
    let upload = unlocked.client.create_multipart_upload().bucket(&unlocked.bucket).key("key");
    let upload = upload.object_lock_mode(ObjectLockMode::Governance).object_lock_retain_until_date(date(0));
    assert_eq!(code(upload.send().await), "InvalidRequest");
    assert!(unlocked.keys().await.is_empty());
}
