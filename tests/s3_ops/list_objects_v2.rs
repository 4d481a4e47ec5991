//! ListObjectsV2.

use crate::fixture::{Fixture, code, new_bucket_name};
use crate::raw::{element, order};
use aws_sdk_s3::types::EncodingType;

#[tokio::test]
async fn pages_of_every_size_give_the_same_whole() {
    let fixture = Fixture::new().await;
    let mut keys: Vec<String> = ["a", "b/1", "b/2", "b/3", "c/d/e", "c/f", "g", "h/"].map(str::to_owned).to_vec();
    for key in &keys {
        fixture.put(key, "x").await;
    }
    keys.sort();
    for delimiter in [None, Some("/"), Some("/d/")] {
        let whole = walk(&fixture, delimiter, 1000).await;
        for size in 1..=4 {
            assert_eq!(walk(&fixture, delimiter, size).await, whole, "delimiter {delimiter:?}, pages of {size}");
        }
        if delimiter.is_none() {
            assert_eq!(whole, keys);
        }
    }
    assert_eq!(walk(&fixture, Some("/"), 2).await, ["a", "g", "prefix b/", "prefix c/", "prefix h/"]);
}

/// Keys, then common prefixes, of all pages.
async fn walk(fixture: &Fixture, delimiter: Option<&str>, size: i32) -> Vec<String> {
    let (mut keys, mut prefixes, mut token) = (Vec::new(), Vec::new(), None);
    loop {
        let page = fixture.client.list_objects_v2().bucket(&fixture.bucket).max_keys(size);
        let page = page.set_delimiter(delimiter.map(str::to_owned)).set_continuation_token(token).send().await.unwrap();
        let count = page.contents().len() + page.common_prefixes().len();
        assert_eq!(page.key_count(), Some(count as i32));
        assert!(count <= size as usize);
        keys.extend(page.contents().iter().map(|object| object.key().unwrap().to_owned()));
        prefixes.extend(page.common_prefixes().iter().map(|prefix| format!("prefix {}", prefix.prefix().unwrap())));
        assert_eq!(page.is_truncated(), Some(page.next_continuation_token().is_some()));
        token = page.next_continuation_token().map(str::to_owned);
        if token.is_none() {
            keys.extend(prefixes);
            return keys;
        }
    }
}

#[tokio::test]
async fn start_after_and_prefix_select() {
    let fixture = Fixture::new().await;
    for key in ["a", "b", "ba", "bb", "c"] {
        fixture.put(key, "x").await;
    }
    let after =
        fixture.client.list_objects_v2().bucket(&fixture.bucket).prefix("b").start_after("b").send().await.unwrap();
    assert_eq!(after.start_after(), Some("b"));
    let keys: Vec<_> = after.contents().iter().map(|object| object.key().unwrap()).collect();
    assert_eq!(keys, ["ba", "bb"]);
}

#[tokio::test]
async fn zero_keys_are_not_truncated_and_bad_numbers_are_refused() {
    let fixture = Fixture::new().await;
    fixture.put("a", "x").await;
    let none = fixture.client.list_objects_v2().bucket(&fixture.bucket).max_keys(0).send().await.unwrap();
    assert_eq!((none.contents().len(), none.is_truncated()), (0, Some(false)));
    for size in ["-1", "many", "99999999999999999999"] {
        let refused = fixture.raw("GET", &format!("?list-type=2&max-keys={size}")).send().await;
        assert_eq!((refused.status, refused.code().as_str()), (400, "InvalidArgument"), "{size}");
    }
    let large = fixture.raw("GET", "?list-type=2&max-keys=5000").send().await;
    assert_eq!(element(&large.text(), "MaxKeys").as_deref(), Some("1000"));
}

#[tokio::test]
async fn url_encoding_is_made_only_on_request_and_never_of_slashes() {
    let fixture = Fixture::new().await;
    fixture.put("a b/c+d&e", "x").await;
    let plain = fixture.raw("GET", "?list-type=2").send().await.text();
    assert_eq!(element(&plain, "Key").as_deref(), Some("a b/c+d&amp;e"));
    let encoded = fixture.raw("GET", "?list-type=2&encoding-type=url").send().await.text();
    let key = element(&encoded, "Key").unwrap();
    assert!(key == "a+b/c%2Bd%26e" || key == "a%20b/c%2Bd%26e", "{key}");
    let sdk =
        fixture.client.list_objects_v2().bucket(&fixture.bucket).encoding_type(EncodingType::Url).send().await.unwrap();
    assert_eq!(sdk.encoding_type(), Some(&EncodingType::Url));
    let refused = fixture.raw("GET", "?list-type=2&encoding-type=base64").send().await;
    assert_eq!(refused.code(), "InvalidArgument");
}

#[tokio::test]
async fn owners_are_shown_on_request() {
    let fixture = Fixture::new().await;
    fixture.put("a", "x").await;
    let list = || fixture.client.list_objects_v2().bucket(&fixture.bucket);
    assert!(list().send().await.unwrap().contents()[0].owner().is_none());
    assert!(list().fetch_owner(true).send().await.unwrap().contents()[0].owner().is_some());
}

#[tokio::test]
async fn bad_tokens_and_absent_buckets_are_refused() {
    let fixture = Fixture::new().await;
    let token = fixture.client.list_objects_v2().bucket(&fixture.bucket).continuation_token("not a token").send().await;
    assert_eq!(code(token), "InvalidArgument");
    let empty = fixture.raw("GET", "?list-type=2&continuation-token=").send().await;
    assert_eq!(empty.status, 200, "an empty token is the beginning, and is echoed");
    assert!(empty.text().contains("<ContinuationToken></ContinuationToken>"), "{}", empty.text());
    assert_eq!(code(fixture.client.list_objects_v2().bucket(new_bucket_name()).send().await), "NoSuchBucket");
    let kind = fixture.raw("GET", "?list-type=3").send().await;
    assert_eq!(kind.code(), "InvalidArgument");
}

/// Readers that want an element's repetitions side by side failed on lists in the order of the keys.
#[tokio::test]
async fn common_prefixes_come_behind_everything_else() {
    let fixture = Fixture::new().await;
    for key in ["a", "b/1", "c", "d/1", "e"] {
        fixture.put(key, "x").await;
    }
    let text = fixture.raw("GET", "?list-type=2&delimiter=%2F").send().await.text();
    let names = order(&text, &["Contents", "CommonPrefixes"]);
    assert_eq!(names, ["Contents", "Contents", "Contents", "CommonPrefixes", "CommonPrefixes"], "{text}");
}
