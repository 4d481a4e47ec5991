use super::fixture::{Fixture, bucket};
use crate::objects::{
    ListBucketsInput, ListEntry, ListInput, ListPosition, ListUploadsInput, ListVersionsInput, ListedObject,
    ObjectError, ObjectPage, VersionSelector,
};

const KEYS: [&str; 7] = ["a", "b/1", "b/2", "b/c/3", "d/4", "e", "ü"];

async fn filled() -> Fixture {
    let fixture = Fixture::start().await;
    for key in KEYS {
        fixture.put(key, b"x").await;
    }
    fixture
}

fn input(prefix: &str, delimiter: &str, position: ListPosition, limit: u32) -> ListInput {
    ListInput { bucket: bucket(), prefix: prefix.into(), delimiter: delimiter.into(), position, limit }
}

fn names(page: &ObjectPage) -> Vec<String> {
    let name = |entry: &ListEntry<ListedObject>| match entry {
        ListEntry::Item(object) => object.key.to_string(),
        ListEntry::CommonPrefix(prefix) => format!("{prefix}*"),
    };
    page.entries.iter().map(name).collect()
}

#[tokio::test]
async fn pages_of_any_size_give_the_whole_list_by_token_and_by_marker() {
    let fixture = filled().await;
    for (prefix, delimiter, expected) in [
        ("", "", KEYS.map(str::to_owned).to_vec()),
        ("", "/", ["a", "b/*", "d/*", "e", "ü"].map(str::to_owned).to_vec()),
        ("b/", "/", ["b/1", "b/2", "b/c/*"].map(str::to_owned).to_vec()),
        ("x", "/", vec![]),
    ] {
        for limit in 1..8 {
            let (mut by_token, mut position) = (Vec::new(), ListPosition::Start);
            loop {
                let page = fixture.objects.list(input(prefix, delimiter, position, limit)).await.unwrap();
                by_token.extend(names(&page));
                let Some(token) = page.next_token() else { break };
                position = ListPosition::Token(token);
            }
            assert_eq!(by_token, expected, "{prefix} {delimiter} {limit}");
            let (mut by_marker, mut position) = (Vec::new(), ListPosition::Start);
            loop {
                let page = fixture.objects.list(input(prefix, delimiter, position, limit)).await.unwrap();
                by_marker.extend(names(&page));
                let Some(marker) = page.next_marker() else { break };
                position = ListPosition::Marker(marker.to_owned());
            }
            assert_eq!(by_marker, expected, "{prefix} {delimiter} {limit}");
        }
    }
}

#[tokio::test]
async fn a_page_of_nothing_is_not_truncated_and_a_wrong_token_is_refused() {
    let fixture = filled().await;
    let page = fixture.objects.list(input("", "", ListPosition::Start, 0)).await.unwrap();
    assert!(page.entries.is_empty() && page.next.is_none());
    let refused = fixture.objects.list(input("", "", ListPosition::Token("no token".into()), 1)).await.unwrap_err();
    assert!(matches!(refused, ObjectError::InvalidArgument { name: "continuation-token", .. }));
    let after = fixture.objects.list(input("", "", ListPosition::After("d/4".into()), 10)).await.unwrap();
    assert_eq!(names(&after), ["e", "ü"]);
}

#[tokio::test]
async fn objects_show_as_their_null_version() {
    let fixture = filled().await;
    let mut versions = ListVersionsInput {
        bucket: bucket(),
        prefix: String::new(),
        delimiter: String::new(),
        key_marker: String::new(),
        version_marker: None,
        limit: 3,
    };
    let mut found = Vec::new();
    loop {
        let page = fixture.objects.list_versions(versions.clone()).await.unwrap();
        for entry in page.entries {
            let ListEntry::Item(version) = entry else { panic!("no delimiter was given") };
            assert!(version.is_null && version.is_latest && !version.is_delete_marker);
            found.push(version.object.key.to_string());
        }
        let Some(next) = page.next else { break };
        assert_eq!(next.version, Some(VersionSelector::Null));
        (versions.key_marker, versions.version_marker) = (next.key, next.version);
    }
    assert_eq!(found, KEYS);
}

#[tokio::test]
async fn uploads_are_listed_by_key_and_id() {
    let fixture = Fixture::start().await;
    let mut expected = Vec::new();
    for name in ["a", "b/1", "b/1", "c"] {
        expected.push((name.to_owned(), fixture.create_upload(name, None).await.upload));
    }
    expected.sort();
    let mut input = ListUploadsInput {
        bucket: bucket(),
        prefix: String::new(),
        delimiter: String::new(),
        key_marker: String::new(),
        upload_marker: None,
        limit: 1,
    };
    let mut found = Vec::new();
    loop {
        let page = fixture.objects.list_uploads(input.clone()).await.unwrap();
        for entry in page.entries {
            let ListEntry::Item(upload) = entry else { panic!("no delimiter was given") };
            found.push((upload.key.to_string(), upload.upload));
        }
        let Some(next) = page.next else { break };
        (input.key_marker, input.upload_marker) = next;
    }
    assert_eq!(found, expected);
}

#[tokio::test]
async fn buckets_are_listed_in_pages() {
    let fixture = Fixture::start().await;
    for name in ["alpha", "beta", "gamma"] {
        fixture.make_bucket(name).await.unwrap();
    }
    let (mut found, mut token) = (Vec::new(), None);
    loop {
        let input = ListBucketsInput { prefix: String::new(), token, limit: Some(2) };
        let page = fixture.objects.list_buckets(&input).await.unwrap();
        found.extend(page.buckets.into_iter().map(|bucket| bucket.name.to_string()));
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(found, ["alpha", "beta", "bucket", "gamma"]);
}
