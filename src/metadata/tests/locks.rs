//! Object Lock: random histories against a model in which nothing that is locked leaves, and the rules one by one.

use super::{fixture::*, multipart};
use crate::{
    metadata::{Command, CommandError, Outcome, command::*, rows::ReadFrom},
    types::*,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// In seconds, as all times here.
const DAY: i64 = 24 * 60 * 60;

#[derive(Clone, Debug)]
enum Act {
    Put {
        key: u8,
        lock: VersionLock,
    },
    Copy {
        from: u8,
        to: u8,
        lock: VersionLock,
    },
    Upload {
        key: u8,
        lock: VersionLock,
    },
    Delete {
        key: u8,
    },
    DeleteVersion {
        key: u8,
        place: usize,
        bypass: Bypass,
    },
    Retain {
        key: u8,
        place: usize,
        retention: Option<Retention>,
        bypass: Bypass,
    },
    Hold {
        key: u8,
        place: usize,
        legal_hold: LegalHold,
    },
    Lock {
        default: Option<RetentionMode>,
    },
    Versioning(Versioning),
    /// The gateway's clock goes on, or jumps back.
    Clock {
        by: i64,
    },
}

fn mode() -> impl Strategy<Value = RetentionMode> {
    prop_oneof![Just(RetentionMode::Governance), Just(RetentionMode::Compliance)]
}

fn hold() -> impl Strategy<Value = LegalHold> {
    prop_oneof![Just(LegalHold::On), Just(LegalHold::Off)]
}

fn bypass() -> impl Strategy<Value = Bypass> {
    prop_oneof![Just(Bypass::None), Just(Bypass::Governance)]
}

fn retention() -> impl Strategy<Value = Option<Retention>> {
    prop::option::of((mode(), 0..60_i64).prop_map(|(mode, until)| Retention { mode, until: at(until) }))
}

fn asked() -> impl Strategy<Value = VersionLock> {
    let lock = (retention(), prop::option::of(hold()));
    let lock = lock.prop_map(|(retention, legal_hold)| VersionLock { retention, legal_hold });
    prop_oneof![2 => Just(VersionLock::default()), 3 => lock]
}

fn act() -> impl Strategy<Value = Act> {
    let key = || 0..2_u8;
    let place = || 0..4_usize;
    prop_oneof![
        4 => (key(), asked()).prop_map(|(key, lock)| Act::Put { key, lock }),
        2 => (key(), key(), asked()).prop_map(|(from, to, lock)| Act::Copy { from, to, lock }),
        2 => (key(), asked()).prop_map(|(key, lock)| Act::Upload { key, lock }),
        2 => key().prop_map(|key| Act::Delete { key }),
        6 => (key(), place(), bypass()).prop_map(|(key, place, bypass)| Act::DeleteVersion { key, place, bypass }),
        4 => (key(), place(), retention(), bypass())
            .prop_map(|(key, place, retention, bypass)| Act::Retain { key, place, retention, bypass }),
        2 => (key(), place(), hold()).prop_map(|(key, place, legal_hold)| Act::Hold { key, place, legal_hold }),
        2 => prop::option::of(mode()).prop_map(|default| Act::Lock { default }),
        2 => prop_oneof![Just(Versioning::Enabled), Just(Versioning::Suspended)].prop_map(Act::Versioning),
        2 => (-10..20_i64).prop_map(|by| Act::Clock { by }),
    ]
}

/// A version with what S3 says of its lock, in plain numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Kept {
    name: VersionName,
    is_marker: bool,
    retained: Option<(RetentionMode, i64)>,
    held: Option<bool>,
}

impl Kept {
    fn may_go(&self, now: i64, bypass: Bypass) -> bool {
        let is_retained = match self.retained {
            None => false,
            Some((_, until)) if until <= now => false,
            Some((RetentionMode::Compliance, _)) => true,
            Some((RetentionMode::Governance, _)) => bypass == Bypass::None,
        };
        self.held != Some(true) && !is_retained
    }

