//! Lists: S3's order, delimiters, markers; and that a page costs what it returns.

use super::{fixture::*, multipart::begin};
use crate::metadata::{
    command::VersionSelector,
    rows::{ListEntry, ListMarker, VersionMarker},
};

async fn with_keys(keys: &[&str]) -> Fixture {
    let fixture = Fixture::new().await;
    for name in keys {
        fixture.put(name, &[1]).await;
    }
    fixture
}

fn after(text: &str) -> Option<ListMarker> {
    Some(ListMarker::Key(text.into()))
}

fn after_prefix(text: &str) -> Option<ListMarker> {
    Some(ListMarker::CommonPrefix(text.into()))
}

#[tokio::test]
async fn keys_are_listed_in_byte_order() {
    let fixture = with_keys(&["b", "a", "B", "é", "a/b", "a\u{0}", "日本", "\u{10FFFF}"]).await;
    let all = ["B", "a", "a\u{0}", "a/b", "b", "é", "日本", "\u{10FFFF}"];
    assert_eq!(names(&fixture.list("", "", None, 100).await), all);
    let page = fixture.list("", "", None, 8).await;
    assert!(!page.is_truncated, "a page that is exactly full is whole");
    let page = fixture.list("", "", after("a"), 3).await;
    assert_eq!(names(&page), ["a\u{0}", "a/b", "b"]);
    assert!(page.is_truncated);
    assert_eq!(names(&fixture.list("", "", None, 0).await), [""; 0]);
    assert!(!fixture.list("", "", None, 0).await.is_truncated);
}

#[tokio::test]
async fn a_prefix_is_bytes_and_no_pattern() {
    let fixture = with_keys(&["a%b", "a_b", "axb", "a*b", "A%b", "a%", "a"]).await;
    assert_eq!(names(&fixture.list("a%", "", None, 100).await), ["a%", "a%b"]);
    assert_eq!(names(&fixture.list("a_", "", None, 100).await), ["a_b"]);
    assert_eq!(names(&fixture.list("a", "", after("a_b"), 100).await), ["axb"]);
    assert_eq!(names(&fixture.list("b", "", None, 100).await), [""; 0]);
}

#[tokio::test]
async fn keys_under_a_delimiter_are_rolled_up() {
    let fixture = with_keys(&["a", "b/1", "b/2", "b/3/x", "c", "d/", "d/1", "e", "f/1"]).await;
    let list = async |prefix, after, limit| names(&fixture.list(prefix, "/", after, limit).await);
    assert_eq!(list("", None, 100).await, ["a", "[b/]", "c", "[d/]", "e", "[f/]"]);
    assert_eq!(list("b/", None, 100).await, ["b/1", "b/2", "[b/3/]"]);
    assert_eq!(list("b", None, 100).await, ["[b/]"]);
    assert_eq!(list("d/", None, 100).await, ["d/", "d/1"]);
    assert_eq!(list("", None, 2).await, ["a", "[b/]"]);
    assert_eq!(list("", after_prefix("b/"), 2).await, ["c", "[d/]"]);
    assert_eq!(list("", after("b/1"), 2).await, ["[b/]", "c"], "keys follow under the prefix");
    assert_eq!(list("", after("b/3/x"), 2).await, ["c", "[d/]"], "no key follows under the prefix");
    assert_eq!(list("b/", after("a"), 2).await, ["b/1", "b/2"], "a marker before the prefix changes nothing");
    assert_eq!(list("b/", after("c"), 2).await, [""; 0]);
    let last = fixture.list("", "/", after_prefix("d/"), 2).await;
    assert_eq!((names(&last), last.is_truncated), (vec!["e".to_owned(), "[f/]".to_owned()], false));
}

#[tokio::test]
async fn a_delimiter_may_be_any_string() {
    let fixture = with_keys(&["a--b", "a-b", "a--c", "x\u{0}1", "x\u{0}2", "日本語", "日本人"]).await;
    let list = async |delimiter| names(&fixture.list("", delimiter, None, 100).await);
    assert_eq!(list("--").await, ["[a--]", "a-b", "x\u{0}1", "x\u{0}2", "日本人", "日本語"]);
    assert_eq!(list("\u{0}").await, ["a--b", "a--c", "a-b", "[x\u{0}]", "日本人", "日本語"]);
    assert_eq!(list("本").await, ["a--b", "a--c", "a-b", "x\u{0}1", "x\u{0}2", "[日本]"]);
    assert_eq!(list("a").await, ["[a]", "x\u{0}1", "x\u{0}2", "日本人", "日本語"]);
}

