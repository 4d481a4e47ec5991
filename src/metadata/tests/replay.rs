//! Any history of commands gives the same rows again, and keeps every invariant on its way.

use super::{fixture::*, lifecycle};
use crate::{
    metadata::{
        Command, CommandError, Outcome,
        command::*,
        query::Answer,
        replay::{dump, read_records, replay},
        rows::ReadFrom,
    },
    types::*,
};
use proptest::prelude::*;

/// What a random history is made of: small numbers choose keys, uploads and sizes, so that histories meet themselves.
#[derive(Clone, Debug)]
enum Act {
    Put { key: u8, sizes: Vec<u64>, condition: u8, durable: u8 },
    Copy { from: u8, to: u8 },
    Append { key: u8, sizes: Vec<u64>, is_aimed: bool },
    Rename { from: u8, to: u8, token: u8 },
    RenamePrefix { from: u8, to: u8 },
    Delete { key: u8 },
    DeleteVersion { key: u8, place: usize, bypass: Bypass },
    Lock { days: u8 },
    Retain { key: u8, mode: RetentionMode, until: i64 },
    Hold { key: u8, legal_hold: LegalHold },
    Versioning { versioning: Versioning },
    Tag { key: u8 },
    Cors { is_set: bool },
    Website { is_set: bool },
    List { key: u8, acl: Acl, granted: Option<Permission> },
    ListOfBucket { acl: Acl },
    Own { ownership: Option<ObjectOwnership> },
    Block { flags: Option<u64> },
    Begin { key: u8 },
    Part { upload: u8, part_number: u32, size: u64 },
    CopyPart { upload: u8, part_number: u32, from: u8, range: Option<(u64, u64)> },
    Complete { upload: u8, parts: Vec<u32> },
    Abort { upload: u8 },
    Unroll { limit: u32 },
    Finish,
    Missing { node: u8 },
    Repaired { node: u8 },
    Forget,
    Replace { leaving: u8, arriving: u8 },
    Settle { step: u8 },
    Rules { is_set: bool },
    Expire { key: u8, place: usize },
    ForgetDue,
    SaveJob { name: u8, state: Option<u8> },
}

