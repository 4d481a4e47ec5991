//! What the doctor finds: nothing in what commands make, and each thing that somebody broke, as what it is.

use super::{fixture::*, multipart};
use crate::{
    metadata::{
        Command, MetadataError, MetadataHooks,
        command::*,
        connection,
        directory::{database_in, log_of},
        doctor::{Examination, examine_offline},
    },
    types::UploadId,
};
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

pub async fn examine(fixture: &Fixture) -> Examination {
    let scratch = fixture.folder.path().join("doctor");
    let examination = fixture.metadata.examine(&scratch).await.unwrap();
    let left: Vec<_> = std::fs::read_dir(fixture.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| name.to_string_lossy().starts_with("doctor"))
        .collect();
    assert!(left.is_empty(), "the copy is still there: {left:?}");
    examination
}

/// Objects, a copy, one of parts, an open upload with a part, a deleted blob, a repair, a change of members.
async fn busy() -> Fixture {
    let fixture = Fixture::new().await;
    fixture.put("a", &[1500, 20]).await;
    fixture.put("old", &[30]).await;
    fixture.delete("old").await;
    fixture.unroll().await;
    fixture.put("empty", &[]).await;
    fixture.done(Command::CopyObject(fixture.copy_of("a", "copy"))).await;
    let upload = multipart::begin(&fixture, "big").await;
    fixture.done(part(&fixture, "big", upload, 1)).await;
    fixture.done(Command::CompleteUpload(multipart::complete(&fixture, "big", upload, &[(1, 1)]))).await;
    fixture.unroll().await;
    let open = multipart::begin(&fixture, "open").await;
    fixture.done(part(&fixture, "open", open, 1)).await;
    let copies = vec![BlobCopy { blob: fixture.extents("a").await[0].blob, node: node(2) }];
    fixture.done(Command::MarkMissing { copies, reason: MissingReason::Absent }).await;
    fixture.done(register(4)).await;
    fixture.done(Command::CreateGroups { groups: vec![group(2, &[2, 3, 4])] }).await;
    fixture
}

fn part(fixture: &Fixture, name: &str, upload: UploadId, part_number: u32) -> Command {
    Command::CopyPart(CopyPart {
        source: fixture.source("a"),
        range: Some((0, 99)),
        bucket: fixture.bucket,
        key: key(name),
        upload,
        part_number,
        modified: at(4),
        etag: etag(1),
        checksum: None,
    })
}

#[tokio::test]
async fn a_sound_database_has_no_findings_and_every_check_was_made() {
    let fixture = busy().await;
    let examination = examine(&fixture).await;
    assert_eq!(examination.findings, []);
    assert_eq!((examination.committed, examination.cut.len()), (fixture.metadata.committed(), 0));
    assert!(examination.checks > 30, "{}", examination.checks);
}

