//! Versions: random histories against a model that is a list a key, and the rules of S3 one by one.

use super::fixture::*;
use crate::{
    metadata::{
        Command, CommandError, Outcome,
        command::*,
        outcome::DeletedVersion,
        rows::{ListedVersion, ReadFrom},
    },
    types::*,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
enum Act {
    Put { key: u8, size: u64, is_if_absent: bool },
    Copy { from: u8, place: usize, to: u8 },
    Delete { key: u8 },
    DeleteVersion { key: u8, place: usize },
    Versioning(Versioning),
}

fn act() -> impl Strategy<Value = Act> {
    let key = || 0..3_u8;
    let place = || 0..5_usize;
    prop_oneof![
        5 => (key(), 0..50_u64, any::<bool>()).prop_map(|(key, size, if_absent)| Act::Put {
            key, size, is_if_absent: if_absent && size % 3 == 0
        }),
        2 => (key(), place(), key()).prop_map(|(from, place, to)| Act::Copy { from, place, to }),
        3 => key().prop_map(|key| Act::Delete { key }),
        4 => (key(), place()).prop_map(|(key, place)| Act::DeleteVersion { key, place }),
        2 => prop_oneof![Just(Versioning::Enabled), Just(Versioning::Suspended)].prop_map(Act::Versioning),
    ]
}

/// A version as a list shows it; a delete marker has no size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shown {
    name: VersionName,
    size: Option<u64>,
}

/// What S3 documents: of each key its versions, the newest first.
#[derive(Default)]
struct Model {
    versioning: Versioning,
    keys: BTreeMap<String, Vec<Shown>>,
}

impl Model {
    fn of(&self, key: &str) -> &[Shown] {
        self.keys.get(key).map_or(&[], Vec::as_slice)
    }

    fn is_there(&self, key: &str) -> bool {
        self.of(key).first().is_some_and(|newest| newest.size.is_some())
    }

    /// A new newest version, or a delete marker.
    fn write(&mut self, key: &str, version: VersionId, size: Option<u64>) {
        let name = VersionName::of(version, self.versioning != Versioning::Enabled);
        let versions = self.keys.entry(key.to_owned()).or_default();
        versions.retain(|other| name != VersionName::Null || other.name != VersionName::Null);
        versions.insert(0, Shown { name, size });
    }

    fn remove(&mut self, key: &str, name: VersionName) {
        if let Some(versions) = self.keys.get_mut(key) {
            versions.retain(|version| version.name != name);
        }
    }

    fn delete(&mut self, key: &str, marker: VersionId) {
        match self.versioning {
            Versioning::Never => self.remove(key, VersionName::Null),
            Versioning::Enabled | Versioning::Suspended => self.write(key, marker, None),
        }
    }
}

fn name_of(number: u8) -> String {
    format!("key-{number}")
}