fn act() -> impl Strategy<Value = Act> {
    let key = || 0..4_u8;
    let upload = || 0..4_u8;
    let part_number = || 1..4_u32;
    prop_oneof![
        4 => (key(), prop::collection::vec(1..4000_u64, 0..12), 0..4_u8, 0..8_u8)
            .prop_map(|(key, sizes, condition, durable)| Act::Put { key, sizes, condition, durable }),
        3 => (key(), key()).prop_map(|(from, to)| Act::Copy { from, to }),
        4 => (key(), prop::collection::vec(1..4000_u64, 1..4), prop::bool::weighted(0.9))
            .prop_map(|(key, sizes, is_aimed)| Act::Append { key, sizes, is_aimed }),
        1 => (key(), 1..4_u8, 0..6_u8).prop_map(|(from, by, token)| Act::Rename { from, to: (from + by) % 4, token }),
        1 => (key(), 1..4_u8).prop_map(|(from, by)| Act::RenamePrefix { from, to: (from + by) % 4 }),
        3 => key().prop_map(|key| Act::Delete { key }),
        2 => (key(), 0..4_usize, prop_oneof![Just(Bypass::None), Just(Bypass::Governance)])
            .prop_map(|(key, place, bypass)| Act::DeleteVersion { key, place, bypass }),
        1 => (0..2_u8).prop_map(|days| Act::Lock { days }),
        1 => (key(), prop_oneof![Just(RetentionMode::Governance), Just(RetentionMode::Compliance)], 10..30_i64)
            .prop_map(|(key, mode, until)| Act::Retain { key, mode, until }),
        1 => (key(), prop_oneof![Just(LegalHold::On), Just(LegalHold::Off)])
            .prop_map(|(key, legal_hold)| Act::Hold { key, legal_hold }),
        1 => prop_oneof![Just(Versioning::Enabled), Just(Versioning::Suspended)]
            .prop_map(|versioning| Act::Versioning { versioning }),
        1 => key().prop_map(|key| Act::Tag { key }),
        1 => any::<bool>().prop_map(|is_set| Act::Cors { is_set }),
        1 => any::<bool>().prop_map(|is_set| Act::Website { is_set }),
        2 => (key(), acl(), prop::option::weighted(0.3, Just(Permission::WriteAcp)))
            .prop_map(|(key, acl, granted)| Act::List { key, acl, granted }),
        1 => acl().prop_map(|acl| Act::ListOfBucket { acl }),
        1 => prop::option::of(prop::sample::select(ObjectOwnership::ALL.to_vec()))
            .prop_map(|ownership| Act::Own { ownership }),
        1 => prop::option::of(0..16_u64).prop_map(|flags| Act::Block { flags }),
        2 => key().prop_map(|key| Act::Begin { key }),
        4 => (upload(), part_number(), prop_oneof![1..3000_u64, Just(5 * MIB)])
            .prop_map(|(upload, part_number, size)| Act::Part { upload, part_number, size }),
        3 => (upload(), part_number(), key(), prop::option::of((0..5000_u64, 1..5000_u64)))
            .prop_map(|(upload, part_number, from, range)| Act::CopyPart { upload, part_number, from, range }),
        3 => (upload(), prop::collection::vec(part_number(), 1..4))
            .prop_map(|(upload, parts)| Act::Complete { upload, parts }),
        1 => upload().prop_map(|upload| Act::Abort { upload }),
        4 => (1..8_u32).prop_map(|limit| Act::Unroll { limit }),
        1 => Just(Act::Finish),
        1 => (1..4_u8).prop_map(|node| Act::Missing { node }),
        1 => (1..4_u8).prop_map(|node| Act::Repaired { node }),
        1 => Just(Act::Forget),
        1 => (1..6_u8, 1..6_u8).prop_map(|(leaving, arriving)| Act::Replace { leaving, arriving }),
        1 => (0..3_u8).prop_map(|step| Act::Settle { step }),
        2 => any::<bool>().prop_map(|is_set| Act::Rules { is_set }),
        4 => (0..4_u8, 0..3_usize).prop_map(|(key, place)| Act::Expire { key, place }),
        1 => Just(Act::ForgetDue),
        1 => (0..2_u8, prop::option::of(0..3_u8)).prop_map(|(name, state)| Act::SaveJob { name, state }),
    ]
}

fn acl() -> impl Strategy<Value = Acl> {
    prop_oneof![Just(Acl::PRIVATE), (0..1_u64 << 15).prop_map(|bits| Acl::from_bits(bits).unwrap())]
}

/// What the history has made so far.
#[derive(Default)]
struct Made {
    uploads: Vec<(UploadId, String)>,
    blobs: Vec<BlobId>,
}

impl Made {
    fn upload(&self, number: u8) -> (UploadId, String) {
        let unknown = || (UploadId::from_bytes([0xEE; 16]), "key-0".to_owned());
        self.uploads.iter().rev().nth(usize::from(number)).cloned().unwrap_or_else(unknown)
    }
}

fn name(number: u8) -> String {
    format!("key-{number}")
}