/// What breaks it, the checks that must find it and no others, the key that must be named.
const BREAKS: &[(&str, &[&str], Option<&str>)] = &[
    ("UPDATE contents SET count = 1 WHERE count = 2", &["content-count-low"], Some("a")),
    ("UPDATE contents SET count = 9 WHERE size = 0", &["content-count-high"], Some("empty")),
    ("UPDATE contents SET count = 0 WHERE size = 0", &["content-count-low"], Some("empty")),
    ("INSERT INTO contents VALUES (7000, 1, 0)", &["content-without-name"], None),
    ("DELETE FROM contents WHERE size = 0", &["version-without-content"], Some("empty")),
    (
        "UPDATE versions SET content = NULL WHERE key = x'656D707479'",
        &["version-without-content", "content-without-name"],
        Some("empty"),
    ),
    ("UPDATE parts SET content = 8000", &["part-without-content", "content-without-name"], Some("open")),
    ("UPDATE versions SET size = 3 WHERE key = x'656D707479'", &["version-size"], Some("empty")),
    ("UPDATE parts SET size = 3", &["part-size"], Some("open")),
    (
        "UPDATE contents SET size = 5 WHERE size = 0",
        &["version-size", "extents-cover"],
        Some("empty"),
    ),
    ("DELETE FROM extents WHERE content_offset > 0", &["extents-cover", "blob-count-high"], Some("a")),
    ("UPDATE extents SET content_offset = 1501 WHERE content_offset = 1500", &["extents-gap"], Some("a")),
    ("UPDATE extents SET length = 19 WHERE length = 20", &["extents-cover"], Some("a")),
    (
        "INSERT INTO extents SELECT 9000, 0, blob, 0, 1 FROM extents WHERE length = 20",
        &["blob-count-low", "extent-without-content"],
        Some("a"),
    ),
    ("UPDATE version_parts SET content_offset = 7", &["parts-of-version"], Some("big")),
    ("INSERT INTO version_parts VALUES (9100, 1, 0, 5, NULL, NULL)", &["parts-of-version"], None),
    ("UPDATE version_parts SET size = 7", &["parts-cover"], Some("big")),
    ("UPDATE versions SET part_count = 2 WHERE part_count = 1", &["part-count"], Some("big")),
    ("UPDATE versions SET part_count = 2 WHERE key = x'656D707479'", &["part-count"], Some("empty")),
    ("UPDATE versions SET part_count = NULL WHERE part_count = 1", &["part-count"], Some("big")),
    // Their sum is beyond what SQLite counts.
    (
        "UPDATE extents SET length = 9223372036854775807 WHERE content = (SELECT content FROM extents WHERE length = 20)",
        &["extents-cover", "extents-gap", "extent-beyond-blob"],
        Some("a"),
    ),
    ("DELETE FROM blobs WHERE size = 20", &["extent-without-blob"], Some("a")),
    ("UPDATE blobs SET size = 19 WHERE size = 20", &["extent-beyond-blob"], Some("a")),
    ("UPDATE extents SET blob_offset = 1 WHERE length = 20", &["extent-beyond-blob"], Some("a")),
    ("UPDATE blobs SET extent_count = 0 WHERE size = 20", &["blob-count-low"], Some("a")),
    ("UPDATE blobs SET extent_count = 5 WHERE size = 20", &["blob-count-high"], Some("a")),
    ("INSERT INTO blobs VALUES (x'99999999999999999999999999999999', 1, 5, 10, 0, zeroblob(32))", &["blob-count-high"], None),
    ("UPDATE blobs SET placement_group = 77 WHERE size = 20", &["blob-group"], Some("a")),
    ("UPDATE blobs SET roots = zeroblob(64) WHERE size = 20", &["blob-roots"], Some("a")),
    ("UPDATE blobs SET chunk_size = 0 WHERE size = 20", &["blob-roots"], Some("a")),
    ("INSERT INTO deletions SELECT blob, 1, 1, 20, 1 FROM blobs WHERE size = 20", &["blob-deleted"], Some("a")),
    ("UPDATE deletions SET placement_group = 77", &["deletion"], None),
    ("UPDATE deletions SET deleted_at = 10000000", &["deletion"], None),
    ("UPDATE versions SET is_latest = 0 WHERE key = x'61'", &["latest-version"], Some("a")),
    (
        "INSERT INTO versions SELECT bucket, key, 1, x'00', 0, 1, 1, created, owner, 0, '', NULL, NULL, NULL, NULL, NULL,
            NULL, NULL, NULL, NULL, NULL, NULL FROM versions WHERE key = x'61'",
        &["latest-version", "version-named"],
        Some("a"),
    ),
    (
        "INSERT INTO versions SELECT bucket, key, 1, x'00', 0, 0, 1, created, owner, 0, '', NULL, NULL, NULL, NULL, NULL,
            NULL, NULL, 9200, NULL, NULL, NULL FROM versions WHERE key = x'61'",
        &["version-named", "delete-marker"],
        Some("a"),
    ),
    ("UPDATE versions SET is_null = 0 WHERE key = x'61'", &["version-named"], Some("a")),
    ("UPDATE versions SET etag = 'zz' WHERE key = x'61'", &["version-etag"], Some("a")),
    ("UPDATE versions SET etag = substr(etag, 1, 31) || 'G' WHERE key = x'61'", &["version-etag"], Some("a")),
    ("UPDATE versions SET etag = etag || '-0' WHERE key = x'61'", &["version-etag"], Some("a")),
    ("UPDATE versions SET etag = etag || '-1x' WHERE key = x'61'", &["version-etag"], Some("a")),
    ("UPDATE buckets SET tags = '{'", &["bucket-tags"], None),
    ("UPDATE buckets SET cors = '['", &["bucket-cors"], None),
    ("UPDATE buckets SET tags = '[[\"k\"]]'", &["bucket-tags"], None),
    ("UPDATE buckets SET object_lock = '['", &["bucket-object-lock"], None),
    (
        "UPDATE buckets SET versioning = 1, object_lock = '{\"default_retention\":{\"mode\":\"Governance\",\"period\":{\"Days\":0}}}'",
        &["bucket-object-lock"],
        None,
    ),
    ("UPDATE buckets SET object_lock = '{}'", &["bucket-object-lock"], None),
    (
        "UPDATE versions SET retention_mode = 3, retain_until = 1 WHERE key = x'61'",
        &["version-lock", "version-lock-misplaced"],
        Some("a"),
    ),
    ("UPDATE versions SET retain_until = 1 WHERE key = x'61'", &["version-lock"], Some("a")),
    ("UPDATE versions SET legal_hold = 1 WHERE key = x'61'", &["version-lock-misplaced"], Some("a")),
    ("UPDATE uploads SET retention_mode = 1", &["upload-lock"], Some("open")),
    ("UPDATE uploads SET legal_hold = 2", &["upload-lock"], Some("open")),
    ("UPDATE buckets SET lifecycle = '{}'", &["bucket-lifecycle"], None),
    ("UPDATE buckets SET lifecycle_soonest = 5", &["lifecycle-without-rules"], None),
    ("INSERT INTO lifecycle_due SELECT bucket, x'61', 0, 1 FROM buckets", &["lifecycle-bucket"], Some("a")),
    (
        "INSERT INTO lifecycle_due SELECT bucket, x'FF', 0, 1 FROM buckets",
        &["lifecycle-key", "lifecycle-bucket"],
        None,
    ),
    (
        "INSERT INTO lifecycle_due SELECT bucket, x'61', 0, 10000000 FROM buckets",
        &["lifecycle-sequence", "lifecycle-bucket"],
        Some("a"),
    ),
    ("UPDATE versions SET headers = 'x' WHERE key = x'61'", &["version-unreadable"], Some("a")),
    ("UPDATE versions SET tags = '{' WHERE key = x'61'", &["version-unreadable"], Some("a")),
    ("UPDATE versions SET tags = '[[\"k\"]]' WHERE key = x'61'", &["version-unreadable"], Some("a")),
    ("UPDATE versions SET headers = '[7]' WHERE key = x'61'", &["version-unreadable"], Some("a")),
    ("UPDATE versions SET content_type = CAST(x'FF' AS TEXT) WHERE key = x'61'", &["version-unreadable"], Some("a")),
    ("UPDATE versions SET key = x'' WHERE key = x'61'", &["version-key"], None),
    ("UPDATE versions SET key = zeroblob(1025) WHERE key = x'61'", &["version-key"], None),
    ("UPDATE versions SET key = x'FF' WHERE key = x'61'", &["version-key"], None),
    ("UPDATE uploads SET key = x''", &["upload-key"], None),
    ("UPDATE uploads SET tags = '[[\"k\"]]'", &["upload-unreadable"], Some("open")),
    ("DROP INDEX current_objects", &["tables"], None),
    ("DROP INDEX versions_by_id", &["tables"], None),
    ("ALTER TABLE uploads ADD COLUMN other INTEGER", &["tables"], None),
    ("CREATE TRIGGER t AFTER INSERT ON buckets BEGIN DELETE FROM buckets; END", &["tables"], None),
    (
        "UPDATE versions SET checksum_algorithm = 99, checksum_kind = 1 WHERE key = x'61'",
        &["version-checksum"],
        Some("a"),
    ),
    (
        "UPDATE versions SET checksum_algorithm = 4, checksum_kind = 1, checksum = x'01' WHERE key = x'61'",
        &["version-checksum"],
        Some("a"),
    ),
    ("UPDATE versions SET sequence = 10000000 WHERE key = x'61'", &["version-sequence"], Some("a")),
    ("UPDATE versions SET bucket = 10000000 WHERE key = x'61'", &["version-bucket"], None),
    ("UPDATE versions SET bucket = 10000000, key = x'FF' WHERE key = x'61'", &["version-bucket", "version-key"], None),
    ("UPDATE uploads SET bucket = 10000000", &["upload-bucket"], None),
    ("INSERT INTO ended_uploads SELECT upload, 1 FROM uploads", &["upload-ended"], Some("open")),
    ("DELETE FROM uploads", &["part-upload"], None),
    ("UPDATE parts SET part_number = 10001", &["part-number"], Some("open")),
    ("INSERT INTO ended_buckets SELECT bucket FROM buckets", &["bucket-ended"], None),
    ("UPDATE completed_uploads SET outcome = 'x'", &["completed-upload"], Some("big")),
    ("UPDATE under_replicated SET blob = x'88888888888888888888888888888888'", &["repair-list-blob"], None),
    ("UPDATE under_replicated SET node = x'88888888888888888888888888888888'", &["repair-list"], None),
    ("UPDATE under_replicated SET reason = 9", &["repair-list"], None),
    ("UPDATE under_replicated SET sequence = 10000000", &["repair-list"], None),
];

