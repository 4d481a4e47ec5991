//! Lifecycle rules over time: the step against the rules themselves, with a clock that tests move.

use super::fixture::{TestBody, bucket, key, put_input};
use crate::{
    identity::Permit,
    metadata::rows::JudgedVersion,
    objects::{
        CreateUploadInput, DeleteEntry, ExpireObjects, ListUploadsInput, Objects, ObjectsSettings, PutInput,
        VersionSelector, WritePrecondition,
    },
    runtime::{Clock, ManualClock, SeededRandom, Step},
    types::*,
};
use proptest::prelude::*;
use std::{sync::Arc, time::Duration};

/// Of the rules here.
const DAY: Duration = Duration::from_secs(10);

/// The object layer has a clock of its own: for the cluster no time passes, and its nodes need not be heard of.
struct Fixture {
    layer: super::fixture::Fixture,
    objects: Objects,
    clock: Arc<ManualClock>,
}

async fn start() -> Fixture {
    let layer = super::fixture::Fixture::start().await;
    let clock = Arc::new(ManualClock::new(layer.test.clock.now()));
    let (metadata, cluster) = (layer.test.metadata.clone(), layer.test.cluster.clone());
    let settings = ObjectsSettings { lifecycle_day: HumanDuration(DAY), ..ObjectsSettings::default() };
    let random = Arc::new(SeededRandom::new(3));
    let objects = Objects::new(metadata, cluster, &settings, clock.clone(), random).unwrap();
    Fixture { layer, objects, clock }
}

impl Fixture {
    async fn put(&self, name: &str, bytes: &[u8]) {
        self.objects.put(put_input(name), TestBody::of(bytes)).await.unwrap();
    }
}

/// Until there is nothing to do now; how many steps there were.
async fn settle(step: &mut ExpireObjects) -> u32 {
    for steps in 0..10_000 {
        if step.step().await.unwrap() == Step::Idle {
            return steps;
        }
    }
    panic!("the steps have no end");
}