/// Carries it out on both.
async fn act_on(fixture: &Fixture, model: &mut Model, act: Act) {
    match act {
        Act::Put { key, size, is_if_absent } => {
            let (name, sizes) = (name_of(key), if size == 0 { vec![] } else { vec![size] });
            let mut put = fixture.put_of(&name, fixture.content(&sizes));
            if is_if_absent {
                put.precondition = WritePrecondition::Absent;
            }
            let version = put.attributes.version;
            match fixture.propose(Command::PutObject(put)).await {
                Ok(Outcome::Written(written)) => {
                    assert!(!is_if_absent || !model.is_there(&name));
                    model.write(&name, version, Some(size));
                    let shown = (model.versioning == Versioning::Enabled).then(|| model.of(&name)[0].name);
                    assert_eq!(written.shown(), shown);
                }
                other => assert!(other == Err(CommandError::PreconditionFailed) && model.is_there(&name), "{other:?}"),
            }
        }
        Act::Copy { from, place, to } => {
            let Some(source) = model.of(&name_of(from)).get(place).copied() else { return };
            let mut copy = fixture.copy_of(&name_of(from), &name_of(to));
            copy.source.version = source.name.into();
            let version = copy.version;
            match (fixture.propose(Command::CopyObject(copy)).await, source.size) {
                (Ok(_), Some(size)) => model.write(&name_of(to), version, Some(size)),
                (Err(CommandError::IsDeleteMarker), None) => {}
                other => panic!("{other:?} of {source:?}"),
            }
        }
        Act::Delete { key } => {
            let delete = fixture.delete_of(&name_of(key));
            let marker = delete.marker;
            fixture.done(Command::DeleteObject(delete)).await;
            model.delete(&name_of(key), marker);
        }
        Act::DeleteVersion { key, place } => {
            let version = model.of(&name_of(key)).get(place).copied();
            let named = version.map_or(VersionName::Null, |version| version.name);
            let delete = DeleteObject { version: named.into(), ..fixture.delete_of(&name_of(key)) };
            let null = model.of(&name_of(key)).iter().find(|version| version.name == named).copied();
            let expected = DeletedVersion {
                version: Some(named),
                is_delete_marker: null.is_some_and(|version| version.size.is_none()),
                existed: null.is_some(),
            };
            assert_eq!(fixture.done(Command::DeleteObject(delete)).await, Outcome::Deleted(expected));
            model.remove(&name_of(key), named);
        }
        Act::Versioning(versioning) => {
            fixture.set_versioning(versioning).await;
            model.versioning = versioning;
        }
    }
}

fn shown(version: &ListedVersion) -> Shown {
    Shown { name: version.name(), size: (!version.is_delete_marker).then_some(version.object.size) }
}

async fn assert_equal(fixture: &Fixture, model: &Model) {
    let expected: Vec<(String, Shown, bool)> = model
        .keys
        .iter()
        .flat_map(|(key, versions)| {
            versions.iter().enumerate().map(move |(place, version)| (key.clone(), *version, place == 0))
        })
        .collect();
    for limit in [1, 2, 1000] {
        let listed = fixture.versions_in_pages(limit).await;
        let listed: Vec<(String, Shown, bool)> =
            listed.iter().map(|version| (version.object.key.to_string(), shown(version), version.is_latest)).collect();
        assert_eq!(listed, expected, "in pages of {limit}");
    }
    let there: Vec<&String> = model.keys.keys().filter(|key| model.is_there(key)).collect();
    assert_eq!(names(&fixture.list("", "", None, 1000).await).iter().collect::<Vec<_>>(), there);
    for (name, versions) in &model.keys {
        let look = async |version| {
            let found =
                fixture.metadata.lookup(fixture.bucket, &key(name), version, ReadFrom::Offset(0)).await.unwrap();
            found.map(|found| Shown {
                name: found.object.name(),
                size: (!found.object.is_delete_marker).then_some(found.object.size),
            })
        };
        assert_eq!(look(VersionSelector::Latest).await, versions.first().copied());
        for version in versions {
            assert_eq!(look(version.name.into()).await, Some(*version));
        }
    }
}