/// Of nodes, groups and settings: what breaks it, and the words that it is told with.
const BREAKS_OF_TOPOLOGY: &[(&str, &str, &str)] = &[
    ("UPDATE nodes SET state = 9 WHERE name = 'node-1'", "node", "node-1: its state 9"),
    ("UPDATE nodes SET duty = 9 WHERE name = 'node-1'", "node", "node-1: its duty 9"),
    ("UPDATE nodes SET volumes = x'01' WHERE name = 'node-1'", "node", "no list of ids"),
    ("UPDATE nodes SET address = 'x' WHERE name = 'node-1'", "node", "node-1: its address \"x\" is none"),
    ("UPDATE nodes SET address = 'host:0' WHERE name = 'node-1'", "node", "node-1: its address"),
    ("UPDATE nodes SET address = 'a host:9' WHERE name = 'node-1'", "node", "node-1: its address"),
    ("UPDATE nodes SET duty = 3 WHERE name = 'node-1'", "group", "group 1 has a member that was removed"),
    ("DELETE FROM nodes WHERE name = 'node-1'", "group", "group 1 has a member, or one that left, that is no node"),
    ("UPDATE placement_groups SET epoch = 0 WHERE placement_group = 1", "group", "no epoch"),
    ("UPDATE placement_groups SET members = x'01' WHERE placement_group = 1", "group", "no list of ids"),
    (
        "UPDATE placement_groups SET members = substr(members, 1, 32) WHERE placement_group = 1",
        "group",
        "group 1 has 2 members and the scheme replica:3",
    ),
    (
        "UPDATE placement_groups SET members = CAST(substr(members, 1, 32) || substr(members, 1, 16) AS BLOB) WHERE placement_group = 1",
        "group",
        "a node twice",
    ),
    ("UPDATE placement_groups SET former = substr(members, 1, 16) WHERE placement_group = 1", "group", "a node twice"),
    (
        "UPDATE placement_groups SET arriving = x'01' WHERE placement_group = 1",
        "group",
        "an arriving node that is no member",
    ),
    ("UPDATE placement_groups SET is_listed = 1 WHERE placement_group = 1", "group", "none arrives"),
    ("UPDATE placement_groups SET scheme = 'ec:4+2' WHERE placement_group = 2", "group", "the scheme ec:4+2"),
    ("UPDATE buckets SET name = 'B_A'", "bucket-name", "B_A"),
    ("UPDATE buckets SET name = CAST(x'FF' AS TEXT)", "bucket-name", "which is none"),
    ("UPDATE nodes SET name = CAST(x'FF' AS TEXT), state = 9 WHERE name = 'node-1'", "node", "its state 9"),
    (
        "UPDATE placement_groups SET scheme = CAST(x'FF' AS TEXT) WHERE placement_group = 2",
        "group",
        "3 members and the scheme",
    ),
    ("DELETE FROM settings WHERE name = 'commit_sequence'", "settings", "is not noted"),
    ("DROP TABLE parts", "pages", "no such table"),
    ("INSERT INTO settings VALUES ('term_began', 1)", "settings", "term of the gateway's reign is gone"),
    ("DELETE FROM settings WHERE name = 'cluster_id'", "settings", "cluster's id"),
    ("UPDATE settings SET value = x'01' WHERE name = 'cluster_id'", "settings", "cluster's id"),
    ("UPDATE settings SET value = value - 1 WHERE name = 'commit_sequence'", "settings", "is not noted"),
];

