//! DeleteObjects.

use crate::fixture::{Fixture, code};
use aws_sdk_s3::types::{Delete, ObjectIdentifier};

fn identifier(key: &str) -> ObjectIdentifier {
    ObjectIdentifier::builder().key(key).build().unwrap()
}

#[tokio::test]
async fn a_thousand_keys_go_in_one_request_and_absent_ones_count_as_deleted() {
    let fixture = Fixture::new().await;
    for key in ["a", "b & c", "ü"] {
        fixture.put(key, "x").await;
    }
    let mut objects: Vec<_> = (0..997).map(|i| identifier(&format!("absent-{i}"))).collect();
    objects.extend(["a", "b & c", "ü"].map(identifier));
    let delete = Delete::builder().set_objects(Some(objects)).build().unwrap();
    let deleted = fixture.client.delete_objects().bucket(&fixture.bucket).delete(delete).send().await.unwrap();
    assert_eq!(deleted.deleted().len(), 1000);
    assert!(deleted.errors().is_empty());
    assert!(fixture.keys().await.is_empty());
}

#[tokio::test]
async fn quiet_answers_errors_alone() {
    let fixture = Fixture::new().await;
    fixture.put("a", "x").await;
    let wrong = ObjectIdentifier::builder().key("a").e_tag("\"no\"").build().unwrap();
    let delete = Delete::builder().objects(wrong).objects(identifier("b")).quiet(true).build().unwrap();
    let deleted = fixture.client.delete_objects().bucket(&fixture.bucket).delete(delete).send().await.unwrap();
    assert!(deleted.deleted().is_empty());
    assert_eq!(deleted.errors().len(), 1);
    assert_eq!(deleted.errors()[0].code(), Some("PreconditionFailed"));
    assert_eq!(fixture.keys().await, ["a"]);
}

#[tokio::test]
async fn more_than_a_thousand_keys_are_malformed() {
    let fixture = Fixture::new().await;
    let objects = (0..1001).map(|i| identifier(&format!("k{i}"))).collect();
    let delete = Delete::builder().set_objects(Some(objects)).build().unwrap();
    let refused = fixture.client.delete_objects().bucket(&fixture.bucket).delete(delete).send().await;
    assert_eq!(code(refused), "MalformedXML");
}

#[tokio::test]
async fn a_body_must_fit_its_digest_and_be_well_formed_xml() {
    let fixture = Fixture::new().await;
    let body = "<Delete><Object><Key>a</Key></Object></Delete>";
    let wrong =
        fixture.raw("POST", "?delete").header("content-md5", "XrY7u+Ae7tCTyyK7j1rNww==").body(body).send().await;
    assert_eq!(wrong.code(), "BadDigest");
    let cut = fixture.raw("POST", "?delete").body("<Delete>").send().await;
    assert_eq!((cut.status, cut.code().as_str()), (400, "MalformedXML"));
}