async fn run(acts: Vec<Act>) {
    let (fixture, mut model) = (Fixture::new().await, Model::default());
    for act in acts {
        act_on(&fixture, &mut model, act).await;
        assert_equal(&fixture, &model).await;
        fixture.assert_counts_are_references().await;
    }
    assert_eq!(super::doctor::examine(&fixture).await.findings, []);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn histories_of_versions_are_those_of_the_model(acts in prop::collection::vec(act(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(acts));
    }
}

#[tokio::test]
async fn what_was_there_before_is_the_null_version_and_stays() {
    let fixture = Fixture::new().await;
    fixture.put("a", &[1]).await;
    fixture.set_versioning(Versioning::Enabled).await;
    let second = fixture.put("a", &[2]).await;
    assert_eq!(second.shown(), Some(VersionName::Id(second.version)));
    let sizes: Vec<_> = fixture.versions("a").await.iter().map(shown).collect();
    assert_eq!(
        sizes,
        [
            Shown { name: VersionName::Id(second.version), size: Some(2) },
            Shown { name: VersionName::Null, size: Some(1) },
        ]
    );
    fixture.set_versioning(Versioning::Suspended).await;
    let third = fixture.put("a", &[3]).await;
    assert_eq!(third.shown(), None, "as S3 has it; lists and reads say that it is the null version");
    let names: Vec<_> = fixture.versions("a").await.iter().map(shown).collect();
    assert_eq!(
        names,
        [
            Shown { name: VersionName::Null, size: Some(3) },
            Shown { name: VersionName::Id(second.version), size: Some(2) },
        ]
    );
    fixture.unroll().await;
    assert_eq!(fixture.metadata.deletions(None, 10).await.unwrap().len(), 1, "the first write's data may go");
}

#[tokio::test]
async fn a_delete_marker_hides_a_key_also_where_there_was_nothing() {
    let fixture = Fixture::new().await;
    fixture.set_versioning(Versioning::Enabled).await;
    let Outcome::Deleted(deleted) = fixture.delete("a").await else { panic!() };
    assert!(deleted.is_delete_marker && deleted.existed);
    let marker = deleted.version.unwrap();
    assert_eq!(fixture.versions("a").await.iter().map(shown).collect::<Vec<_>>(), [Shown { name: marker, size: None }]);
    assert_eq!(names(&fixture.list("", "", None, 10).await), [""; 0]);
    assert!(fixture.look("a").await.unwrap().object.is_delete_marker);
    assert_eq!(
        fixture.propose(Command::DeleteBucket { bucket: fixture.bucket }).await,
        Err(CommandError::BucketNotEmpty)
    );
    let delete = DeleteObject { version: marker.into(), ..fixture.delete_of("a") };
    fixture.done(Command::DeleteObject(delete)).await;
    assert_eq!(fixture.look("a").await, None);
    fixture.done(Command::DeleteBucket { bucket: fixture.bucket }).await;
}

#[tokio::test]
async fn conditions_see_a_delete_marker_as_nothing() {
    let fixture = Fixture::new().await;
    fixture.set_versioning(Versioning::Enabled).await;
    fixture.put("a", &[1]).await;
    let absent = |fixture: &Fixture| {
        Command::PutObject(PutObject {
            precondition: WritePrecondition::Absent,
            ..fixture.put_of("a", fixture.content(&[2]))
        })
    };
    assert_eq!(fixture.propose(absent(&fixture)).await, Err(CommandError::PreconditionFailed));
    fixture.delete("a").await;
    fixture.done(absent(&fixture)).await;
    assert_eq!(fixture.look("a").await.unwrap().object.size, 2);
    assert_eq!(fixture.versions("a").await.len(), 3);
}

#[tokio::test]
async fn a_delete_under_a_condition_leaves_no_marker_where_nothing_was_and_meets_none_in_a_marker() {
    let fixture = Fixture::new().await;
    fixture.set_versioning(Versioning::Enabled).await;
    let delete = |precondition| Command::DeleteObject(DeleteObject { precondition, ..fixture.delete_of("a") });
    let matches = || WritePrecondition::Matches(vec![etag(1)]);
    for precondition in [matches(), WritePrecondition::Present] {
        let nothing = DeletedVersion { version: None, is_delete_marker: false, existed: false };
        assert_eq!(fixture.done(delete(precondition)).await, Outcome::Deleted(nothing));
    }
    assert!(fixture.versions("a").await.is_empty());
    fixture.put("a", &[1]).await;
    fixture.done(delete(matches())).await;
    assert_eq!(fixture.propose(delete(matches())).await, Err(CommandError::PreconditionFailed));
    fixture.done(delete(WritePrecondition::Present)).await;
    assert_eq!(fixture.versions("a").await.len(), 3);
}

#[tokio::test]
async fn there_is_no_way_back_to_a_bucket_that_never_kept_versions() {
    let fixture = Fixture::new().await;
    let never = Command::SetBucketVersioning { bucket: fixture.bucket, versioning: Versioning::Never };
    assert!(matches!(fixture.propose(never).await, Err(CommandError::Malformed { .. })));
    let nowhere = Command::SetBucketVersioning { bucket: BucketId(999), versioning: Versioning::Enabled };
    assert_eq!(fixture.propose(nowhere).await, Err(CommandError::NoSuchBucket));
}
