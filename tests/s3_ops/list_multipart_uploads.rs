//! ListMultipartUploads.

use crate::fixture::{Fixture, code, new_bucket_name};
use crate::raw::order;

#[tokio::test]
async fn uploads_are_paged_by_key_and_id() {
    let fixture = Fixture::new().await;
    let mut expected = Vec::new();
    for key in ["a", "b/1", "b/1", "c"] {
        expected.push((key.to_owned(), fixture.upload(key, &[]).await.0));
    }
    expected.sort();
    let (mut found, mut key, mut id) = (Vec::new(), None, None);
    loop {
        let page = fixture.client.list_multipart_uploads().bucket(&fixture.bucket).max_uploads(1);
        let page = page.set_key_marker(key).set_upload_id_marker(id).send().await.unwrap();
        for upload in page.uploads() {
            found.push((upload.key().unwrap().to_owned(), upload.upload_id().unwrap().to_owned()));
        }
        key = page.next_key_marker().map(str::to_owned);
        id = page.next_upload_id_marker().map(str::to_owned);
        if page.is_truncated() != Some(true) {
            break;
        }
    }
    found.sort();
    assert_eq!(found, expected);
    let grouped = fixture.client.list_multipart_uploads().bucket(&fixture.bucket).delimiter("/").send().await.unwrap();
    assert_eq!(grouped.uploads().len(), 2);
    assert_eq!(grouped.common_prefixes()[0].prefix(), Some("b/"));
}

#[tokio::test]
async fn an_absent_bucket_is_no_such_bucket() {
    let fixture = Fixture::new().await;
    assert_eq!(code(fixture.client.list_multipart_uploads().bucket(new_bucket_name()).send().await), "NoSuchBucket");
}

/// Readers that want an element's repetitions side by side failed on lists in the order of the keys.
#[tokio::test]
async fn common_prefixes_come_behind_everything_else() {
    let fixture = Fixture::new().await;
    for key in ["a", "b/1", "c", "d/1", "e"] {
        fixture.upload(key, &[]).await;
    }
    let text = fixture.raw("GET", "?uploads&delimiter=%2F").send().await.text();
    let names = order(&text, &["Upload", "CommonPrefixes"]);
    assert_eq!(names, ["Upload", "Upload", "Upload", "CommonPrefixes", "CommonPrefixes"], "{text}");
}