    fn may_be_retained(&self, new: Option<(RetentionMode, i64)>, now: i64, bypass: Bypass) -> bool {
        match (self.retained, new) {
            (None, _) => true,
            (Some((_, until)), _) if until <= now => true,
            (Some((RetentionMode::Governance, _)), _) if bypass == Bypass::Governance => true,
            (Some(_), None) => false,
            (Some((mode, until)), Some((new_mode, new_until))) => mode == new_mode && until <= new_until,
        }
    }
}

struct Model {
    now: i64,
    versioning: Versioning,
    /// The bucket's default retention, once it has Object Lock.
    lock: Option<Option<RetentionMode>>,
    keys: BTreeMap<String, Vec<Kept>>,
}

impl Model {
    fn of(&self, key: &str) -> &[Kept] {
        self.keys.get(key).map_or(&[], Vec::as_slice)
    }

    fn version(&self, key: &str, place: usize) -> Option<Kept> {
        self.of(key).get(place).copied()
    }

    /// A new newest version; `None` a delete marker.
    fn write(&mut self, key: &str, version: VersionId, lock: Option<VersionLock>) {
        let name = VersionName::of(version, self.versioning != Versioning::Enabled);
        let default = self.lock.flatten().map(|mode| (mode, self.now + DAY));
        let asked = lock.and_then(|lock| lock.retention).map(|kept| (kept.mode, kept.until.unix_seconds()));
        let kept = Kept {
            name,
            is_marker: lock.is_none(),
            retained: lock.and(asked.or(default)),
            held: lock.and_then(|lock| lock.legal_hold).map(|hold| hold == LegalHold::On),
        };
        let versions = self.keys.entry(key.to_owned()).or_default();
        versions.retain(|other| name != VersionName::Null || other.name != VersionName::Null);
        versions.insert(0, kept);
    }

    fn change(&mut self, key: &str, place: usize, change: impl FnOnce(&mut Kept)) {
        change(&mut self.keys.get_mut(key).unwrap()[place]);
    }
}

fn name_of(number: u8) -> String {
    format!("key-{number}")
}

fn name_or_none(version: Option<Kept>) -> VersionSelector {
    version.map_or(VersionSelector::Id(VersionId::from_bytes([0xAB; 16])), |version| version.name.into())
}

