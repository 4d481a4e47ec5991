//! Every statement that commands and queries run finds its rows by an index: none reads a table from end to end, none
//! sorts, none plans itself anew when it is bound.

use super::{fixture::*, lifecycle, multipart};
use crate::{
    metadata::{Command, command::*, rows::*, script::seen},
    types::*,
};

/// What may be read whole: lists that one command or an operator bounds, what is kept in memory anyway, and totals.
const MAY_SCAN: [(&str, &str); 14] = [
    ("ended_buckets", "its first row alone"),
    ("ended_uploads", "its first row alone"),
    ("lifecycle_walks", "its first row alone"),
    ("json_each", "ids that the command brings"),
    ("copy", "copies that the command brings"),
    ("w", "keys that the batch brings"),
    ("hop", "rows of a recursion that is bounded"),
    ("page", "one row"),
    ("named", "counted rows of one content"),
    ("released", "counted rows of one step"),
    ("unnamed", "counted rows of one upload"),
    ("nodes", "the topology, kept in memory"),
    ("placement_groups", "the topology, kept in memory"),
    ("access_keys", "made one by one by operators"),
];

/// Statements that count whole tables, asked for by operators.
fn is_total(statement: &str) -> bool {
    statement.contains("SELECT (SELECT count(*) FROM buckets)") || statement == "SELECT count(*) FROM buckets"
}

/// A bit of everything, so that every statement of weight is run.
async fn run_everything(fixture: &Fixture) {
    fixture.put("a", &[10, 20]).await;
    fixture.put("a", &[10; 20]).await;
    futures_util::future::join(fixture.put("d", &[1]), fixture.put("e", &[2])).await;
    futures_util::future::join(fixture.delete("d"), fixture.delete("e")).await;
    fixture.done(Command::CopyObject(fixture.copy_of("a", "b/c"))).await;
    fixture.append("a", &[5]).await;
    fixture.append("a", &[6]).await;
    let token = Some("token".to_owned());
    fixture.done(Command::RenameObject(RenameObject { token, ..fixture.rename_of("b/c", "b/d") })).await;
    fixture.done(fixture.rename_prefix_of("b/d", "b/c")).await;
    let upload = multipart::begin(fixture, "big").await;
    let copy = CopyPart {
        source: fixture.source("a"),
        range: Some((5, 50)),
        bucket: fixture.bucket,
        key: key("big"),
        upload,
        part_number: 1,
        modified: at(4),
        etag: etag(1),
        checksum: None,
    };
    fixture.done(Command::CopyPart(copy)).await;
    fixture.done(Command::CompleteUpload(multipart::complete(fixture, "big", upload, &[(1, 1)]))).await;
    fixture.done(Command::CompleteUpload(multipart::complete(fixture, "big", upload, &[(1, 1)]))).await;
    let other = multipart::begin(fixture, "other").await;
    let copies: Vec<BlobCopy> =
        fixture.extents("a").await.iter().map(|extent| BlobCopy { blob: extent.blob, node: node(2) }).collect();
    fixture.done(Command::MarkMissing { copies: copies.clone(), reason: MissingReason::Absent }).await;
    ask_everything(fixture, other, copies[0]).await;
    for state in [Some("1".to_owned()), None] {
        fixture.done(Command::SaveJobState(SaveJobState { name: "verify".to_owned(), state })).await;
    }
    fixture.done(Command::MarkRepaired { copies: copies.clone(), as_of: fixture.metadata.committed() }).await;
    fixture.done(Command::AbortUpload { bucket: fixture.bucket, key: key("other"), upload: other }).await;
    for name in ["a", "b/c", "big"] {
        fixture.delete(name).await;
    }
    fixture.done(Command::UnrollDeletedContents { limit: 1 }).await;
    fixture.unroll().await;
    fixture.done(Command::FinishDeletions { blobs: vec![copies[0].blob] }).await;
    fixture.done(Command::ForgetCompletedUploads { before: at(1000), limit: 10 }).await;
    expire_something(fixture).await;
    multipart::begin(fixture, "open").await;
    fixture.done(Command::SetBucketCors { bucket: fixture.bucket, cors: None }).await;
    fixture.done(Command::SetBucketWebsite { bucket: fixture.bucket, website: None }).await;
    open_everything(fixture).await;
    lock_everything(fixture).await;
    fixture.done(Command::DeleteBucket { bucket: fixture.bucket }).await;
    fixture.unroll().await;
}

