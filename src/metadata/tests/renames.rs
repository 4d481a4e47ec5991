//! Renames: rows get another key, all at once or none, and nothing else of them changes.

use super::fixture::*;
use crate::{
    metadata::{Command, CommandError, Outcome, command::*},
    types::*,
};

async fn keys(fixture: &Fixture) -> Vec<String> {
    names(&fixture.list("", "", None, 1000).await)
}

#[tokio::test]
async fn a_renamed_object_is_what_it_was_and_replaces_what_was_there() {
    let fixture = Fixture::new().await;
    let mut put = fixture.put_of("from", fixture.content(&[10, 20]));
    put.attributes.tags = TagSet::new([("k".to_owned(), "v".to_owned())], TagLimit::Object).unwrap();
    put.attributes.headers.user.insert("a".into(), "1".into());
    put.checksum = Some(ObjectChecksum::full_object(Checksum::new(ChecksumAlgorithm::Sha1, vec![1; 20]).unwrap()));
    fixture.done(Command::PutObject(put)).await;
    fixture.append("from", &[3]).await;
    fixture.put("to", &[5]).await;
    let before = fixture.look("from").await.unwrap();
    assert_eq!(fixture.done(Command::RenameObject(fixture.rename_of("from", "to"))).await, Outcome::Done);
    assert!(fixture.look("from").await.is_none());
    let after = fixture.look("to").await.unwrap();
    let expected = crate::metadata::rows::ObjectVersion { key: key("to"), ..(*before.object).clone() };
    assert_eq!((&*after.object, &after.extents), (&expected, &before.extents));
    fixture.unroll().await;
    assert_eq!(fixture.metadata.deletions(None, 10).await.unwrap().len(), 1, "what was there before is gone");
    fixture.assert_counts_are_references().await;
}

#[tokio::test]
async fn a_token_counts_once_and_for_one_rename() {
    let fixture = Fixture::new().await;
    fixture.put("from", &[10]).await;
    let rename = RenameObject { token: Some("token".into()), ..fixture.rename_of("from", "to") };
    fixture.done(Command::RenameObject(rename.clone())).await;
    fixture.put("from", &[20]).await;
    fixture.done(Command::RenameObject(rename.clone())).await;
    assert_eq!(keys(&fixture).await, ["from", "to"]);
    let other = RenameObject { destination: key("elsewhere"), ..rename.clone() };
    assert_eq!(fixture.propose(Command::RenameObject(other)).await, Err(CommandError::TokenTaken));
    let conditions = SourceConditions { if_match: Some(vec![etag(1)]), ..Default::default() };
    let of_source = RenameObject { source_conditions: conditions.clone(), ..rename.clone() };
    let of_destination = RenameObject { destination_conditions: conditions.clone(), ..rename.clone() };
    for other in [of_source, of_destination] {
        assert_eq!(fixture.propose(Command::RenameObject(other)).await, Err(CommandError::TokenTaken));
    }
    let forgotten = Command::ForgetCompletedUploads { before: at(41), limit: 10 };
    assert_eq!(fixture.done(forgotten.clone()).await, Outcome::Progress { rows: 1 });
    assert_eq!(fixture.done(forgotten).await, Outcome::Progress { rows: 0 });
    fixture.done(Command::RenameObject(rename)).await;
    assert_eq!((keys(&fixture).await, fixture.look("to").await.unwrap().object.size), (vec!["to".to_owned()], 20));
}

#[tokio::test]
async fn a_token_from_before_conditions_were_kept_goes_by_the_keys() {
    let fixture = Fixture::new().await;
    fixture.put("from", &[10]).await;
    let token = Some("token".to_owned());
    let conditions = SourceConditions { if_none_match: Some(vec![etag(9)]), ..Default::default() };
    let rename = RenameObject { token, source_conditions: conditions, ..fixture.rename_of("from", "to") };
    fixture.done(Command::RenameObject(rename.clone())).await;
    fixture.done(Command::RenameObject(rename.clone())).await;
    let other = RenameObject { source_conditions: SourceConditions::default(), ..rename };
    assert_eq!(fixture.propose(Command::RenameObject(other.clone())).await, Err(CommandError::TokenTaken));
    fixture.prepare("UPDATE rename_tokens SET conditions = NULL").await;
    fixture.done(Command::RenameObject(other)).await;
    assert_eq!(keys(&fixture).await, ["to"]);
}