/// Carries it out on both.
async fn act_on(fixture: &Fixture, model: &mut Model, act: Act) {
    let (bucket, now) = (fixture.bucket, at(model.now));
    match act {
        Act::Put { key, lock } => {
            let mut put = fixture.put_of(&name_of(key), fixture.content(&[5]));
            (put.attributes.created, put.attributes.lock) = (now, lock);
            let version = put.attributes.version;
            let outcome = fixture.propose(Command::PutObject(put)).await;
            assert_written(outcome, model, &name_of(key), version, lock);
        }
        Act::Copy { from, to, lock } => {
            if model.of(&name_of(from)).first().is_none_or(|source| source.is_marker) {
                return;
            }
            let copy = CopyObject { created: now, lock, ..fixture.copy_of(&name_of(from), &name_of(to)) };
            let version = copy.version;
            let outcome = fixture.propose(Command::CopyObject(copy)).await;
            assert_written(outcome, model, &name_of(to), version, lock);
        }
        Act::Upload { key, lock } => upload(fixture, model, &name_of(key), lock).await,
        Act::Delete { key } => {
            let delete = DeleteObject { at: now, ..fixture.delete_of(&name_of(key)) };
            let marker = delete.marker;
            fixture.done(Command::DeleteObject(delete)).await;
            match model.versioning {
                Versioning::Never => drop(model.keys.remove(&name_of(key))),
                Versioning::Enabled | Versioning::Suspended => model.write(&name_of(key), marker, None),
            }
        }
        Act::DeleteVersion { key, place, bypass } => {
            let there = model.version(&name_of(key), place);
            let delete =
                DeleteObject { version: name_or_none(there), at: now, bypass, ..fixture.delete_of(&name_of(key)) };
            let outcome = fixture.propose(Command::DeleteObject(delete)).await;
            if there.is_some_and(|version| !version.may_go(model.now, bypass)) {
                return assert_eq!(outcome, Err(CommandError::ObjectLocked));
            }
            assert!(matches!(outcome, Ok(Outcome::Deleted(_))), "{outcome:?}");
            model.keys.entry(name_of(key)).or_default().retain(|version| Some(*version) != there);
        }
        Act::Retain { key: number, place, retention, bypass } => {
            let there = model.version(&name_of(number), place);
            let key = key(&name_of(number));
            let command = SetObjectRetention { bucket, key, version: name_or_none(there), retention, at: now, bypass };
            let outcome = fixture.propose(Command::SetObjectRetention(command)).await;
            let new = retention.map(|kept| (kept.mode, kept.until.unix_seconds()));
            if assert_can_be_locked(&outcome, model, there) {
                match there.is_some_and(|version| version.may_be_retained(new, model.now, bypass)) {
                    true => model.change(&name_of(number), place, |version| version.retained = new),
                    false => assert_eq!(outcome, Err(CommandError::ObjectLocked)),
                }
            }
        }
        Act::Hold { key: number, place, legal_hold } => {
            let there = model.version(&name_of(number), place);
            let command =
                SetObjectLegalHold { bucket, key: key(&name_of(number)), version: name_or_none(there), legal_hold };
            let outcome = fixture.propose(Command::SetObjectLegalHold(command)).await;
            if assert_can_be_locked(&outcome, model, there) {
                model.change(&name_of(number), place, |version| version.held = Some(legal_hold == LegalHold::On));
            }
        }
        Act::Lock { default } => {
            let default_retention =
                default.map(|mode| DefaultRetention { mode, period: RetentionPeriod::days(1).unwrap() });
            let configuration = ObjectLockConfiguration { default_retention };
            let outcome = fixture.propose(Command::SetBucketObjectLock { bucket, configuration }).await;
            if model.versioning != Versioning::Enabled {
                return assert_eq!(outcome, Err(CommandError::VersionsNotKept));
            }
            assert_eq!(outcome, Ok(Outcome::Done));
            model.lock = Some(default);
        }
        Act::Versioning(versioning) => {
            let outcome = fixture.propose(Command::SetBucketVersioning { bucket, versioning }).await;
            if model.lock.is_some() && versioning == Versioning::Suspended {
                return assert_eq!(outcome, Err(CommandError::VersioningIsLocked));
            }
            assert_eq!(outcome, Ok(Outcome::Done));
            model.versioning = versioning;
        }
        Act::Clock { by } => model.now = (model.now + by).max(1),
    }
}

async fn upload(fixture: &Fixture, model: &mut Model, name: &str, lock: VersionLock) {
    let upload = UploadId::from_bytes(fixture.unique());
    let begun = fixture.propose(Command::CreateUpload(multipart::create(fixture, name, upload, lock))).await;
    if model.lock.is_none() && lock != VersionLock::default() {
        return assert_eq!(begun, Err(CommandError::NoObjectLock));
    }
    assert_eq!(begun, Ok(Outcome::Done));
    fixture.done(Command::PutPart(multipart::part_of(fixture, name, upload, 1, 7))).await;
    let complete = multipart::complete(fixture, name, upload, &[(1, 1)]);
    let complete = CompleteUpload { created: at(model.now), ..complete };
    let version = complete.version;
    fixture.done(Command::CompleteUpload(complete)).await;
    model.write(name, version, Some(lock));
}

fn assert_written(
    outcome: Result<Outcome, CommandError>,
    model: &mut Model,
    name: &str,
    version: VersionId,
    lock: VersionLock,
) {
    if model.lock.is_none() && lock != VersionLock::default() {
        return assert_eq!(outcome, Err(CommandError::NoObjectLock));
    }
    assert!(matches!(outcome, Ok(Outcome::Written(_))), "{outcome:?}");
    model.write(name, version, Some(lock));
}