fn rules(json: &str) -> Option<LifecycleConfiguration> {
    Some(serde_json::from_str(&format!(r#"{{"rules":[{json}]}}"#)).unwrap())
}

async fn set(fixture: &Fixture, json: &str) {
    fixture.objects.set_bucket_lifecycle(&bucket(), rules(json)).await.unwrap();
}

async fn bucket_id(fixture: &Fixture) -> BucketId {
    fixture.objects.head_bucket(&bucket()).await.unwrap().id
}

async fn versions(fixture: &Fixture, name: &str) -> Vec<JudgedVersion> {
    let id = bucket_id(fixture).await;
    fixture.layer.test.metadata.key_versions_to_judge(id, &key(name), None, 1000).await.unwrap()
}

async fn delete(fixture: &Fixture, name: &str, version: VersionSelector) {
    let entry = DeleteEntry { key: key(name), version, precondition: WritePrecondition::None, bypass: Bypass::None };
    fixture.objects.delete(&bucket(), entry, "root", Permit::full()).await.unwrap();
}

const EXPIRE_A: &str =
    r#"{"id":"a","status":"Enabled","filter":{"form":"Filter","prefix":"a"},"expiration":{"Days":2}}"#;

#[tokio::test]
async fn objects_go_at_their_time_those_that_were_there_before_the_rules_too() {
    let fixture = start().await;
    let mut step = ExpireObjects::new(fixture.objects.clone());
    for name in ["a1", "b1"] {
        fixture.put(name, b"x").await;
    }
    set(&fixture, EXPIRE_A).await;
    settle(&mut step).await;
    fixture.clock.advance(DAY);
    fixture.put("a2", b"x").await;
    settle(&mut step).await;
    let left = async || {
        let mut left = Vec::new();
        for name in ["a1", "a2", "b1"] {
            left.extend((!versions(&fixture, name).await.is_empty()).then_some(name));
        }
        left
    };
    assert_eq!(left().await, ["a1", "a2", "b1"]);
    fixture.clock.advance(DAY);
    settle(&mut step).await;
    assert_eq!(left().await, ["a2", "b1"]);
    fixture.clock.advance(DAY);
    settle(&mut step).await;
    assert_eq!((left().await, step.progress().done().items), (vec!["b1"], 2));
    assert_eq!(fixture.objects.count_due_keys().await.unwrap(), 0);
}

#[tokio::test]
async fn the_walk_looks_only_where_rules_are_and_goes_on_in_a_new_step_where_another_left_off() {
    let fixture = start().await;
    // Each step is of a task that has just begun: as after a restart.
    let one_step = async || ExpireObjects::new(fixture.objects.clone()).step().await.unwrap();
    for name in ["a1", "b1", "c1"] {
        fixture.put(name, b"x").await;
    }
    let both = format!("{EXPIRE_A},{}", EXPIRE_A.replace("\"a\"", "\"c\""));
    set(&fixture, &both).await;
    fixture.clock.advance(2 * DAY);
    let mut steps = 0;
    while one_step().await != Step::Idle {
        steps += 1;
    }
    assert!((3..12).contains(&steps), "{steps} steps");
    assert!(versions(&fixture, "a1").await.is_empty() && versions(&fixture, "c1").await.is_empty());
    assert_eq!(versions(&fixture, "b1").await.len(), 1);
}

#[tokio::test]
async fn rules_that_are_taken_back_let_nothing_go() {
    let fixture = start().await;
    let mut step = ExpireObjects::new(fixture.objects.clone());
    fixture.put("a", b"x").await;
    set(&fixture, EXPIRE_A).await;
    settle(&mut step).await;
    fixture.objects.set_bucket_lifecycle(&bucket(), None).await.unwrap();
    fixture.clock.advance(5 * DAY);
    settle(&mut step).await;
    assert_eq!(versions(&fixture, "a").await.len(), 1);
    assert_eq!(fixture.objects.count_due_keys().await.unwrap(), 0, "the list is empty again");
}

#[tokio::test]
async fn an_object_that_was_written_anew_begins_its_days_anew() {
    let fixture = start().await;
    let mut step = ExpireObjects::new(fixture.objects.clone());
    set(&fixture, EXPIRE_A).await;
    fixture.put("a", b"x").await;
    fixture.clock.advance(DAY);
    fixture.put("a", b"y").await;
    fixture.clock.advance(DAY);
    settle(&mut step).await;
    assert_eq!(versions(&fixture, "a").await.len(), 1);
    fixture.clock.advance(DAY);
    settle(&mut step).await;
    assert!(versions(&fixture, "a").await.is_empty());
}

#[tokio::test]
async fn uploads_are_aborted_and_others_stay() {
    let fixture = start().await;
    let mut step = ExpireObjects::new(fixture.objects.clone());
    let begin = async |name: &str| {
        let input = CreateUploadInput {
            bucket: bucket(),
            key: key(name),
            owner: "root".into(),
            headers: ObjectHeaders::default(),
            tags: TagSet::default(),
            checksum_algorithm: None,
            checksum_kind: None,
            lock: VersionLock::default(),
            acl: None,
        };
        fixture.objects.create_upload(input).await.unwrap()
    };
    begin("a1").await;
    set(&fixture, r#"{"id":"u","status":"Enabled","filter":{"form":"Filter","prefix":"a"},"abort_after_days":2}"#)
        .await;
    for name in ["a2", "b"] {
        begin(name).await;
    }
    fixture.clock.advance(2 * DAY);
    settle(&mut step).await;
    let input = ListUploadsInput {
        bucket: bucket(),
        prefix: String::new(),
        delimiter: String::new(),
        key_marker: String::new(),
        upload_marker: None,
        limit: 10,
    };
    assert_eq!(fixture.objects.list_uploads(input).await.unwrap().entries.len(), 1);
}

#[tokio::test]
async fn a_key_with_more_versions_than_a_command_takes_goes_step_by_step() {
    let fixture = start().await;
    let mut step = ExpireObjects::new(fixture.objects.clone());
    fixture.objects.set_versioning(&bucket(), Versioning::Enabled).await.unwrap();
    for _ in 0..300 {
        fixture.put("a", b"").await;
    }
    let kept = r#"{"id":"n","status":"Enabled","filter":{"form":"Filter"},"noncurrent":{"days":1,"newer_versions":7}}"#;
    set(&fixture, kept).await;
    fixture.clock.advance(DAY);
    settle(&mut step).await;
    assert_eq!(versions(&fixture, "a").await.len(), 8);
}

/// What a history is made of.
#[derive(Clone, Debug)]
enum Act {
    Put { key: u8, is_tagged: bool },
    Delete { key: u8 },
    DeleteVersion { key: u8, place: usize },
    Tag { key: u8, is_tagged: bool },
    Versioning(Versioning),
    Rules(usize),
    Pass { half_days: u32 },
}

fn act() -> impl Strategy<Value = Act> {
    let key = || 0..3_u8;
    prop_oneof![
        5 => (key(), any::<bool>()).prop_map(|(key, is_tagged)| Act::Put { key, is_tagged }),
        2 => key().prop_map(|key| Act::Delete { key }),
        2 => (key(), 0..4_usize).prop_map(|(key, place)| Act::DeleteVersion { key, place }),
        1 => (key(), any::<bool>()).prop_map(|(key, is_tagged)| Act::Tag { key, is_tagged }),
        1 => prop_oneof![Just(Versioning::Enabled), Just(Versioning::Suspended)].prop_map(Act::Versioning),
        1 => (0..RULES.len()).prop_map(Act::Rules),
        4 => (1..5_u32).prop_map(|half_days| Act::Pass { half_days }),
    ]
}

const RULES: [&str; 6] = [
    r#"{"id":"1","status":"Enabled","filter":{"form":"Filter"},"expiration":{"Days":2}}"#,
    r#"{"id":"1","status":"Enabled","filter":{"form":"Filter"},"expiration":"DeleteMarkers","noncurrent":{"days":1}}"#,
    r#"{"id":"1","status":"Enabled","filter":{"form":"Filter","tags":{"t":"1"}},"expiration":{"Days":1}}"#,
    r#"{"id":"1","status":"Enabled","filter":{"form":"Filter","prefix":"key-1"},"noncurrent":{"days":1,"newer_versions":1}}"#,
    r#"{"id":"1","status":"Enabled","filter":{"form":"Filter"},"expiration":{"Days":3}},
       {"id":"2","status":"Enabled","filter":{"form":"Filter","prefix":"key"},"noncurrent":{"days":2,"newer_versions":2}},
       {"id":"3","status":"Disabled","filter":{"form":"Filter"},"expiration":{"Days":1}}"#,
    r#"{"id":"1","status":"Disabled","filter":{"form":"Filter"},"expiration":{"Days":1}}"#,
];

fn name_of(number: u8) -> String {
    format!("key-{number}")
}

fn tags(is_tagged: bool) -> TagSet {
    TagSet::new(is_tagged.then(|| ("t".to_owned(), "1".to_owned())), TagLimit::Object).unwrap()
}

async fn act_on(fixture: &Fixture, act: Act) {
    match act {
        Act::Put { key, is_tagged } => {
            let input = PutInput { tags: tags(is_tagged), ..put_input(&name_of(key)) };
            fixture.objects.put(input, TestBody::of(b"")).await.unwrap();
        }
        Act::Delete { key } => delete(fixture, &name_of(key), VersionSelector::Latest).await,
        Act::DeleteVersion { key, place } => {
            if let Some(version) = versions(fixture, &name_of(key)).await.get(place) {
                delete(fixture, &name_of(key), version.name.into()).await;
            }
        }
        Act::Tag { key: number, is_tagged } => {
            let name = key(&name_of(number));
            // Of what is not there, or a delete marker, it is refused.
            let (newest, tags) = (VersionSelector::Latest, tags(is_tagged));
            let _ = fixture.objects.set_object_tags(&bucket(), &name, newest, tags, Permit::full()).await;
        }
        Act::Versioning(versioning) => fixture.objects.set_versioning(&bucket(), versioning).await.unwrap(),
        Act::Rules(number) => set(fixture, RULES[number]).await,
        // And the day for which what a write makes due may wait.
        Act::Pass { half_days } => fixture.clock.advance(half_days * DAY / 2 + DAY),
    }
}

/// A version in the model: its commit, or none of a delete marker that the rules made.
#[derive(Clone, Debug)]
struct Kept {
    version: JudgedVersion,
    is_made_by_rules: bool,
}

/// What the rules leave of the versions of a key: asked again and again, until they want nothing more.
fn left(
    rules: &LifecycleConfiguration,
    name: &ObjectKey,
    versioning: Versioning,
    mut versions: Vec<Kept>,
    now: Timestamp,
) -> Vec<Kept> {
    use crate::objects::lifecycle::{DayLength, Judge, What};
    loop {
        let mut judge = Judge::new(rules, name, DayLength::new(DAY), now);
        versions.iter().for_each(|kept| judge.version(kept.version.clone()));
        let verdicts = judge.finish().verdicts;
        if verdicts.is_empty() {
            return versions;
        }
        for verdict in verdicts {
            match verdict.what {
                What::Current(current) if versioning.shows_versions() => {
                    let is_null = versioning == Versioning::Suspended;
                    if is_null {
                        versions.retain(|kept| kept.version.name != VersionName::Null);
                    }
                    let name = VersionName::of(VersionId::from_bytes([0xAA; 16]), is_null);
                    let marker = JudgedVersion { name, is_delete_marker: true, size: 0, created: now, ..current };
                    versions.insert(0, Kept { version: marker, is_made_by_rules: true });
                }
                What::Current(gone) | What::Noncurrent(gone) | What::LoneMarker(gone) => {
                    versions.retain(|kept| kept.is_made_by_rules || kept.version.sequence != gone.sequence);
                }
                What::Upload(_) => panic!("there are no uploads"),
            }
        }
    }
}

/// What is left is just what the rules leave, whatever happened before, and a dry run finds nothing more.
async fn run(acts: Vec<Act>) {
    let fixture = start().await;
    let mut step = ExpireObjects::new(fixture.objects.clone());
    for act in acts {
        let passes = matches!(act, Act::Pass { .. });
        act_on(&fixture, act).await;
        if !passes {
            continue;
        }
        let id = bucket_id(&fixture).await;
        let mut expected = Vec::new();
        let watched = fixture.layer.test.metadata.watched_bucket(id).await.unwrap();
        for number in 0..3 {
            let name = key(&name_of(number));
            let before = versions(&fixture, name.as_str()).await.into_iter();
            let before = before.map(|version| Kept { version, is_made_by_rules: false }).collect();
            expected.push(match &watched {
                Some(watched) => left(&watched.rules, &name, watched.versioning, before, fixture.clock.now()),
                None => before,
            });
        }
        settle(&mut step).await;
        for (number, expected) in expected.into_iter().enumerate() {
            let found = versions(&fixture, &name_of(number as u8)).await;
            assert_eq!(found.len(), expected.len(), "{found:?} is not {expected:?}");
            for (found, expected) in found.iter().zip(&expected) {
                match expected.is_made_by_rules {
                    true => assert!(found.is_delete_marker && found.created == expected.version.created),
                    false => assert_eq!(found.sequence, expected.version.sequence),
                }
            }
        }
        let preview = fixture.objects.preview_lifecycle(&bucket(), 10).await.unwrap();
        assert!(preview.counts.is_empty(), "{preview:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn what_is_left_is_just_what_the_rules_leave(acts in prop::collection::vec(act(), 1..40)) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(run(acts));
    }
}

#[tokio::test]
async fn a_preview_tells_rule_kind_and_name_and_changes_nothing() {
    let fixture = start().await;
    fixture.objects.set_versioning(&bucket(), Versioning::Enabled).await.unwrap();
    for body in ["12345", "123"] {
        fixture.put("a", body.as_bytes()).await;
    }
    fixture.put("b", b"").await;
    let both = r#"{"id":"cur","status":"Enabled","filter":{"form":"Filter","prefix":"a"},"expiration":{"Days":2}},
        {"id":"old","status":"Enabled","filter":{"form":"Filter"},"noncurrent":{"days":1}}"#;
    set(&fixture, both).await;
    fixture.clock.advance(2 * DAY);
    let committed = fixture.layer.test.metadata.committed();
    let preview = fixture.objects.preview_lifecycle(&bucket(), 1).await.unwrap();
    let counts: Vec<_> = preview
        .counts
        .iter()
        .map(|((rule, kind), counted)| (rule.as_str(), *kind, counted.count, counted.bytes))
        .collect();
    use crate::objects::ExpiryKind;
    assert_eq!(counts, [("cur", ExpiryKind::Current, 1, 3), ("old", ExpiryKind::Noncurrent, 1, 5)]);
    assert_eq!((preview.first.len(), preview.first[0].key.as_str()), (1, "a"));
    assert_eq!(fixture.layer.test.metadata.committed(), committed);
}

#[tokio::test]
async fn the_dates_in_answers_are_of_real_days_and_of_current_versions_with_the_right_tags() {
    let fixture = start().await;
    let tagged = r#"{"id":"t","status":"Enabled","filter":{"form":"Filter","tags":{"t":"1"}},"expiration":{"Days":3}},
        {"id":"u","status":"Enabled","filter":{"form":"Filter","prefix":"a"},"abort_after_days":1}"#;
    set(&fixture, tagged).await;
    let now = fixture.clock.now();
    let expiry = async |tags: &TagSet| fixture.objects.expiry_of(&bucket(), &key("a"), now, 1, tags).await.unwrap();
    assert_eq!(expiry(&tags(false)).await, None);
    let found = expiry(&tags(true)).await.unwrap();
    let passed = found.at.unix_millis() - now.unix_millis();
    assert!((3 * 86_400_000..4 * 86_400_000).contains(&passed) && found.rule == "t", "{found:?}");
    let input = PutInput { tags: tags(true), ..put_input("a") };
    let written = fixture.objects.put(input, TestBody::of(b"x")).await.unwrap();
    assert_eq!(fixture.objects.expiry_of_written(&bucket(), &key("a"), &written).await.unwrap(), Some(found));
    fixture.put("a", b"y").await;
    assert_eq!(fixture.objects.expiry_of_written(&bucket(), &key("a"), &written).await.unwrap(), None);
    assert_eq!(fixture.objects.abort_of(&bucket(), &key("a"), now).await.unwrap().unwrap().rule, "u");
    assert_eq!(fixture.objects.abort_of(&bucket(), &key("b"), now).await.unwrap(), None);
}
