//! The list of keys that lifecycle rules are to be asked about, and what is done of what they say.

use super::{fixture::*, multipart};
use crate::{
    metadata::{Command, CommandError, Outcome, command::*, outcome::ExpiredKey, rows::DueKey},
    types::*,
};

/// Something may be due so many seconds after a write.
const SOONEST: i64 = 100;

pub fn some_rules() -> LifecycleConfiguration {
    serde_json::from_str(
        r#"{"rules":[{"id":"r","status":"Enabled","filter":{"form":"Filter"},"expiration":{"Days":1}}]}"#,
    )
    .unwrap()
}

pub fn set_rules(bucket: BucketId) -> Command {
    let soonest_millis = Some(SOONEST.unsigned_abs() * 1000);
    Command::SetBucketLifecycle(SetBucketLifecycle { bucket, lifecycle: Some(some_rules()), soonest_millis })
}

pub fn take_rules_back(bucket: BucketId) -> Command {
    Command::SetBucketLifecycle(SetBucketLifecycle { bucket, lifecycle: None, soonest_millis: None })
}

async fn watched() -> Fixture {
    let fixture = Fixture::new().await;
    fixture.done(set_rules(fixture.bucket)).await;
    fixture
}

async fn due(fixture: &Fixture, name: &str) -> Option<DueKey> {
    fixture.metadata.due_key(fixture.bucket, &key(name)).await.unwrap()
}

/// A command as a look at the key now would make it, without actions.
pub async fn look(fixture: &Fixture, bucket: BucketId, name: &str) -> Option<ExpireKey> {
    let due = fixture.metadata.due_key(bucket, &key(name)).await.unwrap()?;
    let rules = fixture.metadata.watched_bucket(bucket).await.unwrap()?.rules_set_at;
    Some(ExpireKey {
        bucket,
        key: key(name),
        rules,
        seen: due.changed_at,
        actions: Vec::new(),
        next: None,
        retry: at(900),
        owner: "root".into(),
        at: at(500),
    })
}

/// The same with the deletion of one version, counted from the newest; of the newest as of the current one.
pub async fn look_to_delete(fixture: &Fixture, name: &str, place: usize) -> Option<ExpireKey> {
    let mut command = look(fixture, fixture.bucket, name).await?;
    let versions = fixture.metadata.key_versions_to_judge(fixture.bucket, &key(name), None, 100).await.unwrap();
    let version = versions.get(place)?;
    command.actions.push(match place {
        0 if !version.is_delete_marker => {
            ExpireAction::Current { sequence: version.sequence, marker: VersionId::from_bytes(fixture.unique()) }
        }
        _ => ExpireAction::Version { sequence: version.sequence, name: version.name },
    });
    Some(command)
}