/// Afterwards all of it is closed again.
async fn open_everything(fixture: &Fixture) {
    let bucket = fixture.bucket;
    fixture.put("open", &[1]).await;
    for acl in [Acl::EMPTY, Acl::PRIVATE] {
        let (key, version) = (key("open"), VersionSelector::Latest);
        fixture.done(Command::SetObjectAcl(SetObjectAcl { bucket, key, version, acl, granted: None })).await;
        fixture.done(Command::SetBucketAcl(SetBucketAcl { bucket, acl, granted: None })).await;
    }
    fixture.done(Command::SetBucketOwnership { bucket, ownership: None }).await;
    fixture.done(Command::SetPublicAccessBlock { bucket, block: None }).await;
    fixture.delete("open").await;
}

/// Afterwards nothing is locked any more, and the bucket is empty.
async fn lock_everything(fixture: &Fixture) {
    let bucket = fixture.bucket;
    fixture.set_versioning(Versioning::Enabled).await;
    fixture.done(Command::SetBucketObjectLock { bucket, configuration: ObjectLockConfiguration::default() }).await;
    let written = fixture.put("locked", &[1]).await;
    let (key, version) = (key("locked"), VersionSelector::Id(written.version));
    let hold = SetObjectLegalHold { bucket, key: key.clone(), version, legal_hold: LegalHold::Off };
    fixture.done(Command::SetObjectLegalHold(hold)).await;
    let retention = Some(Retention { mode: RetentionMode::Governance, until: at(20) });
    let bypass = Bypass::None;
    let retain = SetObjectRetention { bucket, key, version, retention, at: at(15), bypass };
    fixture.done(Command::SetObjectRetention(retain)).await;
    fixture.done(Command::DeleteObject(DeleteObject { version, ..fixture.delete_of("locked") })).await;
}

async fn expire_something(fixture: &Fixture) {
    let bucket = fixture.bucket;
    fixture.put("old", &[10]).await;
    fixture.done(lifecycle::set_rules(bucket)).await;
    let walk = fixture.metadata.lifecycle_walk().await.unwrap().unwrap();
    let watched = fixture.metadata.watched_bucket(bucket).await.unwrap().unwrap();
    for walked in [Some(walk.place), None] {
        let (rules, keys) = (watched.rules_set_at, vec![(key("old"), at(1))]);
        fixture.done(Command::ScheduleKeys(ScheduleKeys { bucket, rules, keys, walked })).await;
    }
    for after in [None, Some(key("a"))] {
        fixture.metadata.versions_to_judge(bucket, "o", after.as_ref(), 10).await.unwrap();
        fixture.metadata.uploads_to_judge(bucket, "", after.as_ref(), 10).await.unwrap();
    }
    fixture.metadata.key_uploads_to_judge(bucket, &key("old"), None, 10).await.unwrap();
    fixture.metadata.due_keys(at(5), 10).await.unwrap();
    fixture.metadata.count_due_keys(at(5), 10).await.unwrap();
    let command = lifecycle::look(fixture, bucket, "old").await.unwrap();
    fixture.done(Command::ExpireKey(ExpireKey { next: Some(at(5)), ..command })).await;
    let command = lifecycle::look_to_delete(fixture, "old", 0).await.unwrap();
    fixture.done(Command::ExpireKey(command)).await;
    fixture.put("old", &[10]).await;
    fixture.done(Command::ExpireKey(lifecycle::look(fixture, bucket, "old").await.unwrap())).await;
    let (source, destination) = (key("ol"), key("ne"));
    fixture.done(Command::RenamePrefix(RenamePrefix { bucket, source, destination })).await;
    fixture.delete("ned").await;
    fixture.done(lifecycle::take_rules_back(bucket)).await;
    fixture.done(Command::ForgetDueKeys(ForgetDueKeys { bucket, limit: 10 })).await;
}