#[tokio::test]
async fn each_break_is_found_as_what_it_is_and_nothing_else() {
    let mut wrong = Vec::new();
    for &(statement, expected, object) in BREAKS {
        let fixture = busy().await;
        fixture.prepare(statement).await;
        let findings = examine(&fixture).await.findings;
        let mut found: Vec<&str> = findings.iter().map(|finding| finding.check).collect();
        found.dedup();
        let named = findings.first().and_then(|finding| finding.object.as_ref());
        let named = named.map(|(bucket, key)| (bucket.as_str(), key.as_str()));
        let has_words = findings.iter().all(|finding| !finding.what.is_empty());
        if !has_words || found != expected || named != object.map(|key| ("bucket", key)) {
            wrong.push((statement, findings));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Only one of them was named: the others lost their data when that one had been put again.
#[tokio::test]
async fn the_remedy_for_low_counts_saves_every_object_of_a_shared_content() {
    for (statement, check) in [
        ("UPDATE contents SET count = 1 WHERE count > 1", "content-count-low"),
        ("UPDATE contents SET count = 0 WHERE count > 1", "content-count-low"),
        ("UPDATE blobs SET extent_count = 1 WHERE extent_count > 1", "blob-count-low"),
        ("INSERT INTO deletions SELECT blob, 1, 1, 20, 1 FROM blobs WHERE size = 20", "blob-deleted"),
    ] {
        let fixture = busy().await;
        let copies: Vec<String> = (0..12).map(|number| format!("copy-{number:02}")).collect();
        for name in &copies {
            fixture.done(Command::CopyObject(fixture.copy_of("a", name))).await;
        }
        fixture.prepare(statement).await;
        let findings = examine(&fixture).await.findings;
        assert!(findings.iter().all(|finding| finding.check == check) && !findings.is_empty(), "{findings:#?}");
        let named = |name: &str| findings.iter().any(|finding| finding.what.contains(&format!("s3://bucket/{name}")));
        assert!(["a", "copy", "copy-00"].iter().all(|name| named(name)), "{findings:#?}");
        assert!(findings.iter().any(|finding| finding.what.contains(" more")), "{findings:#?}");
        // Nothing is released meanwhile.
        for name in ["a", "copy", "big"].into_iter().chain(copies.iter().map(String::as_str)) {
            fixture.put(name, &[7]).await;
        }
        let upload = open_upload(&fixture).await;
        fixture.done(Command::AbortUpload { bucket: fixture.bucket, key: key("open"), upload }).await;
        assert_eq!(examine(&fixture).await.findings, [], "{statement}");
        fixture.unroll().await;
        assert_eq!(examine(&fixture).await.findings, [], "{statement}");
        for name in &copies {
            assert_eq!(fixture.extents(name).await.len(), 1, "{statement}");
        }
    }
}

async fn open_upload(fixture: &Fixture) -> UploadId {
    let mut reader = fixture.metadata.reader().await.unwrap();
    let upload: Vec<u8> = sqlx::query_scalar("SELECT upload FROM uploads").fetch_one(&mut *reader).await.unwrap();
    UploadId::from_bytes(upload.try_into().unwrap())
}

#[tokio::test]
async fn breaks_of_nodes_groups_and_settings_are_told_in_words() {
    let mut wrong = Vec::new();
    for &(statement, check, words) in BREAKS_OF_TOPOLOGY {
        let fixture = busy().await;
        fixture.prepare(statement).await;
        let findings = examine(&fixture).await.findings;
        if findings.len() != 1 || findings[0].check != check || !findings[0].what.contains(words) {
            wrong.push((statement, findings));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn a_table_that_is_gone_is_told_and_so_is_the_check_that_needs_it() {
    let fixture = busy().await;
    fixture.prepare("DROP TABLE completed_uploads").await;
    let findings = examine(&fixture).await.findings;
    let told: Vec<_> = findings.iter().map(|finding| (finding.check, finding.what.as_str())).collect();
    assert_eq!(told.len(), 2, "{told:#?}");
    assert_eq!(told[0], ("tables", "the table completed_uploads is gone"));
    assert!(told[1].0 == "completed-upload" && told[1].1.contains("could not be made"), "{told:#?}");
}

/// It was one finding an object, and the bucket's other objects were not told of.
#[tokio::test]
async fn a_bucket_that_is_gone_is_one_finding_however_many_objects_it_has() {
    let fixture = busy().await;
    fixture.prepare("DELETE FROM buckets").await;
    let findings = examine(&fixture).await.findings;
    let of_versions: Vec<_> = findings.iter().filter(|finding| finding.check == "version-bucket").collect();
    assert!(of_versions.len() == 1 && of_versions[0].what.contains("4 versions"), "{findings:#?}");
}

/// The remedy says that: what was put again is right, whatever its row said before.
#[tokio::test]
async fn an_object_that_is_put_again_leaves_nothing_to_be_found() {
    for statement in [
        "UPDATE versions SET tags = '[[\"k\"]]' WHERE key = x'61'",
        "UPDATE versions SET headers = '[7]' WHERE key = x'61'",
        "UPDATE versions SET checksum_algorithm = 99, checksum_kind = 1 WHERE key = x'61'",
        "UPDATE versions SET etag = 'zz' WHERE key = x'61'",
        "UPDATE versions SET size = 3 WHERE key = x'61'",
    ] {
        let fixture = busy().await;
        fixture.prepare(statement).await;
        assert_eq!(examine(&fixture).await.findings.len(), 1, "{statement}");
        fixture.put("a", &[7]).await;
        fixture.unroll().await;
        assert_eq!(examine(&fixture).await.findings, [], "{statement}");
    }
}

#[tokio::test]
async fn many_findings_are_cut_and_the_worst_come_first() {
    let fixture = busy().await;
    fixture
        .prepare(
            "WITH RECURSIVE n (i) AS (SELECT 20000 UNION ALL SELECT i + 1 FROM n WHERE i < 20300)
            INSERT INTO contents SELECT i, 1, 0 FROM n",
        )
        .await;
    fixture.prepare("UPDATE versions SET size = 3 WHERE key = x'656D707479'").await;
    let examination = examine(&fixture).await;
    assert_eq!((examination.findings.len(), &examination.cut[..]), (101, &["content-without-name"][..]));
    assert_eq!(examination.findings[0].check, "version-size");
}

#[tokio::test]
async fn without_room_for_a_copy_nothing_is_looked_at_and_the_error_says_what_to_free() {
    let fixture = busy().await;
    fixture.metadata.close().await;
    let free = Arc::new(AtomicU64::new(1 << 40));
    let seen = Arc::clone(&free);
    let hooks = MetadataHooks { free_space: Arc::new(move |_| Ok(seen.load(Ordering::Relaxed))), ..hooks() };
    let metadata = open(&fixture.folder.path().join("metadata"), &settings(), hooks).await;
    let fixture = Fixture { metadata, ..fixture };
    free.store(1 << 20, Ordering::Relaxed);
    let refused = fixture.metadata.examine(&fixture.folder.path().join("doctor")).await.unwrap_err();
    let MetadataError::NoRoomForCopy { needed, lacking, .. } = &refused else { panic!("{refused}") };
    assert_eq!(lacking.bytes(), needed.bytes() - (1 << 20));
    assert!(refused.to_string().contains(&format!("free {} more", lacking.to_human())), "{refused}");
    assert!(needed.bytes() < 100 << 20, "a small database is looked at on a small disk: {refused}");
    free.store(needed.bytes(), Ordering::Relaxed);
    assert_eq!(examine(&fixture).await.findings, []);
}

#[tokio::test]
async fn one_examination_runs_at_a_time() {
    let fixture = busy().await;
    let other = fixture.folder.path().join("other");
    let (first, second) = futures_util::future::join(examine(&fixture), fixture.metadata.examine(&other)).await;
    assert_eq!(first.findings, []);
    assert!(matches!(second, Err(MetadataError::ExaminationUnderWay)), "{second:?}");
    assert_eq!(examine(&fixture).await.findings, []);
}

#[tokio::test]
async fn a_page_that_was_overwritten_is_found() {
    let fixture = busy().await;
    let page = fixture.count("SELECT rootpage FROM sqlite_schema WHERE name = 'extents'").await as usize;
    let length = fixture.count("SELECT page_size FROM pragma_page_size").await as usize;
    let database = fixture.metadata.database().to_owned();
    fixture.prepare("PRAGMA wal_checkpoint(TRUNCATE)").await;
    fixture.metadata.close().await;
    let mut bytes = std::fs::read(&database).unwrap();
    bytes[(page - 1) * length..page * length].fill(0xAA);
    std::fs::write(&database, bytes).unwrap();
    let metadata = open(&fixture.folder.path().join("metadata"), &settings(), hooks()).await;
    let fixture = Fixture { metadata, ..fixture };
    let findings = examine(&fixture).await.findings;
    assert!(!findings.is_empty() && findings.iter().all(|finding| finding.check == "pages"), "{findings:#?}");
}

/// Where it lies while no gateway has it open, as a data directory, its own directory, a plain copy, a backup.
#[tokio::test]
async fn metadata_that_nobody_has_open_is_examined_where_it_lies_and_stays_as_it_is() {
    let fixture = busy().await;
    let folder = fixture.folder.path();
    let (backup, data, scratch) = (folder.join("backup"), folder.join("data"), folder.join("doctor"));
    fixture.metadata.backup(&backup).await.unwrap();
    let in_use = examine_offline(folder, &scratch).await;
    assert!(matches!(in_use, Err(MetadataError::InUse(_))), "{in_use:?}");
    // One that no connection of this process still holds.
    let directory = data.join("metadata");
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::copy(&backup, database_in(&directory)).unwrap();
    let before = bytes_of(&database_in(&directory));
    for path in [&data, &directory, &backup] {
        let examination = examine_offline(path, &scratch).await.unwrap();
        let committed = fixture.metadata.committed();
        assert_eq!((examination.findings.len(), examination.committed), (0, committed), "{examination:?}");
        assert!(!scratch.exists(), "the copy is gone");
        assert!(bytes_of(&database_in(&directory)) == before, "{} was changed", path.display());
    }
    let nothing = examine_offline(&tempfile::tempdir().unwrap().path().join("."), &scratch).await;
    assert!(nothing.unwrap_err().to_string().contains("there is no metadata in it"));
}

fn bytes_of(database: &Path) -> Vec<u8> {
    let log = std::fs::read(log_of(database)).unwrap_or_default();
    [std::fs::read(database).unwrap(), log].concat()
}

/// What is still in the log alone counts, and a database on which no gateway starts is looked at all the same.
#[tokio::test]
async fn metadata_that_no_gateway_would_start_on_is_examined_with_its_log() {
    for (statement, words) in [
        (
            "UPDATE placement_groups SET members = x'01' WHERE placement_group = 1",
            "group 1 has members that are no list",
        ),
        ("DELETE FROM settings WHERE name = 'cluster_id'", "does not know its cluster's id"),
        ("DELETE FROM settings WHERE name = 'commit_sequence'", "is not noted"),
    ] {
        let fixture = busy().await;
        fixture.prepare(statement).await;
        let (database, copy) = (fixture.metadata.database().to_owned(), fixture.folder.path().join("copy"));
        std::fs::copy(&database, &copy).unwrap();
        std::fs::copy(log_of(&database), log_of(&copy)).unwrap();
        let examination = examine_offline(&copy, &fixture.folder.path().join("doctor")).await.unwrap();
        let told: Vec<&String> = examination.findings.iter().map(|finding| &finding.what).collect();
        assert!(told.len() == 1 && told[0].contains(words), "{statement}: {told:?}");
    }
}

#[tokio::test]
async fn a_file_that_is_garbage_is_a_finding_and_another_programs_is_refused() {
    let fixture = busy().await;
    let (file, scratch) = (fixture.folder.path().join("file"), fixture.folder.path().join("doctor"));
    fixture.metadata.backup(&file).await.unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[..100].fill(0xAA);
    std::fs::write(&file, bytes).unwrap();
    let examination = examine_offline(&file, &scratch).await.unwrap();
    assert_eq!(examination.findings.iter().map(|finding| finding.check).collect::<Vec<_>>(), ["pages"]);
    std::fs::remove_file(&file).unwrap();
    let mut theirs = connection::writer(&file, &settings()).await.unwrap();
    sqlx::query("CREATE TABLE theirs (x)").execute(&mut theirs).await.unwrap();
    sqlx::Connection::close(theirs).await.unwrap();
    let refused = examine_offline(&file, &scratch).await;
    assert!(matches!(refused, Err(MetadataError::NotOurs { .. })), "{refused:?}");
}
