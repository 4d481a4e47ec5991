//! What the rules of a bucket want of one key. Pure: versions go in, newest first, and uploads; what is to be done now
//! comes out, and when to ask again. Of several rules that want the same, the one whose time comes first decides.
//! Source: Amazon S3 User Guide, "Lifecycle configuration elements", "Examples of overlapping filters and conflicting
//! lifecycle actions".

use super::day::DayLength;
use crate::{
    metadata::rows::{JudgedUpload, JudgedVersion},
    types::{Expiration, LifecycleConfiguration, LifecycleRule, ObjectKey, TagSet, Timestamp},
};

/// What is to be done, and by which rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    pub what: What,
    pub rule: String,
}

#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// The current version expires.
    Current(JudgedVersion),
    /// A version that another one followed goes for good, a delete marker perhaps.
    Noncurrent(JudgedVersion),
    /// A delete marker with nothing behind it goes.
    LoneMarker(JudgedVersion),
    Upload(JudgedUpload),
}

/// What the rules say of a key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judgement {
    pub verdicts: Vec<Verdict>,
    /// When something more will be due, unless the key changes before.
    pub next: Option<Timestamp>,
}

/// The rules that are about a key, being asked about its versions one by one.
pub struct Judge<'a> {
    rules: Vec<&'a LifecycleRule>,
    day: DayLength,
    now: Timestamp,
    /// When the version was made that followed the one that comes next.
    followed_at: Option<Timestamp>,
    /// Versions so far that another one followed, delete markers not counted: rules say how many of these stay.
    noncurrent_objects: u32,
    /// A delete marker that is current, as long as nothing was behind it.
    lone_marker: Option<JudgedVersion>,
    said: Judgement,
}

impl<'a> Judge<'a> {
    pub fn new(rules: &'a LifecycleConfiguration, key: &ObjectKey, day: DayLength, now: Timestamp) -> Self {
        let rules = rules.enabled().filter(|rule| key.as_str().starts_with(rule.filter.prefix())).collect();
        Self {
            rules,
            day,
            now,
            followed_at: None,
            noncurrent_objects: 0,
            lone_marker: None,
            said: Judgement::default(),
        }
    }

    /// Whether no rule is about the key.
    pub fn is_indifferent(&self) -> bool {
        self.rules.is_empty()
    }

    pub fn asks_about_uploads(&self) -> bool {
        self.rules.iter().any(|rule| rule.abort_after_days.is_some())
    }

    pub fn verdict_count(&self) -> usize {
        self.said.verdicts.len()
    }

    /// The next older version of the key.
    pub fn version(&mut self, version: JudgedVersion) {
        self.lone_marker = None;
        let created = version.created;
        match self.followed_at {
            Some(followed_at) => self.noncurrent(version, followed_at),
            None if version.is_delete_marker => self.lone_marker = Some(version),
            None => {
                let due = expiry(&self.rules, self.day, created, version.size, &version.tags);
                self.say(due, || What::Current(version));
            }
        }
        self.followed_at = Some(created);
    }

    fn noncurrent(&mut self, version: JudgedVersion, followed_at: Timestamp) {
        let newer = self.noncurrent_objects;
        if !version.is_delete_marker {
            self.noncurrent_objects = newer.saturating_add(1);
        }
        let due = self.rules.iter().filter_map(|rule| {
            let noncurrent = rule.noncurrent.filter(|noncurrent| newer >= noncurrent.newer_versions)?;
            let fits = match version.is_delete_marker {
                true => !rule.filter.names_tags_or_sizes(),
                false => rule.filter.fits(version.size, &version.tags),
            };
            fits.then(|| Due { at: self.day.after(followed_at, noncurrent.days), rule: &rule.id })
        });
        let due = first(due);
        self.say(due, || What::Noncurrent(version));
    }

    pub fn upload(&mut self, upload: JudgedUpload) {
        let due = abort(&self.rules, self.day, upload.initiated);
        self.say(due, || What::Upload(upload));
    }

    /// All that the rules say, once all versions were shown.
    pub fn finish(mut self) -> Judgement {
        if let Some(marker) = self.lone_marker.take() {
            let due = self.rules.iter().filter_map(|rule| {
                let at = match rule.expiration? {
                    Expiration::DeleteMarkers => marker.created,
                    _ if rule.filter.names_tags_or_sizes() => return None,
                    Expiration::Days(days) => self.day.after(marker.created, days),
                    Expiration::Date(date) => date,
                };
                Some(Due { at, rule: &rule.id })
            });
            let due = first(due);
            self.say(due, || What::LoneMarker(marker));
        }
        self.said
    }

    fn say(&mut self, due: Option<Due<'_>>, what: impl FnOnce() -> What) {
        match due {
            Some(due) if due.at <= self.now => {
                self.said.verdicts.push(Verdict { what: what(), rule: due.rule.to_owned() });
            }
            Some(due) => self.said.next = Some(self.said.next.map_or(due.at, |next| next.min(due.at))),
            None => {}
        }
    }
}

/// When a rule's time comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due<'a> {
    pub at: Timestamp,
    /// The rule's id.
    pub rule: &'a str,
}

/// When a current version expires, by these rules, of which all are about its key.
pub fn expiry<'a>(
    rules: &[&'a LifecycleRule],
    day: DayLength,
    created: Timestamp,
    size: u64,
    tags: &TagSet,
) -> Option<Due<'a>> {
    first(rules.iter().filter_map(|rule| {
        let at = match rule.expiration? {
            Expiration::Days(days) => day.after(created, days),
            Expiration::Date(date) => date,
            Expiration::DeleteMarkers => return None,
        };
        rule.filter.fits(size, tags).then_some(Due { at, rule: &rule.id })
    }))
}

/// When an upload is aborted, by these rules, of which all are about its key.
pub fn abort<'a>(rules: &[&'a LifecycleRule], day: DayLength, initiated: Timestamp) -> Option<Due<'a>> {
    first(rules.iter().filter_map(|rule| {
        let days = rule.abort_after_days?;
        Some(Due { at: day.after(initiated, days), rule: &rule.id })
    }))
}

fn first<'a>(due: impl Iterator<Item = Due<'a>>) -> Option<Due<'a>> {
    due.min_by_key(|due| due.at)
}