async fn expire(fixture: &Fixture, command: ExpireKey) -> Result<ExpiredKey, CommandError> {
    match fixture.propose(Command::ExpireKey(command)).await? {
        Outcome::Expired(expired) => Ok(expired),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_bucket_without_enabled_rules_has_no_keys_on_the_list() {
    let fixture = Fixture::new().await;
    fixture.put("a", &[5]).await;
    fixture.delete("a").await;
    multipart::begin(&fixture, "b").await;
    let disabled = SetBucketLifecycle { bucket: fixture.bucket, lifecycle: Some(some_rules()), soonest_millis: None };
    fixture.done(Command::SetBucketLifecycle(disabled)).await;
    fixture.put("a", &[5]).await;
    assert_eq!(fixture.count("SELECT count(*) FROM lifecycle_due").await, 0);
    assert_eq!(fixture.metadata.watched_bucket(fixture.bucket).await.unwrap(), None);
}

#[tokio::test]
async fn each_change_of_a_key_is_noted_with_its_commit_and_the_first_time_stands() {
    let fixture = watched().await;
    fixture.set_versioning(Versioning::Enabled).await;
    let noted = async |name: &str, at: Option<Timestamp>| {
        let due = due(&fixture, name).await.unwrap();
        assert_eq!(due.changed_at, fixture.metadata.committed());
        match at {
            Some(at) => assert_eq!(due.at, at),
            None => assert!(due.at < Timestamp::from_unix_millis(0), "at once, not {:?}", due.at),
        }
    };
    fixture.put("a", &[5]).await;
    noted("a", Some(at(10 + SOONEST))).await;
    let mut later = fixture.put_of("a", fixture.content(&[6]));
    later.attributes.created = at(60);
    fixture.done(Command::PutObject(later)).await;
    noted("a", Some(at(10 + SOONEST))).await;
    fixture.done(Command::CopyObject(fixture.copy_of("a", "copy"))).await;
    noted("copy", Some(at(30 + SOONEST))).await;
    let tags = TagSet::new([("k".to_owned(), "v".to_owned())], TagLimit::Object).unwrap();
    let version = VersionSelector::Latest;
    fixture.done(Command::SetObjectTags { bucket: fixture.bucket, key: key("copy"), version, tags }).await;
    noted("copy", None).await;
    fixture.delete("a").await;
    noted("a", None).await;
    let upload = multipart::begin(&fixture, "big").await;
    assert_eq!(due(&fixture, "big").await.unwrap().changed_at, fixture.metadata.committed());
    fixture.done(Command::AbortUpload { bucket: fixture.bucket, key: key("big"), upload }).await;
    for version in fixture.versions("a").await {
        let delete = DeleteObject { version: version.name().into(), ..fixture.delete_of("a") };
        fixture.done(Command::DeleteObject(delete)).await;
    }
    assert_eq!(due(&fixture, "a").await, None, "nothing of it is left");
}

#[tokio::test]
async fn whatever_changes_after_the_look_wins() {
    let fixture = watched().await;
    fixture.set_versioning(Versioning::Enabled).await;
    fixture.put("a", &[5]).await;
    let tags = || Command::SetObjectTags {
        bucket: fixture.bucket,
        key: key("a"),
        version: VersionSelector::Latest,
        tags: TagSet::default(),
    };
    let oldest = fixture.versions("a").await.pop().unwrap();
    let remove = DeleteObject { version: oldest.name().into(), ..fixture.delete_of("a") };
    for change in [
        Command::PutObject(fixture.put_of("a", fixture.content(&[7]))),
        tags(),
        Command::DeleteObject(fixture.delete_of("a")),
        Command::DeleteObject(remove),
        Command::PutObject(fixture.put_of("a", fixture.content(&[8]))),
        set_rules(fixture.bucket),
    ] {
        let looked = look_to_delete(&fixture, "a", 0).await.unwrap();
        fixture.done(change.clone()).await;
        let before = fixture.versions("a").await;
        assert_eq!(expire(&fixture, looked).await, Err(CommandError::LifecycleOvertaken), "{change:?}");
        assert_eq!(fixture.versions("a").await, before);
    }
    let looked = look_to_delete(&fixture, "a", 0).await.unwrap();
    multipart::begin(&fixture, "a").await;
    assert_eq!(expire(&fixture, looked).await, Err(CommandError::LifecycleOvertaken));
    let looked = look_to_delete(&fixture, "a", 0).await.unwrap();
    fixture.done(take_rules_back(fixture.bucket)).await;
    assert_eq!(expire(&fixture, looked).await, Err(CommandError::LifecycleOvertaken));
}

#[tokio::test]
async fn a_current_version_goes_as_by_a_delete_and_others_for_good() {
    let fixture = watched().await;
    fixture.put("a", &[5]).await;
    let gone = expire(&fixture, look_to_delete(&fixture, "a", 0).await.unwrap()).await.unwrap();
    assert_eq!(gone, ExpiredKey { versions: 1, ..ExpiredKey::default() });
    assert!(fixture.versions("a").await.is_empty() && due(&fixture, "a").await.is_none());

    fixture.set_versioning(Versioning::Enabled).await;
    fixture.put("a", &[5]).await;
    let gone = expire(&fixture, look_to_delete(&fixture, "a", 0).await.unwrap()).await.unwrap();
    assert_eq!(gone, ExpiredKey { behind_markers: 1, ..ExpiredKey::default() });
    let shown: Vec<(bool, bool)> =
        fixture.versions("a").await.iter().map(|version| (version.is_latest, version.is_delete_marker)).collect();
    assert_eq!(shown, [(true, true), (false, false)]);
    assert_eq!(due(&fixture, "a").await.unwrap().at, at(500), "what is left is looked at at once");
    let gone = expire(&fixture, look_to_delete(&fixture, "a", 1).await.unwrap()).await.unwrap();
    assert_eq!(gone, ExpiredKey { versions: 1, ..ExpiredKey::default() });
    let gone = expire(&fixture, look_to_delete(&fixture, "a", 0).await.unwrap()).await.unwrap();
    assert_eq!((gone.versions, fixture.versions("a").await.len()), (1, 0), "the marker too");
    fixture.assert_counts_are_references().await;
}

#[tokio::test]
async fn without_actions_the_key_is_looked_at_when_it_says_or_never() {
    let fixture = watched().await;
    fixture.put("a", &[5]).await;
    let next = Some(at(700));
    let looked = ExpireKey { next, ..look(&fixture, fixture.bucket, "a").await.unwrap() };
    assert_eq!(expire(&fixture, looked).await, Ok(ExpiredKey::default()));
    assert_eq!(due(&fixture, "a").await.unwrap().at, at(700));
    expire(&fixture, look(&fixture, fixture.bucket, "a").await.unwrap()).await.unwrap();
    assert_eq!(due(&fixture, "a").await, None);
    assert_eq!(fixture.versions("a").await.len(), 1);
}

#[tokio::test]
async fn what_may_not_go_is_kept_and_looked_at_again_later_and_holds_nothing_up() {
    let fixture = watched().await;
    fixture.put("a", &[5]).await;
    let upload = multipart::begin(&fixture, "a").await;
    // A refusal of any kind: this upload is not there.
    let absent = ExpireAction::AbortUpload { upload: UploadId::from_bytes([0xEE; 16]) };
    let next = Some(at(950));
    let looked =
        ExpireKey { actions: vec![absent.clone()], next, ..look(&fixture, fixture.bucket, "a").await.unwrap() };
    assert_eq!(expire(&fixture, looked).await, Ok(ExpiredKey { kept: 1, ..ExpiredKey::default() }));
    assert_eq!(due(&fixture, "a").await.unwrap().at, at(900), "the retry, which comes before the next");
    let actions = vec![absent, ExpireAction::AbortUpload { upload }];
    let looked = ExpireKey { actions, ..look(&fixture, fixture.bucket, "a").await.unwrap() };
    assert_eq!(expire(&fixture, looked).await, Ok(ExpiredKey { kept: 1, uploads: 1, ..ExpiredKey::default() }));
}

#[tokio::test]
async fn what_gets_another_key_is_looked_at_under_it_and_nothing_is_done_to_it_under_the_old_one() {
    let fixture = watched().await;
    let bucket = fixture.bucket;
    for name in ["a/1", "a/2"] {
        fixture.put(name, &[5]).await;
    }
    let looked = look_to_delete(&fixture, "a/1", 0).await.unwrap();
    let (source, destination) = (key("a/"), key("b/"));
    fixture.done(Command::RenamePrefix(RenamePrefix { bucket, source, destination })).await;
    for name in ["b/1", "b/2"] {
        let due = due(&fixture, name).await.unwrap();
        assert_eq!(due.changed_at, fixture.metadata.committed());
        assert!(due.at < Timestamp::from_unix_millis(0), "at once, not {:?}", due.at);
    }
    let gone = expire(&fixture, looked).await.unwrap();
    assert_eq!((gone.gone(), gone.kept, fixture.versions("b/1").await.len()), (0, 1, 1));
    expire(&fixture, look(&fixture, bucket, "a/2").await.unwrap()).await.unwrap();
    assert_eq!(due(&fixture, "a/2").await, None);
}

#[tokio::test]
async fn what_is_locked_stays_and_everything_else_goes() {
    let fixture = watched().await;
    fixture.set_versioning(Versioning::Enabled).await;
    let (bucket, configuration) = (fixture.bucket, ObjectLockConfiguration::default());
    fixture.done(Command::SetBucketObjectLock { bucket, configuration }).await;
    for _ in 0..3 {
        fixture.put("a", &[5]).await;
    }
    let before = fixture.metadata.key_versions_to_judge(bucket, &key("a"), None, 10).await.unwrap();
    let hold = |legal_hold| {
        let version = before[1].name.into();
        Command::SetObjectLegalHold(SetObjectLegalHold { bucket, key: key("a"), version, legal_hold })
    };
    fixture.done(hold(LegalHold::On)).await;
    let all = async || {
        let actions = before[1..].iter();
        let actions =
            actions.map(|version| ExpireAction::Version { sequence: version.sequence, name: version.name }).collect();
        ExpireKey { actions, ..look(&fixture, bucket, "a").await.unwrap() }
    };
    let gone = expire(&fixture, all().await).await.unwrap();
    assert_eq!(gone, ExpiredKey { versions: 1, kept: 1, ..ExpiredKey::default() });
    let gone = expire(&fixture, all().await).await.unwrap();
    assert_eq!((gone.kept, fixture.versions("a").await.len()), (2, 2), "one is locked, one is gone");
    assert_eq!(due(&fixture, "a").await.unwrap().at, at(900), "not now");
    // In front of what is locked there is room for a marker.
    let gone = expire(&fixture, look_to_delete(&fixture, "a", 0).await.unwrap()).await.unwrap();
    assert_eq!(gone.behind_markers, 1);
    fixture.done(hold(LegalHold::Off)).await;
    let gone = expire(&fixture, all().await).await.unwrap();
    assert_eq!((gone.versions, fixture.versions("a").await.len()), (1, 2));
}

#[tokio::test]
async fn a_walk_puts_keys_on_the_list_and_ends_only_under_the_rules_that_began_it() {
    let fixture = Fixture::new().await;
    for name in ["a", "b"] {
        fixture.put(name, &[5]).await;
    }
    fixture.done(set_rules(fixture.bucket)).await;
    let walk = fixture.metadata.lifecycle_walk().await.unwrap().unwrap();
    let start = WalkPlace { stage: WalkStage::Versions, prefix: 0, after: None };
    assert_eq!((walk.bucket, walk.place), (fixture.bucket, start));
    let rules = fixture.metadata.watched_bucket(fixture.bucket).await.unwrap().unwrap().rules_set_at;
    let behind = WalkPlace { stage: WalkStage::Uploads, prefix: 2, after: Some(key("a")) };
    let schedule = |walked| ScheduleKeys {
        bucket: fixture.bucket,
        rules,
        keys: vec![(key("a"), at(40)), (key("b"), at(50))],
        walked,
    };
    fixture.done(Command::ScheduleKeys(schedule(Some(behind.clone())))).await;
    assert_eq!(fixture.metadata.lifecycle_walk().await.unwrap().unwrap().place, behind);
    let listed = fixture.metadata.due_keys(at(45), 10).await.unwrap();
    assert_eq!(listed.iter().map(|due| (due.key.as_str(), due.at)).collect::<Vec<_>>(), [("a", at(40))]);
    assert_eq!(fixture.metadata.count_due_keys(at(60), 10).await.unwrap(), 2);

    fixture.done(set_rules(fixture.bucket)).await;
    let overtaken = fixture.propose(Command::ScheduleKeys(schedule(None))).await;
    assert_eq!(overtaken, Err(CommandError::LifecycleOvertaken));
    let rules = fixture.metadata.watched_bucket(fixture.bucket).await.unwrap().unwrap().rules_set_at;
    fixture.done(Command::ScheduleKeys(ScheduleKeys { rules, ..schedule(None) })).await;
    assert_eq!(fixture.metadata.lifecycle_walk().await.unwrap(), None);
}

#[tokio::test]
async fn keys_are_forgotten_in_steps_with_the_rules_or_the_bucket() {
    let fixture = watched().await;
    let names = ["a", "b", "c"];
    for name in names {
        fixture.put(name, &[5]).await;
    }
    let bucket = fixture.bucket;
    let forget = || Command::ForgetDueKeys(ForgetDueKeys { bucket, limit: 2 });
    assert_eq!(fixture.propose(forget()).await, Err(CommandError::LifecycleOvertaken), "there are rules");
    fixture.done(take_rules_back(bucket)).await;
    for rows in [2, 1] {
        assert!(fixture.metadata.lifecycle_walk().await.unwrap().is_some());
        assert_eq!(fixture.done(forget()).await, Outcome::Progress { rows });
    }
    assert_eq!(fixture.metadata.lifecycle_walk().await.unwrap(), None);

    fixture.done(set_rules(bucket)).await;
    multipart::begin(&fixture, "upload").await;
    for name in names {
        fixture.delete(name).await;
    }
    fixture.done(Command::DeleteBucket { bucket }).await;
    assert_eq!(fixture.done(forget()).await, Outcome::Progress { rows: 1 });
    assert_eq!(fixture.metadata.lifecycle_walk().await.unwrap(), None);
    assert_eq!(super::doctor::examine(&fixture).await.findings, []);
}

/// A million objects cost what ten that are due cost, whatever else there is.
#[tokio::test]
async fn looking_for_what_is_due_reads_what_is_due() {
    let fixture = watched().await;
    fixture
        .prepare(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)
            INSERT INTO lifecycle_due (bucket, key, at, sequence)
            SELECT 77, CAST(printf('%08d', i) AS BLOB), 1000000 + i, 1 FROM n",
        )
        .await;
    for name in ["a", "b", "c"] {
        fixture.put(name, &[5]).await;
    }
    let steps = fixture
        .engine_steps(async || {
            let due = fixture.metadata.due_keys(at(10 + SOONEST), 100).await.unwrap();
            assert_eq!(due.len(), 3);
        })
        .await;
    assert!(steps < 200, "{steps} steps of the engine");
}