/// Whether the version is one that a lock can be put on.
fn assert_can_be_locked(outcome: &Result<Outcome, CommandError>, model: &Model, there: Option<Kept>) -> bool {
    let refusal = match there {
        _ if model.lock.is_none() => CommandError::NoObjectLock,
        None => CommandError::NoSuchVersion,
        Some(version) if version.is_marker => CommandError::IsDeleteMarker,
        Some(_) => return true,
    };
    assert_eq!(*outcome, Err(refusal));
    false
}

/// Every version is there with its lock, and no other.
async fn assert_equal(fixture: &Fixture, model: &Model) {
    for number in 0..2 {
        let name = name_of(number);
        let listed: Vec<VersionName> = fixture.versions(&name).await.iter().map(|version| version.name()).collect();
        let expected: Vec<VersionName> = model.of(&name).iter().map(|version| version.name).collect();
        assert_eq!(listed, expected);
        for version in model.of(&name) {
            let found =
                fixture.metadata.lookup(fixture.bucket, &key(&name), version.name.into(), ReadFrom::Nothing).await;
            let lock = found.unwrap().unwrap().object.lock;
            assert_eq!(lock.retention.map(|kept| (kept.mode, kept.until.unix_seconds())), version.retained);
            assert_eq!(lock.legal_hold.map(|hold| hold == LegalHold::On), version.held);
        }
    }
}

async fn run(acts: Vec<Act>) {
    let fixture = Fixture::new().await;
    let (now, versioning) = (10, Versioning::Never);
    let mut model = Model { now, versioning, lock: None, keys: BTreeMap::new() };
    for act in acts {
        act_on(&fixture, &mut model, act).await;
        assert_equal(&fixture, &model).await;
        fixture.assert_counts_are_references().await;
    }
    assert_eq!(super::doctor::examine(&fixture).await.findings, []);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_is_locked_leaves(acts in prop::collection::vec(act(), 1..50)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(acts));
    }

    /// The same in a bucket that has Object Lock from the beginning on, as most have.
    #[test]
    fn nothing_that_is_locked_leaves_a_bucket_made_with_locks(acts in prop::collection::vec(act(), 1..50)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let first = [Act::Versioning(Versioning::Enabled), Act::Lock { default: None }];
        runtime.block_on(run(first.into_iter().chain(acts).collect()));
    }
}

