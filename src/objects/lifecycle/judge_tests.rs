//! What the rules want, by tables, and by a property: against a second way to say the same.

use super::judge::{Judge, Judgement, What};
use crate::{
    metadata::rows::{JudgedUpload, JudgedVersion},
    objects::lifecycle::DayLength,
    types::*,
};
use proptest::prelude::*;
use std::time::Duration;

const DAY: i64 = 1000;

fn day() -> DayLength {
    DayLength::new(Duration::from_millis(1000))
}

/// In days.
fn at(days: i64) -> Timestamp {
    Timestamp::from_unix_millis(days * DAY)
}

fn key() -> ObjectKey {
    ObjectKey::new("a/key").unwrap()
}

/// Made on this day; `size` is absent of a delete marker. The number names it.
fn version(number: u64, created: i64, size: Option<u64>) -> JudgedVersion {
    JudgedVersion {
        key: key(),
        sequence: CommitSequence(number),
        name: VersionName::Id(VersionId::from_bytes([number as u8; 16])),
        is_latest: false,
        is_delete_marker: size.is_none(),
        created: at(created),
        size: size.unwrap_or(0),
        tags: TagSet::default(),
    }
}

fn rule(id: &str, change: impl FnOnce(&mut LifecycleRule)) -> LifecycleRule {
    let mut rule = LifecycleRule { id: id.to_owned(), status: RuleStatus::Enabled, ..LifecycleRule::default() };
    change(&mut rule);
    rule
}

fn judge(rules: &[LifecycleRule], versions: &[JudgedVersion], uploads: &[JudgedUpload], now: i64) -> Judgement {
    let rules = LifecycleConfiguration::new(rules.to_vec(), TransitionMinimum::default()).unwrap();
    let key = key();
    let mut judge = Judge::new(&rules, &key, day(), at(now));
    versions.iter().for_each(|version| judge.version(version.clone()));
    uploads.iter().for_each(|upload| judge.upload(upload.clone()));
    judge.finish()
}

/// `rule: kind number` of each verdict, and the day of the next.
fn said(judgement: &Judgement) -> (Vec<String>, Option<i64>) {
    let name = |what: &What| match what {
        What::Current(version) => format!("current {}", version.sequence),
        What::Noncurrent(version) => format!("noncurrent {}", version.sequence),
        What::LoneMarker(version) => format!("marker {}", version.sequence),
        What::Upload(upload) => format!("upload {}", upload.upload.as_bytes()[0]),
    };
    let verdicts = judgement.verdicts.iter().map(|verdict| format!("{}: {}", verdict.rule, name(&verdict.what)));
    (verdicts.collect(), judgement.next.map(|next| next.unix_millis() / DAY))
}

fn days(days: u32) -> impl FnOnce(&mut LifecycleRule) {
    move |rule| rule.expiration = Some(Expiration::Days(days))
}

fn noncurrent(days: u32, newer_versions: u32) -> impl FnOnce(&mut LifecycleRule) {
    move |rule| rule.noncurrent = Some(NoncurrentExpiration { days, newer_versions })
}

#[test]
fn of_rules_that_want_the_same_the_one_whose_time_comes_first_decides() {
    let versions = [version(1, 10, Some(5))];
    for (rules, now, expected) in [
        (vec![rule("a", days(3))], 12, (vec![], Some(13))),
        (vec![rule("a", days(3))], 13, (vec!["a: current 1"], None)),
        (vec![rule("a", days(3)), rule("b", days(2))], 20, (vec!["b: current 1"], None)),
        (vec![rule("a", days(3)), rule("b", days(9))], 14, (vec!["a: current 1"], None)),
        (vec![rule("a", |rule| rule.expiration = Some(Expiration::DeleteMarkers))], 99, (vec![], None)),
        (vec![rule("a", noncurrent(1, 0))], 99, (vec![], None)),
        (
            vec![rule("a", |rule| (rule.expiration, rule.status) = (Some(Expiration::Days(1)), RuleStatus::Disabled))],
            99,
            (vec![], None),
        ),
        (
            vec![rule("a", |rule| {
                days(1)(rule);
                rule.filter.prefix = Some("b/".to_owned());
            })],
            99,
            (vec![], None),
        ),
        (
            vec![rule("a", |rule| {
                days(1)(rule);
                rule.filter.size_greater_than = Some(5);
            })],
            99,
            (vec![], None),
        ),
    ] {
        let (verdicts, next) = said(&judge(&rules, &versions, &[], now));
        assert_eq!((verdicts.iter().map(String::as_str).collect(), next), expected, "{rules:?} on day {now}");
    }
}

