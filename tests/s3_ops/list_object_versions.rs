//! ListObjectVersions, of a bucket that never kept versions: every version is the `null` one and the latest.

use crate::fixture::{Fixture, code, new_bucket_name};
use crate::raw::order;

#[tokio::test]
async fn objects_are_null_versions_paged_by_markers() {
    let fixture = Fixture::new().await;
    for key in ["a", "b/1", "b/2", "c"] {
        fixture.put(key, "x").await;
        fixture.put(key, "again").await;
    }
    let (mut found, mut key_marker, mut version_marker) = (Vec::new(), None, None);
    loop {
        let page = fixture.client.list_object_versions().bucket(&fixture.bucket).max_keys(1).delimiter("/");
        let page = page.set_key_marker(key_marker).set_version_id_marker(version_marker).send().await.unwrap();
        for version in page.versions() {
            assert_eq!(
                (version.version_id(), version.is_latest(), version.size()),
                (Some("null"), Some(true), Some(5))
            );
            found.push(version.key().unwrap().to_owned());
        }
        found.extend(page.common_prefixes().iter().map(|prefix| prefix.prefix().unwrap().to_owned()));
        assert!(page.delete_markers().is_empty());
        key_marker = page.next_key_marker().map(str::to_owned);
        version_marker = page.next_version_id_marker().map(str::to_owned);
        if page.is_truncated() != Some(true) {
            break;
        }
    }
    assert_eq!(found, ["a", "b/", "c"]);
}

#[tokio::test]
async fn bad_requests_are_refused() {
    let fixture = Fixture::new().await;
    assert_eq!(code(fixture.client.list_object_versions().bucket(new_bucket_name()).send().await), "NoSuchBucket");
    let lone = fixture.raw("GET", "?versions&version-id-marker=null").send().await;
    assert_eq!((lone.status, lone.code().as_str()), (400, "InvalidArgument"));
}

/// Readers that want an element's repetitions side by side failed on lists in the order of the keys.
#[tokio::test]
async fn common_prefixes_come_behind_everything_else() {
    let fixture = Fixture::new().await;
    for key in ["a", "b/1", "c", "d/1", "e"] {
        fixture.put(key, "x").await;
    }
    let text = fixture.raw("GET", "?versions&delimiter=%2F").send().await.text();
    let names = order(&text, &["Version", "CommonPrefixes"]);
    assert_eq!(names, ["Version", "Version", "Version", "CommonPrefixes", "CommonPrefixes"], "{text}");
}