async fn command(act: Act, made: &mut Made, fixture: &Fixture) -> Command {
    match act {
        Act::Put { key, sizes, condition, durable } => {
            let mut put = fixture.put_of(&name(key), fixture.content(&sizes));
            for blob in &mut put.content.blobs {
                blob.durable_on = (1..=3).filter(|node| durable & (1 << (node - 1)) == 0).map(node).collect();
            }
            made.blobs.extend(put.content.blobs.iter().map(|blob| blob.blob));
            // Of some it is public.
            put.attributes.acl = Acl::from_bits(1 + 64 * u64::from(condition / 3)).unwrap();
            put.precondition = match condition {
                0 => WritePrecondition::Absent,
                1 => WritePrecondition::Present,
                _ => WritePrecondition::None,
            };
            Command::PutObject(put)
        }
        Act::Copy { from, to } => Command::CopyObject(fixture.copy_of(&name(from), &name(to))),
        Act::Append { key, sizes, is_aimed } => {
            let append = fixture.append_of(&name(key), &sizes).await;
            made.blobs.extend(append.put.content.blobs.iter().map(|blob| blob.blob));
            Command::AppendObject(AppendObject { offset: append.offset + u64::from(!is_aimed), ..append })
        }
        Act::Rename { from, to, token } => {
            let token = (token < 3).then(|| token.to_string());
            Command::RenameObject(RenameObject { token, ..fixture.rename_of(&name(from), &name(to)) })
        }
        Act::RenamePrefix { from, to } => fixture.rename_prefix_of(&name(from), &name(to)),
        Act::Delete { key } => Command::DeleteObject(fixture.delete_of(&name(key))),
        Act::DeleteVersion { key, place, bypass } => {
            let versions = fixture.versions(&name(key)).await;
            let version = versions.get(place).map_or(VersionSelector::Null, |version| version.name().into());
            Command::DeleteObject(DeleteObject { version, bypass, ..fixture.delete_of(&name(key)) })
        }
        Act::Lock { days } => {
            let period = RetentionPeriod::days(days.into()).ok();
            let mode = RetentionMode::Governance;
            let default_retention = period.map(|period| DefaultRetention { mode, period });
            let configuration = ObjectLockConfiguration { default_retention };
            Command::SetBucketObjectLock { bucket: fixture.bucket, configuration }
        }
        Act::Retain { key: number, mode, until } => Command::SetObjectRetention(SetObjectRetention {
            bucket: fixture.bucket,
            key: key(&name(number)),
            version: VersionSelector::Latest,
            retention: Some(Retention { mode, until: at(until) }),
            at: at(12),
            bypass: Bypass::None,
        }),
        Act::Hold { key: number, legal_hold } => Command::SetObjectLegalHold(SetObjectLegalHold {
            bucket: fixture.bucket,
            key: key(&name(number)),
            version: VersionSelector::Latest,
            legal_hold,
        }),
        Act::Versioning { versioning } => Command::SetBucketVersioning { bucket: fixture.bucket, versioning },
        Act::Tag { key: number } => Command::SetObjectTags {
            bucket: fixture.bucket,
            key: key(&name(number)),
            version: VersionSelector::Latest,
            tags: TagSet::new([("k".to_owned(), "v".to_owned())], TagLimit::Object).unwrap(),
        },
        Act::Cors { is_set } => {
            let rules = r#"[{"origins":["*"],"methods":["GET"]}]"#;
            let cors = is_set.then(|| serde_json::from_str(rules).unwrap());
            Command::SetBucketCors { bucket: fixture.bucket, cors }
        }
        Act::Rules { is_set: true } => lifecycle::set_rules(fixture.bucket),
        Act::Rules { is_set: false } => lifecycle::take_rules_back(fixture.bucket),
        Act::Expire { key: number, place } => match lifecycle::look_to_delete(fixture, &name(number), place).await {
            Some(command) => Command::ExpireKey(command),
            None => Command::ForgetCompletedUploads { before: at(0), limit: 1 },
        },
        Act::ForgetDue => Command::ForgetDueKeys(ForgetDueKeys { bucket: fixture.bucket, limit: 2 }),
        Act::Website { is_set } => {
            let site = r#"{"Site":{"index_suffix":"index.html"}}"#;
            let website = is_set.then(|| serde_json::from_str(site).unwrap());
            Command::SetBucketWebsite { bucket: fixture.bucket, website }
        }
        Act::List { key: number, acl, granted } => Command::SetObjectAcl(SetObjectAcl {
            bucket: fixture.bucket,
            key: key(&name(number)),
            version: VersionSelector::Latest,
            acl,
            granted,
        }),
        Act::ListOfBucket { acl } => Command::SetBucketAcl(SetBucketAcl { bucket: fixture.bucket, acl, granted: None }),
        Act::Own { ownership } => Command::SetBucketOwnership { bucket: fixture.bucket, ownership },
        Act::Block { flags } => {
            let block = flags.and_then(PublicAccessBlock::from_bits);
            Command::SetPublicAccessBlock { bucket: fixture.bucket, block }
        }
        Act::Begin { key: number } => {
            let upload = UploadId::from_bytes(fixture.unique());
            made.uploads.push((upload, name(number)));
            Command::CreateUpload(CreateUpload {
                bucket: fixture.bucket,
                key: key(&name(number)),
                upload,
                initiated: at(3),
                owner: "root".into(),
                headers: ObjectHeaders::default(),
                tags: TagSet::default(),
                checksum: None,
                lock: VersionLock::default(),
                acl: Default::default(),
            })
        }
        Act::Part { upload, part_number, size } => {
            let (upload, of_key) = made.upload(upload);
            let content = fixture.content(&[size]);
            Command::PutPart(PutPart {
                bucket: fixture.bucket,
                key: key(&of_key),
                upload,
                part_number,
                modified: at(4),
                etag: etag(1),
                checksum: None,
                content,
            })
        }
        Act::CopyPart { upload, part_number, from, range } => {
            let (upload, of_key) = made.upload(upload);
            Command::CopyPart(CopyPart {
                source: fixture.source(&name(from)),
                range,
                bucket: fixture.bucket,
                key: key(&of_key),
                upload,
                part_number,
                modified: at(4),
                etag: etag(1),
                checksum: None,
            })
        }
        Act::Complete { upload, mut parts } => {
            let (upload, of_key) = made.upload(upload);
            parts.sort_unstable();
            parts.dedup();
            let parts: Vec<(u32, u8)> = parts.into_iter().map(|part_number| (part_number, 1)).collect();
            Command::CompleteUpload(super::multipart::complete(fixture, &of_key, upload, &parts))
        }
        Act::Abort { upload } => {
            let (upload, of_key) = made.upload(upload);
            Command::AbortUpload { bucket: fixture.bucket, key: key(&of_key), upload }
        }
        Act::Unroll { limit } => Command::UnrollDeletedContents { limit },
        Act::Finish => {
            let deleted = fixture.metadata.deletions(None, 3).await.unwrap();
            Command::FinishDeletions { blobs: deleted.iter().map(|deleted| deleted.blob).collect() }
        }
        Act::Missing { node: number } => {
            Command::MarkMissing { copies: copies(made, number), reason: MissingReason::Corrupt }
        }
        Act::Repaired { node: number } => {
            Command::MarkRepaired { copies: copies(made, number), as_of: fixture.metadata.committed() }
        }
        Act::SaveJob { name: job, state } => {
            Command::SaveJobState(SaveJobState { name: name(job), state: state.map(|state| state.to_string()) })
        }
        Act::Forget => Command::ForgetCompletedUploads { before: at(60), limit: 1 },
        Act::Replace { leaving, arriving } => {
            let (group, epoch) = group_now(fixture).await;
            Command::ReplaceMember(ReplaceMember { group, epoch, leaving: node(leaving), arriving: node(arriving) })
        }
        Act::Settle { step } => {
            let (group, epoch) = group_now(fixture).await;
            match step {
                0 => Command::NoteArrivalListed { group, epoch },
                1 => Command::FinishArrival { group, epoch },
                _ => Command::ForgetFormerMember { group, epoch, node: node(2) },
            }
        }
    }
}