#[test]
fn a_date_holds_for_what_is_written_after_it_too() {
    let midnight = Timestamp::from_unix_millis(86_400_000 * 7);
    let rules = [rule("a", |rule| rule.expiration = Some(Expiration::Date(midnight)))];
    let week = midnight.unix_millis() / DAY;
    assert_eq!(said(&judge(&rules, &[version(1, 3, Some(1))], &[], week - 1)), (vec![], Some(week)));
    for created in [3, week + 20] {
        let judged = judge(&rules, &[version(1, created, Some(1))], &[], week + 20);
        assert_eq!(said(&judged).0, ["a: current 1"]);
    }
}

#[test]
fn noncurrent_days_count_from_the_version_that_followed() {
    let versions = [version(9, 20, Some(1)), version(5, 10, Some(1)), version(3, 1, None), version(2, 0, Some(1))];
    let two = [rule("a", noncurrent(2, 0))];
    assert_eq!(said(&judge(&two, &versions, &[], 2)), (vec![], Some(3)));
    assert_eq!(said(&judge(&two, &versions, &[], 3)), (vec!["a: noncurrent 2".to_owned()], Some(12)));
    // A delete marker that something followed goes like a version.
    let all = ["a: noncurrent 5", "a: noncurrent 3", "a: noncurrent 2"];
    assert_eq!(said(&judge(&two, &versions, &[], 22)).0, all);
}

#[test]
fn the_newest_noncurrent_versions_stay_and_delete_markers_count_for_none() {
    let versions = [
        version(9, 20, Some(1)),
        version(8, 19, None),
        version(7, 18, Some(1)),
        version(6, 17, Some(1)),
        version(5, 16, Some(1)),
    ];
    let kept = |newer| said(&judge(&[rule("a", noncurrent(1, newer))], &versions, &[], 90)).0;
    assert_eq!(kept(1), ["a: noncurrent 6", "a: noncurrent 5"]);
    assert_eq!(kept(2), ["a: noncurrent 5"]);
    assert!(kept(3).is_empty());
    let sized = rule("a", |rule| {
        noncurrent(1, 0)(rule);
        rule.filter.size_less_than = Some(10);
    });
    let without_marker = ["a: noncurrent 7", "a: noncurrent 6", "a: noncurrent 5"];
    assert_eq!(said(&judge(&[sized], &versions, &[], 90)).0, without_marker, "a marker has no size");
}

#[test]
fn a_delete_marker_goes_when_nothing_is_behind_it() {
    let markers = rule("m", |rule| rule.expiration = Some(Expiration::DeleteMarkers));
    let lone = [version(4, 10, None)];
    let pair = [version(4, 10, None), version(3, 1, Some(5))];
    for (rules, versions, now, expected) in [
        (vec![markers.clone()], &lone[..], 10, vec!["m: marker 4"]),
        (vec![markers.clone()], &pair, 99, vec![]),
        (vec![rule("d", days(3))], &lone, 12, vec![]),
        (vec![rule("d", days(3))], &lone, 13, vec!["d: marker 4"]),
        (vec![rule("d", days(3))], &pair, 99, vec![]),
        (vec![markers, rule("n", noncurrent(5, 0))], &pair, 99, vec!["n: noncurrent 3"]),
        (
            vec![rule("t", |rule| {
                days(3)(rule);
                rule.filter.size_less_than = Some(9);
            })],
            &lone,
            99,
            vec![],
        ),
    ] {
        assert_eq!(said(&judge(&rules, versions, &[], now)).0, expected, "{rules:?}");
    }
}

#[test]
fn uploads_are_aborted_by_their_own_time() {
    let upload = |number, initiated| JudgedUpload {
        key: key(),
        upload: UploadId::from_bytes([number; 16]),
        initiated: at(initiated),
    };
    let rules = [rule("a", |rule| rule.abort_after_days = Some(3)), rule("b", |rule| rule.abort_after_days = Some(5))];
    let judged = judge(&rules, &[version(1, 0, Some(1))], &[upload(1, 4), upload(2, 8)], 8);
    assert_eq!(said(&judged), (vec!["a: upload 1".to_owned()], Some(11)));
}