#[tokio::test]
async fn a_bucket_made_with_object_lock_keeps_versions_from_the_beginning_on() {
    let fixture = Fixture::new().await;
    let create = CreateBucket {
        name: "locked".parse().unwrap(),
        region: String::new(),
        owner: "root".into(),
        created: at(1),
        tags: None,
        object_lock: Some(ObjectLockConfiguration::default()),
        acl: Default::default(),
        ownership: None,
        buckets_max: 10_000,
    };
    fixture.done(Command::CreateBucket(create)).await;
    let bucket = fixture.metadata.bucket(&"locked".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(
        (bucket.versioning, bucket.object_lock),
        (Versioning::Enabled, Some(ObjectLockConfiguration::default()))
    );
    let suspend = Command::SetBucketVersioning { bucket: bucket.id, versioning: Versioning::Suspended };
    assert_eq!(fixture.propose(suspend).await, Err(CommandError::VersioningIsLocked));
    let enable = Command::SetBucketVersioning { bucket: bucket.id, versioning: Versioning::Enabled };
    fixture.done(enable).await;
    let nowhere = Command::SetBucketObjectLock { bucket: BucketId(999), configuration: Default::default() };
    assert_eq!(fixture.propose(nowhere).await, Err(CommandError::NoSuchBucket));
}

/// No command leads here: the row was changed by hand. What is locked stays all the same.
#[tokio::test]
async fn a_locked_null_version_is_not_written_over() {
    let fixture = Fixture::new().await;
    fixture.put("a", &[1]).await;
    fixture.prepare("UPDATE versions SET legal_hold = 1").await;
    let put = || Command::PutObject(fixture.put_of("a", fixture.content(&[2])));
    assert_eq!(fixture.propose(put()).await, Err(CommandError::ObjectLocked));
    assert_eq!(fixture.propose(Command::CopyObject(fixture.copy_of("a", "a"))).await, Err(CommandError::ObjectLocked));
    assert_eq!(fixture.propose(Command::DeleteObject(fixture.delete_of("a"))).await, Err(CommandError::ObjectLocked));
    fixture.set_versioning(Versioning::Suspended).await;
    assert_eq!(fixture.propose(put()).await, Err(CommandError::ObjectLocked));
    assert_eq!(fixture.propose(Command::DeleteObject(fixture.delete_of("a"))).await, Err(CommandError::ObjectLocked));
    assert_eq!(fixture.look("a").await.unwrap().object.size, 1);
    fixture.prepare("UPDATE versions SET legal_hold = 0").await;
    fixture.done(put()).await;
    assert_eq!(fixture.versions("a").await.len(), 1);
}

/// Rows that are read for a whole batch say the same of locks as rows that are read one by one.
#[tokio::test]
async fn commands_of_one_batch_meet_locks_as_others_do() {
    let fixture = Fixture::new().await;
    fixture.set_versioning(Versioning::Enabled).await;
    let default = DefaultRetention { mode: RetentionMode::Compliance, period: RetentionPeriod::days(1).unwrap() };
    let configuration = ObjectLockConfiguration { default_retention: Some(default) };
    fixture.done(Command::SetBucketObjectLock { bucket: fixture.bucket, configuration }).await;
    let names: Vec<String> = (0..20).map(|number| format!("key-{number:02}")).collect();
    futures_util::future::join_all(names.iter().map(|name| fixture.put(name, &[1]))).await;
    for name in &names {
        assert_eq!(fixture.look(name).await.unwrap().object.lock.retention, Some(default.from(at(10))), "{name}");
    }
    // Rows that only somebody's hand can make: null versions that are locked where writes replace them.
    let fixture = Fixture::new().await;
    futures_util::future::join_all(names.iter().map(|name| fixture.put(name, &[1]))).await;
    fixture.prepare("UPDATE versions SET retention_mode = 2, retain_until = 30000").await;
    let puts =
        names.iter().map(|name| fixture.propose(Command::PutObject(fixture.put_of(name, fixture.content(&[2])))));
    let deletes = names.iter().map(|name| fixture.propose(Command::DeleteObject(fixture.delete_of(name))));
    let (puts, deletes) =
        futures_util::future::join(futures_util::future::join_all(puts), futures_util::future::join_all(deletes)).await;
    assert!(
        puts.iter().chain(&deletes).all(|outcome| *outcome == Err(CommandError::ObjectLocked)),
        "{puts:?} {deletes:?}"
    );
    fixture.assert_counts_are_references().await;
}

/// Commands that an older release recorded say nothing of locks.
#[tokio::test]
async fn commands_of_releases_without_locks_are_read() {
    let fixture = Fixture::new().await;
    let put = fixture.put_of("a", fixture.content(&[1]));
    for command in [
        Command::PutObject(put),
        Command::DeleteObject(fixture.delete_of("a")),
        Command::CopyObject(fixture.copy_of("a", "b")),
        Command::CreateUpload(multipart::create(&fixture, "a", UploadId::from_bytes([1; 16]), VersionLock::default())),
    ] {
        let mut json = serde_json::to_value(&command).unwrap();
        forget(&mut json, &["lock", "bypass", "object_lock"]);
        assert_eq!(serde_json::from_value::<Command>(json).unwrap(), command);
    }
}

fn forget(json: &mut serde_json::Value, names: &[&str]) {
    let Some(fields) = json.as_object_mut() else { return };
    names.iter().for_each(|name| drop(fields.remove(*name)));
    fields.values_mut().for_each(|value| forget(value, names));
}