async fn ask_everything(fixture: &Fixture, upload: UploadId, copy: BlobCopy) {
    let (metadata, bucket) = (&fixture.metadata, fixture.bucket);
    let id = VersionId::from_bytes([1; 16]);
    for version in [VersionSelector::Latest, VersionSelector::Null, VersionSelector::Id(id)] {
        for from in [ReadFrom::Nothing, ReadFrom::Offset(7)] {
            metadata.lookup(bucket, &key("a"), version, from).await.unwrap();
            metadata.lookup_in(&"bucket".parse().unwrap(), &key("a"), version, from).await.unwrap();
        }
        let marker = VersionMarker { after: ListMarker::Key("a".into()), version: Some(version) };
        metadata.list_versions(bucket, "", "/", Some(&marker), 10).await.unwrap();
    }
    fixture.list("", "/", None, 10).await;
    metadata.list_uploads(bucket, "", "t", Some(("big".into(), Some(upload))), 10).await.unwrap();
    metadata.content_parts(ContentId(1), 0, 10).await.unwrap();
    metadata.upload_parts(upload, 0, 10).await.unwrap();
    metadata.upload(bucket, &key("other"), upload).await.unwrap();
    metadata.completed_upload(bucket, &key("big"), upload).await.unwrap();
    metadata.under_replicated(Some(copy), None, 10).await.unwrap();
    metadata.missing_copies(Some(copy), 10).await.unwrap();
    metadata.missing_blobs_of(node(2), Some(copy.blob), 10).await.unwrap();
    metadata.missing_copies_of(&[copy.blob]).await.unwrap();
    metadata.versions_of_key(bucket, &key("a"), 10).await.unwrap();
    metadata.uploads_of_key(bucket, &key("other"), 10).await.unwrap();
    metadata.under_replicated(Some(copy), Some(node(2)), 10).await.unwrap();
    metadata.deletions(None, 10).await.unwrap();
    metadata.placed_blobs(Some(copy.blob), 10).await.unwrap();
    metadata.group_bytes(Some(copy.blob), 10).await.unwrap();
    metadata.blob_roots(&[copy.blob]).await.unwrap();
    let mut place = None;
    while let Some(last) = metadata.placed_pieces(bucket, place.as_ref(), 2).await.unwrap().pop() {
        place = Some(last.place);
    }
    metadata.bucket_usage(bucket, Some(&key("a")), 10).await.unwrap();
    metadata.counted_blobs(None, 10).await.unwrap();
    metadata.known_blobs(&[copy.blob]).await.unwrap();
    metadata.extents_in_order(None, 10).await.unwrap();
    metadata.wanted_copies(node(4), &[copy.blob]).await.unwrap();
    metadata.surplus_blobs(node(4), GroupId(1), &[copy.blob]).await.unwrap();
    metadata.groups().await.unwrap();
    metadata.last_reign().await.unwrap();
    metadata.has_arriving_copies(node(4)).await.unwrap();
    for bucket in metadata.buckets("", None, 10).await.unwrap() {
        metadata.bucket_cors(&bucket.name).await.unwrap();
        metadata.bucket_lifecycle(&bucket.name).await.unwrap();
        metadata.bucket_website(&bucket.name).await.unwrap();
    }
    metadata.access_key("none").await.unwrap();
    metadata.job_state("verify").await.unwrap();
    metadata.job_states("pause/").await.unwrap();
}

/// Whether a step of a plan reads only what it is asked for.
fn is_bounded(step: &str) -> bool {
    let Some(scanned) = step.strip_prefix("SCAN ") else {
        return !step.contains("AUTOMATIC") && !step.contains("FOR ORDER BY");
    };
    let is_by_partial_index = scanned.contains("USING") && scanned.contains("dead_");
    is_by_partial_index
        || scanned.contains("CONSTANT ROW")
        || scanned.ends_with("VALUES CLAUSE")
        || scanned.starts_with("(subquery")
        || MAY_SCAN.iter().any(|(name, _)| scanned.split(' ').next() == Some(name))
}

#[tokio::test]
async fn every_statement_finds_its_rows_by_an_index() {
    let fixture = Fixture::new().await;
    run_everything(&fixture).await;
    let (mut looked_at, mut wrong) = (0, Vec::new());
    for statement in seen::statements() {
        let is_query =
            ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"].contains(&statement.split_whitespace().next().unwrap());
        if !is_query || is_total(statement) || statement.contains("pragma_") || statement.contains("sqlite_schema") {
            continue;
        }
        looked_at += 1;
        wrong.extend(
            fixture.plan(statement).await.into_iter().filter(|step| !is_bounded(step)).map(|step| (step, statement)),
        );
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(looked_at > 80, "only {looked_at} statements were seen");
}

#[tokio::test]
async fn a_bound_limit_does_not_plan_the_statement_anew() {
    let fixture = Fixture::new().await;
    run_everything(&fixture).await;
    for statement in seen::statements() {
        for after in statement.split("LIMIT $").skip(1) {
            let rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
            assert!(rest.starts_with(" + 0"), "{statement}");
        }
    }
}

#[tokio::test]
async fn object_lists_read_their_partial_index_alone() {
    let fixture = Fixture::new().await;
    fixture.put("a", &[1]).await;
    fixture.list("", "/", None, 10).await;
    let lists: Vec<_> = seen::statements().into_iter().filter(|text| text.contains("current_objects")).collect();
    assert!(!lists.is_empty());
    for statement in lists {
        let reads: Vec<_> =
            fixture.plan(statement).await.into_iter().filter(|step| step.contains("versions")).collect();
        assert!(!reads.is_empty());
        assert!(reads.iter().all(|step| step.contains("COVERING INDEX current_objects")), "{reads:?}");
    }
}