async fn group_now(fixture: &Fixture) -> (GroupId, Epoch) {
    let group = fixture.metadata.groups().await.unwrap().remove(0);
    (group.group, group.epoch)
}

fn copies(made: &Made, number: u8) -> Vec<BlobCopy> {
    made.blobs.iter().step_by(2).map(|blob| BlobCopy { blob: *blob, node: node(number) }).collect()
}

/// Every blob that a command brought is named by an extent or queued for deletion, unless its deletion was finished.
async fn run(acts: Vec<Act>) {
    let fixture = Fixture::new().await;
    let mut made = Made::default();
    for (number, act) in acts.into_iter().enumerate() {
        let command = command(act, &mut made, &fixture).await;
        // Other refusals are part of a history.
        if let Err(CommandError::Malformed { reason }) = fixture.propose(command.clone()).await {
            panic!("{reason}: {command:?}");
        }
        fixture.assert_counts_are_references().await;
        assert_look_ups_are_fresh(&fixture).await;
        if number.is_multiple_of(3) {
            assert_eq!(super::doctor::examine(&fixture).await.findings, []);
        }
    }
    assert_eq!(super::doctor::examine(&fixture).await.findings, []);
    assert_replay_is_equal(&fixture).await;
}

/// Afterwards every object is cached.
async fn assert_look_ups_are_fresh(fixture: &Fixture) {
    for number in 0..4 {
        let looked_up = fixture.look(&name(number)).await;
        let selector = VersionSelector::Latest;
        let read = fixture.metadata.read(fixture.bucket, &key(&name(number)), selector, ReadFrom::Offset(0)).await;
        assert_eq!(looked_up.map_or(Answer::NoSuchKey, Answer::Found), read.unwrap());
    }
}