#[tokio::test]
async fn pages_of_any_size_give_the_same_entries_once() {
    let mut keys: Vec<String> = (0..120).map(|index| format!("{:03}", index * 7 % 120)).collect();
    keys.extend((0..150).map(|index| format!("{:03}/{}", index % 50, index)));
    let fixture = with_keys(&keys.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let whole = names(&fixture.list("", "/", None, 1000).await);
    assert_eq!(whole.len(), 170);
    for limit in [1, 2, 3, 7, 64, 169, 170] {
        let (mut paged, mut after) = (Vec::new(), None);
        loop {
            let page = fixture.list("", "/", after.take(), limit).await;
            paged.extend(names(&page));
            after = page.entries.last().map(|entry| match entry {
                ListEntry::Item(object) => ListMarker::Key(object.key.to_string()),
                ListEntry::CommonPrefix(prefix) => ListMarker::CommonPrefix(prefix.clone()),
            });
            if !page.is_truncated {
                break;
            }
        }
        assert_eq!(paged, whole, "limit {limit}");
    }
}

/// A million keys, straight into the table: 10 prefixes of 100 000.
const MILLION_KEYS: &str = "
    WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 999999)
    INSERT INTO versions (bucket, key, sequence, version, is_null, is_latest, is_delete_marker, created, owner, size,
        etag, content)
    SELECT (SELECT max(bucket) FROM buckets), CAST(printf('p%d/%06d', i / 100000, i) AS BLOB), 1000 + i,
        CAST(printf('%016d', i) AS BLOB), 1, 1, 0, 0, 'root', 1, '00000000000000000000000000000000', 1 FROM n";

#[tokio::test]
async fn a_list_over_a_million_keys_under_ten_prefixes_costs_what_it_returns() {
    let fixture = Fixture::new().await;
    fixture.prepare(MILLION_KEYS).await;
    let page = fixture.list("", "/", None, 1000).await;
    assert_eq!(names(&page), (0..10).map(|prefix| format!("[p{prefix}/]")).collect::<Vec<_>>());
    assert!(page.statements <= 2, "{} statements for 10 prefixes", page.statements);
    let steps = fixture.engine_steps(async || _ = fixture.list("", "/", None, 1000).await).await;
    assert!(steps < 20_000, "{steps} steps of the engine for 10 prefixes of 100 000 keys");
    let page = fixture.list("p3/", "/", None, 1000).await;
    assert_eq!(page.entries.len(), 1000);
    assert!(page.is_truncated && page.statements <= 7, "{} statements for 1000 plain keys", page.statements);
}

/// A million delete markers, then the only key.
const MILLION_MARKERS: &str = "
    WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 999999)
    INSERT INTO versions (bucket, key, sequence, version, is_null, is_latest, is_delete_marker, created, owner, size,
        etag, content)
    SELECT (SELECT max(bucket) FROM buckets), CAST(printf('m%06d', i) AS BLOB), 1000 + i,
        CAST(printf('%016d', i) AS BLOB), 0, 1, 1, 0, 'root', 0, '', NULL FROM n";

#[tokio::test]
async fn a_million_delete_markers_before_the_only_key_cost_nothing() {
    let fixture = with_keys(&["z/only"]).await;
    fixture.prepare(MILLION_MARKERS).await;
    for (delimiter, expected) in [("", "z/only"), ("/", "[z/]"), ("m", "z/only")] {
        let page = fixture.list("", delimiter, None, 1000).await;
        assert_eq!(names(&page), [expected]);
        let steps = fixture.engine_steps(async || _ = fixture.list("", delimiter, None, 1000).await).await;
        assert!(steps < 20_000, "{steps} steps of the engine for one key");
    }
}

/// Versions as text: key, id's first byte, and whether it is the latest or a marker.
async fn versions(fixture: &Fixture, delimiter: &str, after: Option<VersionMarker>, limit: u32) -> (Vec<String>, bool) {
    let page = fixture.metadata.list_versions(fixture.bucket, "", delimiter, after.as_ref(), limit).await.unwrap();
    let text = |entry: &ListEntry<crate::metadata::rows::ListedVersion>| match entry {
        ListEntry::CommonPrefix(prefix) => format!("[{prefix}]"),
        ListEntry::Item(version) => format!(
            "{}:{}{}{}",
            version.object.key,
            version.version.as_bytes()[0],
            if version.is_latest { " latest" } else { "" },
            if version.is_delete_marker { " marker" } else { "" },
        ),
    };
    (page.entries.iter().map(text).collect(), page.is_truncated)
}

