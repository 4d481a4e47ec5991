//! ListObjects (version 1).

use crate::fixture::{Fixture, code, new_bucket_name};
use crate::raw::{element, order};

#[tokio::test]
async fn the_next_marker_is_there_with_a_delimiter_and_may_be_a_prefix() {
    let fixture = Fixture::new().await;
    for key in ["a/1", "a/2", "b", "c/1"] {
        fixture.put(key, "x").await;
    }
    let list = || fixture.client.list_objects().bucket(&fixture.bucket).delimiter("/").max_keys(1);
    let first = list().send().await.unwrap();
    assert_eq!(first.common_prefixes()[0].prefix(), Some("a/"));
    assert_eq!((first.is_truncated(), first.next_marker()), (Some(true), Some("a/")));
    let second = list().marker("a/").send().await.unwrap();
    assert_eq!((second.marker(), second.contents()[0].key()), (Some("a/"), Some("b")));
    let third = list().marker("b").send().await.unwrap();
    assert_eq!(third.common_prefixes()[0].prefix(), Some("c/"));
    assert_eq!((third.is_truncated(), third.next_marker()), (Some(false), None));
}

#[tokio::test]
async fn without_a_delimiter_the_last_key_is_the_marker() {
    let fixture = Fixture::new().await;
    for key in ["a", "b", "c"] {
        fixture.put(key, "x").await;
    }
    let list = || fixture.client.list_objects().bucket(&fixture.bucket).max_keys(2);
    let first = list().send().await.unwrap();
    let keys: Vec<_> = first.contents().iter().map(|object| object.key().unwrap()).collect();
    assert_eq!((keys, first.is_truncated()), (vec!["a", "b"], Some(true)));
    let rest = list().marker("b").send().await.unwrap();
    assert_eq!((rest.contents()[0].key(), rest.is_truncated()), (Some("c"), Some(false)));
    assert!(rest.contents()[0].owner().is_some());
}

#[tokio::test]
async fn marker_and_prefix_are_echoed_even_when_empty() {
    let fixture = Fixture::new().await;
    let text = fixture.raw("GET", "").send().await.text();
    assert_eq!(element(&text, "Name").as_deref(), Some(fixture.bucket.as_str()));
    assert!(text.contains("<Marker></Marker>") || text.contains("<Marker/>"), "{text}");
    assert!(text.contains("<Prefix></Prefix>") || text.contains("<Prefix/>"), "{text}");
    assert_eq!(element(&text, "IsTruncated").as_deref(), Some("false"));
}

/// The keys hold what a URL, XML and XML 1.0 alone can't carry.
#[tokio::test]
async fn every_name_is_encoded_when_asked_for_and_well_formed_when_not() {
    let fixture = Fixture::new().await;
    for key in ["a +%/k\u{1}", "a +%/m/x"] {
        fixture.put(key, "x").await;
    }
    let asked = "?prefix=a%20%2B%25%2F&marker=a%20%2B%25%2F&delimiter=%2F&max-keys=1";
    let text = fixture.raw("GET", &format!("{asked}&encoding-type=url")).send().await.text();
    for (name, value) in [
        ("Prefix", "a%20%2B%25/"),
        ("Marker", "a%20%2B%25/"),
        ("NextMarker", "a%20%2B%25/k%01"),
        ("Delimiter", "/"),
        ("Key", "a%20%2B%25/k%01"),
        ("EncodingType", "url"),
    ] {
        assert_eq!(element(&text, name).as_deref(), Some(value), "{text}");
    }
    let next = "?prefix=a%20%2B%25%2F&marker=a%20%2B%25%2Fk%01&delimiter=%2F&encoding-type=url";
    let text = fixture.raw("GET", next).send().await.text();
    let prefixes = element(&text, "CommonPrefixes").unwrap();
    assert_eq!(element(&prefixes, "Prefix").as_deref(), Some("a%20%2B%25/m/"), "{text}");
    let text = fixture.raw("GET", asked).send().await.text();
    assert_eq!(element(&text, "Key").as_deref(), Some("a +%/k\u{fffd}"), "{text}");
    assert_eq!(element(&text, "NextMarker").as_deref(), Some("a +%/k\u{fffd}"), "{text}");
}

#[tokio::test]
async fn an_absent_bucket_and_bad_numbers_are_refused() {
    let fixture = Fixture::new().await;
    assert_eq!(code(fixture.client.list_objects().bucket(new_bucket_name()).send().await), "NoSuchBucket");
    assert_eq!(fixture.raw("GET", "?max-keys=blah").send().await.code(), "InvalidArgument");
}

/// Readers that want an element's repetitions side by side failed on lists in the order of the keys.
#[tokio::test]
async fn common_prefixes_come_behind_everything_else() {
    let fixture = Fixture::new().await;
    for key in ["a", "b/1", "c", "d/1", "e"] {
        fixture.put(key, "x").await;
    }
    let text = fixture.raw("GET", "?delimiter=%2F").send().await.text();
    let names = order(&text, &["Contents", "CommonPrefixes"]);
    assert_eq!(names, ["Contents", "Contents", "Contents", "CommonPrefixes", "CommonPrefixes"], "{text}");
}

/// Ceph's parameter: a list in order is one in any order.
#[tokio::test]
async fn an_unordered_list_has_no_delimiter() {
    let fixture = Fixture::new().await;
    for key in ["b", "a/1"] {
        fixture.put(key, "x").await;
    }
    let list = |query: &str| fixture.raw("GET", &format!("?allow-unordered={query}")).send();
    let whole = list("true").await;
    assert!(whole.status == 200 && whole.text().contains("<Key>a/1</Key>"), "{}", whole.text());
    let refused = list("true&delimiter=/").await;
    assert_eq!((refused.status, refused.code().as_str()), (400, "InvalidArgument"));
    assert_eq!(list("false&delimiter=/").await.status, 200);
}
