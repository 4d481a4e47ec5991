//! UploadPart.

use crate::fixture::{Fixture, code};
use crate::raw::element;

#[tokio::test]
async fn a_part_sent_again_replaces_the_one_before() {
    let fixture = Fixture::new().await;
    let (upload, tags) = fixture.upload("key", &[b"first".to_vec()]).await;
    let again = fixture.part("key", &upload, 1, b"second!".to_vec()).await;
    assert_ne!(tags[0], again);
    let parts = fixture.client.list_parts().bucket(&fixture.bucket).key("key").upload_id(&upload).send().await.unwrap();
    assert_eq!(
        (parts.parts().len(), parts.parts()[0].size(), parts.parts()[0].e_tag()),
        (1, Some(7), Some(again.as_str()))
    );
}

#[tokio::test]
async fn numbers_go_from_1_to_10000() {
    let fixture = Fixture::new().await;
    let (upload, _) = fixture.upload("key", &[]).await;
    for number in ["0", "10001", "-1", "x"] {
        let refused = fixture.raw("PUT", &format!("/key?partNumber={number}&uploadId={upload}")).body("x").send().await;
        assert_eq!((refused.status, refused.code().as_str()), (400, "InvalidArgument"), "{number}");
    }
    assert_eq!(
        fixture.raw("PUT", &format!("/key?partNumber=10000&uploadId={upload}")).body("x").send().await.status,
        200
    );
}

#[tokio::test]
async fn an_unknown_upload_is_no_such_upload() {
    let fixture = Fixture::new().await;
    for upload in ["00000000000000000000000000000001", "nonsense"] {
        let part = fixture.client.upload_part().bucket(&fixture.bucket).key("key").upload_id(upload).part_number(1);
        assert_eq!(code(part.body(b"x".to_vec().into()).send().await), "NoSuchUpload", "{upload}");
    }
    let (upload, _) = fixture.upload("key", &[]).await;
    let other = fixture.client.upload_part().bucket(&fixture.bucket).key("other").upload_id(upload).part_number(1);
    assert_eq!(code(other.body(b"x".to_vec().into()).send().await), "NoSuchUpload");
}

#[tokio::test]
async fn a_wrong_digest_is_refused_and_the_part_absent() {
    let fixture = Fixture::new().await;
    let (upload, _) = fixture.upload("key", &[]).await;
    let target = format!("/key?partNumber=1&uploadId={upload}");
    let refused = fixture.raw("PUT", &target).header("content-md5", "XrY7u+Ae7tCTyyK7j1rNww==").body("x").send().await;
    assert_eq!(refused.code(), "BadDigest");
    let listed = fixture.raw("GET", &format!("/key?uploadId={upload}")).send().await;
    assert_eq!(element(&listed.text(), "PartNumber"), None);
}