/// The same with `together` commands in a batch. Some of them name ids that are in use.
async fn run_in_batches(acts: Vec<Act>, together: usize) {
    let fixture = &Fixture::new().await;
    let mut made = Made::default();
    for acts in acts.chunks(together) {
        let mut batch = Vec::new();
        for (position, act) in acts.iter().enumerate() {
            let command = command(act.clone(), &mut made, fixture).await;
            let names_its_ids_twice = position % 5 == 4 && matches!(command, Command::PutObject(_));
            batch.extend(names_its_ids_twice.then(|| command.clone()));
            batch.push(command);
        }
        // Look-ups on the way of the batch, of which some began before it and end behind it.
        let looks =
            futures_util::future::join_all((0..4).map(|number| async move { fixture.look(&name(number)).await }));
        let commands = futures_util::future::join_all(batch.into_iter().map(|command| fixture.propose(command)));
        futures_util::future::join(looks, commands).await;
        fixture.assert_counts_are_references().await;
        assert_look_ups_are_fresh(fixture).await;
    }
    assert_replay_is_equal(fixture).await;
}

async fn assert_replay_is_equal(fixture: &Fixture) {
    let records = read_records(&fixture.folder.path().join("commands.jsonl")).unwrap();
    assert_eq!(records.len() as u64, fixture.metadata.committed().0);
    let folder = fixture.folder.path().join("replayed");
    replay(&records, &folder).await.unwrap();
    assert_eq!(dump(&folder).await.unwrap(), dump(&fixture.folder.path().join("metadata")).await.unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn random_histories_keep_the_invariants_and_replay_to_the_same_rows(acts in prop::collection::vec(act(), 1..60)) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(run(acts));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// A replay applies each command alone: what a batch does together must come to the same.
    #[test]
    fn commands_of_a_batch_come_to_what_each_alone_comes_to(
        acts in prop::collection::vec(act(), 1..80), together in 2..30_usize
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run_in_batches(acts, together));
    }
}

#[tokio::test]
async fn a_replay_into_a_database_that_holds_something_is_refused() {
    let fixture = Fixture::new().await;
    fixture.metadata.close().await;
    assert!(replay(&[], &fixture.folder.path().join("metadata")).await.is_err());
}

#[tokio::test]
async fn records_go_on_after_a_restart_and_lose_what_was_never_committed() {
    let fixture = Fixture::new().await;
    fixture.put("a", &[10]).await;
    fixture.metadata.close().await;
    let path = fixture.folder.path().join("commands.jsonl");
    let mut text = std::fs::read_to_string(&path).unwrap();
    let last = text.lines().last().unwrap().to_owned();
    let committed = fixture.metadata.committed();
    // Killed between recording and committing, in the middle of a line.
    text.push_str(&last.replace(&format!("\"sequence\":{committed}"), &format!("\"sequence\":{}", committed.next())));
    text.push_str("\n{\"format\":1,\"seq");
    std::fs::write(&path, text).unwrap();
    let settings = crate::metadata::MetadataSettings { record_commands: Some(path), ..settings() };
    let metadata = open(&fixture.folder.path().join("metadata"), &settings, hooks()).await;
    let fixture = Fixture { metadata, ..fixture };
    assert!(matches!(fixture.delete("a").await, Outcome::Deleted(deleted) if deleted.existed));
    assert_replay_is_equal(&fixture).await;
}
