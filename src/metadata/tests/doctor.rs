//! What the doctor finds: nothing in what commands make, and each thing that somebody broke, as what it is.

use super::{
    doctor_breaks::{BREAKS, BREAKS_OF_TOPOLOGY},
    fixture::*,
    multipart,
};
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