/// A rule as a property draws it: days, noncurrent days, newer versions, of tagged ones only, delete markers.
type Drawn = (Option<u32>, Option<(u32, u32)>, bool, bool);

fn drawn_rule(number: usize, (expiration, kept, is_tagged, is_markers): &Drawn) -> LifecycleRule {
    rule(&format!("r{number}"), |rule| {
        rule.expiration = expiration.map(Expiration::Days);
        if *is_markers && !is_tagged {
            rule.expiration = Some(Expiration::DeleteMarkers);
        }
        rule.noncurrent = kept.map(|(days, newer_versions)| NoncurrentExpiration { days, newer_versions });
        if rule.expiration.is_none() && rule.noncurrent.is_none() {
            rule.expiration = Some(Expiration::Days(4));
        }
        if *is_tagged {
            rule.filter.tags = tag();
        }
    })
}

fn tag() -> TagSet {
    TagSet::new([("t".to_owned(), "1".to_owned())], TagLimit::Object).unwrap()
}

/// The same in another way: of each version by itself, looking at all others.
fn goes(rules: &[LifecycleRule], versions: &[JudgedVersion], place: usize, now: i64) -> bool {
    let version = &versions[place];
    let made = |version: &JudgedVersion| version.created.unix_millis() / DAY;
    let is_tagged = |rule: &LifecycleRule| !rule.filter.tags.is_empty();
    rules.iter().any(|rule| {
        let fits = !is_tagged(rule) || (!version.is_delete_marker && !version.tags.is_empty());
        let is_current = place == 0;
        let is_lone_marker = version.is_delete_marker && versions.len() == 1;
        let expires = match rule.expiration {
            Some(Expiration::Days(days)) if is_current && (!version.is_delete_marker || is_lone_marker) => {
                now >= made(version) + i64::from(days)
            }
            Some(Expiration::DeleteMarkers) => is_lone_marker && now >= made(version),
            _ => false,
        };
        let is_old = rule.noncurrent.is_some_and(|noncurrent| {
            let newer = versions[..place].iter().skip(1).filter(|version| !version.is_delete_marker).count();
            !is_current
                && newer >= noncurrent.newer_versions as usize
                && now >= made(&versions[place - 1]) + i64::from(noncurrent.days)
        });
        fits && (expires || is_old)
    })
}

proptest! {
    #[test]
    fn what_goes_is_what_each_version_by_itself_says_and_the_next_look_is_in_time(
        rules in prop::collection::vec(
            (prop::option::of(1..9_u32), prop::option::of((1..9_u32, 0..3_u32)), any::<bool>(), any::<bool>()), 1..4),
        versions in prop::collection::vec((0..4_i64, any::<bool>(), any::<bool>()), 0..6),
        now in 0..30_i64,
    ) {
        let rules: Vec<LifecycleRule> =
            rules.iter().enumerate().map(|(number, drawn)| drawn_rule(number, drawn)).collect();
        let mut created = 20;
        let versions: Vec<JudgedVersion> = versions.iter().enumerate().map(|(place, (older, is_marker, is_tagged))| {
            created -= older;
            let made = version(100 - place as u64, created, (!is_marker).then_some(7));
            JudgedVersion { tags: if *is_tagged && !is_marker { tag() } else { TagSet::default() }, ..made }
        }).collect();
        let going = |now| (0..versions.len()).filter(|place| goes(&rules, &versions, *place, now)).collect::<Vec<_>>();
        let judged = judge(&rules, &versions, &[], now);
        let found: Vec<usize> = judged.verdicts.iter().map(|verdict| match &verdict.what {
            What::Current(found) | What::Noncurrent(found) | What::LoneMarker(found) => {
                versions.iter().position(|version| version == found).unwrap()
            }
            What::Upload(_) => panic!("there is no upload"),
        }).collect();
        prop_assert_eq!(&found, &going(now));
        // Nothing more becomes due before the next look, and something does then.
        for day in now..60 {
            match judged.next {
                Some(next) if day >= next.unix_millis() / DAY => {
                    prop_assert!(going(day).len() > found.len());
                    break;
                }
                _ => prop_assert_eq!(&going(day), &found, "day {}", day),
            }
        }
    }
}
