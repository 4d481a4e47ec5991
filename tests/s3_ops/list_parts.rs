//! ListParts.

use crate::fixture::{Fixture, code};

#[tokio::test]
async fn parts_are_paged_by_number() {
    let fixture = Fixture::new().await;
    let (upload, _) = fixture.upload("key", &[]).await;
    for number in [9, 2, 5] {
        fixture.part("key", &upload, number, vec![0; number as usize]).await;
    }
    let (mut found, mut marker) = (Vec::new(), None);
    loop {
        let page = fixture.client.list_parts().bucket(&fixture.bucket).key("key").upload_id(&upload).max_parts(2);
        let page = page.set_part_number_marker(marker).send().await.unwrap();
        found.extend(page.parts().iter().map(|part| (part.part_number().unwrap(), part.size().unwrap())));
        marker = page.next_part_number_marker().map(str::to_owned);
        if page.is_truncated() != Some(true) {
            break;
        }
    }
    assert_eq!(found, [(2, 2), (5, 5), (9, 9)]);
}

#[tokio::test]
async fn an_unknown_upload_and_bad_numbers_are_refused() {
    let fixture = Fixture::new().await;
    let unknown =
        fixture.client.list_parts().bucket(&fixture.bucket).key("key").upload_id("00000000000000000000000000000001");
    assert_eq!(code(unknown.send().await), "NoSuchUpload");
    let (upload, _) = fixture.upload("key", &[]).await;
    assert_eq!(
        fixture.raw("GET", &format!("/key?uploadId={upload}&max-parts=x")).send().await.code(),
        "InvalidArgument"
    );
    assert_eq!(
        fixture.raw("GET", &format!("/key?uploadId={upload}&part-number-marker=-1")).send().await.code(),
        "InvalidArgument"
    );
}

#[tokio::test]
async fn a_page_of_nothing_has_no_next() {
    let fixture = Fixture::new().await;
    let (upload, _) = fixture.upload("key", &[b"x".to_vec()]).await;
    let page = fixture.raw("GET", &format!("/key?uploadId={upload}&max-parts=0")).send().await.text();
    assert!(page.contains("<IsTruncated>false</IsTruncated>") && !page.contains("<Part>"), "{page}");
}