/// A history as versioning leaves it: a has 1, 2, 3, b the marker 2 over 1, c/d the `null` version 1.
const HISTORY: &str = "
    INSERT INTO versions (bucket, key, sequence, version, is_null, is_latest, is_delete_marker, created, owner, size,
        etag, content)
    SELECT (SELECT max(bucket) FROM buckets), CAST(column1 AS BLOB), column2, unhex(column3), column4, column5, column6,
        0, 'root', 1, iif(column6, '', '00000000000000000000000000000000'), NULL
    FROM (VALUES ('a', 101, '01000000000000000000000000000000', 0, 0, 0),
        ('a', 102, '02000000000000000000000000000000', 0, 0, 0),
        ('a', 103, '03000000000000000000000000000000', 0, 1, 0),
        ('b', 104, '01000000000000000000000000000000', 0, 0, 0),
        ('b', 105, '02000000000000000000000000000000', 0, 1, 1),
        ('c/d', 106, '01000000000000000000000000000000', 1, 1, 0))";

#[tokio::test]
async fn versions_are_listed_newest_first_and_paged_inside_a_key() {
    let fixture = Fixture::new().await;
    fixture.prepare(HISTORY).await;
    let whole = ["a:3 latest", "a:2", "a:1", "b:2 latest marker", "b:1", "c/d:1 latest"];
    assert_eq!(versions(&fixture, "", None, 10).await, (whole.map(str::to_owned).to_vec(), false));
    assert_eq!(versions(&fixture, "/", None, 10).await.0[5], "[c/]");
    assert_eq!(versions(&fixture, "", None, 2).await, (vec![whole[0].to_owned(), whole[1].to_owned()], true));
    let marker = |name: &str, version: Option<u8>| {
        let id = |byte: u8| {
            let mut id = [0; 16];
            id[0] = byte;
            VersionSelector::Id(crate::types::VersionId::from_bytes(id))
        };
        Some(VersionMarker { after: ListMarker::Key(name.into()), version: version.map(id) })
    };
    for delimiter in ["", "--"] {
        let from = async |name, version| versions(&fixture, delimiter, marker(name, version), 10).await.0;
        assert_eq!(from("a", Some(3)).await, whole[1..]);
        assert_eq!(from("a", Some(2)).await, whole[2..]);
        assert_eq!(from("a", Some(1)).await, whole[3..]);
        assert_eq!(from("a", None).await, whole[3..]);
        assert_eq!(from("b", Some(2)).await, whole[4..]);
    }
    fixture.prepare("DELETE FROM versions WHERE sequence = 102").await;
    let (rest, _) = versions(&fixture, "", marker("a", Some(2)), 10).await;
    assert_eq!(rest, whole[2..], "a marker that was deleted meanwhile leaves nothing out");
    let null = VersionMarker { after: ListMarker::Key("c/d".into()), version: Some(VersionSelector::Null) };
    assert_eq!(versions(&fixture, "", Some(null), 10).await.0, [""; 0]);
}

#[tokio::test]
async fn a_delete_marker_is_no_object_of_a_list() {
    let fixture = Fixture::new().await;
    fixture.prepare(HISTORY).await;
    assert_eq!(names(&fixture.list("", "", None, 10).await), ["a", "c/d"]);
}

#[tokio::test]
async fn uploads_are_listed_by_key_and_id() {
    let fixture = Fixture::new().await;
    let first = begin(&fixture, "a").await;
    let second = begin(&fixture, "a").await;
    begin(&fixture, "b/1").await;
    begin(&fixture, "b/2").await;
    begin(&fixture, "c").await;
    let list = async |delimiter, after, limit| {
        let page = fixture.metadata.list_uploads(fixture.bucket, "", delimiter, after, limit).await.unwrap();
        let text = |entry: &ListEntry<crate::metadata::rows::Upload>| match entry {
            ListEntry::CommonPrefix(prefix) => format!("[{prefix}]"),
            ListEntry::Item(upload) => {
                format!("{}{}", upload.key, if upload.upload == second { " second" } else { "" })
            }
        };
        (page.entries.iter().map(text).collect::<Vec<_>>(), page.is_truncated)
    };
    assert_eq!(list("", None, 10).await.0, ["a", "a second", "b/1", "b/2", "c"]);
    assert_eq!(list("/", None, 10).await.0, ["a", "a second", "[b/]", "c"]);
    assert_eq!(list("", None, 1).await, (vec!["a".to_owned()], true));
    assert_eq!(list("", Some(("a".to_owned(), Some(first))), 1).await, (vec!["a second".to_owned()], true));
    assert_eq!(list("", Some(("a".to_owned(), Some(second))), 1).await.0, ["b/1"]);
    assert_eq!(list("", Some(("a".to_owned(), None)), 1).await.0, ["b/1"]);
    assert_eq!(list("/", Some(("b/".to_owned(), None)), 10).await.0, ["c"], "a common prefix as the page gave it");
    let found = fixture.metadata.upload(fixture.bucket, &key("a"), first).await.unwrap().unwrap();
    assert_eq!((found.initiated, found.owner.as_str()), (at(3), "root"));
    assert_eq!(fixture.metadata.upload(fixture.bucket, &key("b"), first).await.unwrap(), None);
}