#[tokio::test]
async fn what_does_not_hold_is_refused_and_changes_nothing() {
    let fixture = Fixture::new().await;
    fixture.put("from", &[10]).await;
    fixture.put("to", &[5]).await;
    let tag = |byte| Some(vec![etag(byte)]);
    let source = |if_match| SourceConditions { if_match, ..Default::default() };
    let star = SourceConditions { if_none_match: Some(vec!["*".parse().unwrap()]), ..Default::default() };
    let good = fixture.rename_of("from", "to");
    for (rename, error) in [
        (RenameObject { source_conditions: source(tag(9)), ..good.clone() }, CommandError::SourcePreconditionFailed),
        (RenameObject { destination_conditions: source(tag(9)), ..good.clone() }, CommandError::PreconditionFailed),
        (RenameObject { destination_conditions: star.clone(), ..good.clone() }, CommandError::PreconditionFailed),
        (fixture.rename_of("none", "to"), CommandError::NoSuchKey),
        (RenameObject { bucket: BucketId(99), ..good.clone() }, CommandError::NoSuchBucket),
    ] {
        assert_eq!(fixture.propose(Command::RenameObject(rename)).await, Err(error));
    }
    assert!(fixture.propose(Command::RenameObject(fixture.rename_of("from", "from"))).await.is_err());
    assert_eq!(keys(&fixture).await, ["from", "to"]);
    let free = RenameObject { destination_conditions: star, source_conditions: source(tag(1)), ..good.clone() };
    fixture.done(Command::RenameObject(RenameObject { destination: key("free"), ..free })).await;
    assert_eq!(keys(&fixture).await, ["free", "to"]);
    fixture.set_versioning(Versioning::Enabled).await;
    let refused = fixture.propose(Command::RenameObject(fixture.rename_of("free", "to"))).await;
    assert_eq!(refused, Err(CommandError::BucketKeepsVersions));
    let refused = fixture.propose(fixture.rename_prefix_of("fr", "x")).await;
    assert_eq!(refused, Err(CommandError::BucketKeepsVersions));
}

#[tokio::test]
async fn a_prefix_is_renamed_whole_and_nothing_beside_it() {
    let fixture = Fixture::new().await;
    for name in ["a", "a.", "a/", "a/1", "a/ü/日本", "a/\0x", "a0", "b"] {
        fixture.put(name, &[10]).await;
    }
    let before = fixture.look("a/1").await.unwrap();
    assert_eq!(fixture.done(fixture.rename_prefix_of("a/", "new/place/")).await, Outcome::Progress { rows: 4 });
    let expected = ["a", "a.", "a0", "b", "new/place/", "new/place/\0x", "new/place/1", "new/place/ü/日本"];
    assert_eq!(keys(&fixture).await, expected);
    assert!(fixture.look("a/1").await.is_none(), "nor is it remembered");
    let after = fixture.look("new/place/1").await.unwrap();
    assert_eq!((after.object.version, &after.extents), (before.object.version, &before.extents));
    fixture.delete("new/place/1").await;
    assert_eq!(fixture.done(fixture.rename_prefix_of("new/place/", "z")).await, Outcome::Progress { rows: 3 });
    assert_eq!(super::doctor::examine(&fixture).await.findings, []);
}

#[tokio::test]
async fn a_prefix_goes_only_where_nothing_is_and_fits() {
    let fixture = Fixture::new().await;
    fixture.put("a/1", &[10]).await;
    fixture.put("b/1", &[10]).await;
    let long = "x".repeat(1023);
    for (from, to, error) in [
        ("a/", "b/", CommandError::PreconditionFailed),
        ("a/", "b/1", CommandError::PreconditionFailed),
        ("c/", "d/", CommandError::NoSuchKey),
        ("a/", long.as_str(), CommandError::KeyTooLong),
    ] {
        if to == long {
            fixture.put("a/12", &[1]).await;
        }
        assert_eq!(fixture.propose(fixture.rename_prefix_of(from, to)).await, Err(error), "{from} {to}");
    }
    for (from, to) in [("a/", "a/b/"), ("a/b", "a/"), ("a", "a")] {
        let refused = fixture.propose(fixture.rename_prefix_of(from, to)).await;
        assert!(matches!(refused, Err(CommandError::Malformed { .. })), "{from} {to}");
    }
    assert_eq!(keys(&fixture).await, ["a/1", "a/12", "b/1"]);
}

#[tokio::test]
async fn a_prefix_has_at_most_ten_thousand_keys() {
    let fixture = Fixture::new().await;
    fixture.put("a/", &[1]).await;
    fixture
        .prepare(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
            INSERT INTO versions (bucket, key, sequence, version, is_null, is_latest, is_delete_marker, created, owner,
                size, etag, checksum_algorithm, checksum_kind, checksum, content_type, headers, tags, part_count, content)
            SELECT bucket, CAST('a/' || i AS BLOB), sequence, version, is_null, is_latest,
                is_delete_marker, created, owner, size, etag, checksum_algorithm, checksum_kind, checksum, content_type,
                headers, tags, part_count, content FROM versions, n WHERE key = CAST('a/' AS BLOB)",
        )
        .await;
    let refused = fixture.propose(fixture.rename_prefix_of("a/", "b/")).await;
    assert_eq!(refused, Err(CommandError::TooManyKeys { limit: 10_000 }));
    let renamed = fixture.done(fixture.rename_prefix_of("a/1", "b/")).await;
    assert_eq!(renamed, Outcome::Progress { rows: 1112 });
    assert_eq!(fixture.done(fixture.rename_prefix_of("a/", "c/")).await, Outcome::Progress { rows: 8889 });
}
