//! What of a bucket goes by itself, and when (lifecycle rules), as its owner set it. Only what is within S3's limits
//! can be made. When something is due, `objects/lifecycle` says. Source: Amazon S3 User Guide, "Lifecycle configuration
//! elements"; API Reference, "PutBucketLifecycleConfiguration", "LifecycleRule", "LifecycleExpiration",
//! "NoncurrentVersionExpiration".

use super::{documents::is_unprintable, tag_set::TagSet, timestamp::Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Amazon S3 User Guide: up to 1000 rules.
pub const LIFECYCLE_RULES_MAX: usize = 1000;
/// Amazon S3 API Reference, "LifecycleRule".
const ID_MAX_CHARACTERS: usize = 255;
/// As long as a key.
const PREFIX_MAX_BYTES: usize = 1024;
/// Amazon S3 API Reference, "NoncurrentVersionExpiration".
const NEWER_VERSIONS_MAX: u32 = 100;
/// What a number of S3's schema holds.
const DAYS_MAX: u32 = i32::MAX as u32;
const DAY_MILLIS: i64 = 86_400_000;

/// The rules, never none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifecycleConfiguration {
    rules: Vec<LifecycleRule>,
    /// Kept and told, and without effect while there is one storage class.
    #[serde(default)]
    transition_minimum: TransitionMinimum,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifecycleRule {
    /// Empty: it is still to be given one.
    pub id: String,
    pub status: RuleStatus,
    pub filter: LifecycleFilter,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiration: Option<Expiration>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noncurrent: Option<NoncurrentExpiration>,
    /// After so many days an upload that was not completed is aborted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abort_after_days: Option<u32>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RuleStatus {
    Enabled,
    #[default]
    Disabled,
}

/// What becomes of current versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Expiration {
    /// After so many days.
    Days(u32),
    /// From this midnight on.
    Date(Timestamp),
    /// Only delete markers without any version behind them go.
    DeleteMarkers,
}

/// What becomes of versions that another one followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoncurrentExpiration {
    /// Counted from the time of that other one.
    pub days: u32,
    /// So many of them stay, whatever their age: the newest. 0: none.
    #[serde(default)]
    pub newer_versions: u32,
}

/// What a rule is about: that which fulfils everything that is named here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifecycleFilter {
    pub form: FilterForm,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    #[serde(default, skip_serializing_if = "TagSet::is_empty")]
    pub tags: TagSet,
    /// In bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_greater_than: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_less_than: Option<u64>,
}

/// Where the conditions stood in the document: it is given back as it was put.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum FilterForm {
    /// A prefix in the rule itself, as in the first version of lifecycle rules.
    RulePrefix,
    #[default]
    Filter,
    And,
}

/// `x-amz-transition-default-minimum-object-size`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TransitionMinimum {
    #[default]
    AllStorageClasses128K,
    VariesByStorageClass,
}

/// Why a configuration is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLifecycle {
    #[error("there is no rule")]
    Empty,
    #[error("there are more than {LIFECYCLE_RULES_MAX} rules")]
    TooManyRules,
    #[error("the id of a rule is longer than {ID_MAX_CHARACTERS} characters")]
    IdLength,
    /// One that no document can give back.
    #[error("an id or a prefix holds a character that does not belong there")]
    Characters,
    #[error("two rules have the same id")]
    DuplicateId,
    #[error("a rule has no action")]
    NoAction,
    #[error("a prefix is longer than {PREFIX_MAX_BYTES} bytes")]
    PrefixLength,
    #[error("the number of days is 0, or too large")]
    Days(LifecycleAction),
    #[error("the date is no midnight in UTC")]
    Date,
    #[error("more than {NEWER_VERSIONS_MAX} newer versions, or 0")]
    NewerVersions,
    #[error("the smallest size is not below the largest")]
    Sizes,
    #[error("an action that tags say nothing about")]
    WithTags(LifecycleAction),
    #[error("an action that sizes say nothing about")]
    WithSizes(LifecycleAction),
}

/// An action of a rule, to name it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LifecycleAction {
    Expiration,
    DeleteMarkers,
    Noncurrent,
    Abort,
}

impl LifecycleConfiguration {
    pub fn new(rules: Vec<LifecycleRule>, transition_minimum: TransitionMinimum) -> Result<Self, InvalidLifecycle> {
        match rules.len() {
            0 => return Err(InvalidLifecycle::Empty),
            1..=LIFECYCLE_RULES_MAX => {}
            _ => return Err(InvalidLifecycle::TooManyRules),
        }
        let mut ids = BTreeSet::new();
        for rule in &rules {
            rule.check()?;
            if !rule.id.is_empty() && !ids.insert(&rule.id) {
                return Err(InvalidLifecycle::DuplicateId);
            }
        }
        Ok(Self { rules, transition_minimum })
    }

    pub fn rules(&self) -> &[LifecycleRule] {
        &self.rules
    }

    pub fn transition_minimum(&self) -> TransitionMinimum {
        self.transition_minimum
    }

    /// Gives each rule that has no id one of these, which must be like no other.
    pub fn name_nameless(&mut self, mut id: impl FnMut() -> String) {
        for rule in self.rules.iter_mut().filter(|rule| rule.id.is_empty()) {
            rule.id = id();
        }
    }

    pub fn enabled(&self) -> impl Iterator<Item = &LifecycleRule> {
        self.rules.iter().filter(|rule| rule.status == RuleStatus::Enabled)
    }

    /// About what it takes in memory.
    pub fn memory_bytes(&self) -> usize {
        let rule = |rule: &LifecycleRule| {
            let tags: usize = rule.filter.tags.iter().map(|(key, value)| key.len() + value.len() + 64).sum();
            let prefix = rule.filter.prefix.as_ref().map_or(0, String::len);
            size_of::<LifecycleRule>() + rule.id.len() + prefix + tags
        };
        self.rules.iter().map(rule).sum()
    }
}

impl LifecycleRule {
    fn check(&self) -> Result<(), InvalidLifecycle> {
        if self.id.chars().count() > ID_MAX_CHARACTERS {
            return Err(InvalidLifecycle::IdLength);
        }
        if self.expiration.is_none() && self.noncurrent.is_none() && self.abort_after_days.is_none() {
            return Err(InvalidLifecycle::NoAction);
        }
        if is_unprintable(&self.id) || is_unprintable(self.filter.prefix()) {
            return Err(InvalidLifecycle::Characters);
        }
        self.check_times()?;
        self.filter.check()?;
        let blind = [
            (self.expiration == Some(Expiration::DeleteMarkers), LifecycleAction::DeleteMarkers),
            (self.abort_after_days.is_some(), LifecycleAction::Abort),
        ];
        for (_, action) in blind.into_iter().filter(|(is_there, _)| *is_there) {
            if !self.filter.tags.is_empty() {
                return Err(InvalidLifecycle::WithTags(action));
            }
            if self.filter.names_sizes() {
                return Err(InvalidLifecycle::WithSizes(action));
            }
        }
        Ok(())
    }

    fn check_times(&self) -> Result<(), InvalidLifecycle> {
        let days_of_expiration = match self.expiration {
            Some(Expiration::Days(days)) => Some(days),
            Some(Expiration::Date(date)) if date.unix_millis().rem_euclid(DAY_MILLIS) != 0 => {
                return Err(InvalidLifecycle::Date);
            }
            _ => None,
        };
        for (days, action) in [
            (days_of_expiration, LifecycleAction::Expiration),
            (self.noncurrent.map(|noncurrent| noncurrent.days), LifecycleAction::Noncurrent),
            (self.abort_after_days, LifecycleAction::Abort),
        ] {
            if days.is_some_and(|days| !(1..=DAYS_MAX).contains(&days)) {
                return Err(InvalidLifecycle::Days(action));
            }
        }
        match self.noncurrent {
            Some(noncurrent) if noncurrent.newer_versions > NEWER_VERSIONS_MAX => Err(InvalidLifecycle::NewerVersions),
            _ => Ok(()),
        }
    }
}

impl LifecycleFilter {
    fn check(&self) -> Result<(), InvalidLifecycle> {
        if self.prefix().len() > PREFIX_MAX_BYTES {
            return Err(InvalidLifecycle::PrefixLength);
        }
        match (self.size_greater_than, self.size_less_than) {
            (Some(greater), Some(less)) if greater >= less => Err(InvalidLifecycle::Sizes),
            _ => Ok(()),
        }
    }

    /// Empty: every key begins with it.
    pub fn prefix(&self) -> &str {
        self.prefix.as_deref().unwrap_or_default()
    }

    pub fn names_sizes(&self) -> bool {
        self.size_greater_than.is_some() || self.size_less_than.is_some()
    }

    /// Whether it says more than which keys: then no delete marker fulfils it, which has neither size nor tags.
    pub fn names_tags_or_sizes(&self) -> bool {
        !self.tags.is_empty() || self.names_sizes()
    }

    /// Of an object whose key has the prefix.
    pub fn fits(&self, size: u64, tags: &TagSet) -> bool {
        self.size_greater_than.is_none_or(|limit| size > limit)
            && self.size_less_than.is_none_or(|limit| size < limit)
            && self.tags.iter().all(|(key, value)| tags.get(key) == Some(value))
    }
}

impl TransitionMinimum {
    pub const ALL: [Self; 2] = [Self::AllStorageClasses128K, Self::VariesByStorageClass];

    pub fn name(self) -> &'static str {
        match self {
            Self::AllStorageClasses128K => "all_storage_classes_128K",
            Self::VariesByStorageClass => "varies_by_storage_class",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::TagLimit;

    fn rule(change: impl FnOnce(&mut LifecycleRule)) -> LifecycleRule {
        let mut rule = LifecycleRule { expiration: Some(Expiration::Days(1)), ..LifecycleRule::default() };
        change(&mut rule);
        rule
    }

    fn tags() -> TagSet {
        TagSet::new([("k".to_owned(), "v".to_owned())], TagLimit::Object).unwrap()
    }

    #[test]
    fn each_fault_is_told() {
        use InvalidLifecycle::*;
        use LifecycleAction as Action;
        let one = |change: fn(&mut LifecycleRule)| vec![rule(change)];
        let named = |id: &str| rule(|rule| id.clone_into(&mut rule.id));
        let millis = Timestamp::from_unix_millis;
        for (rules, fault) in [
            (vec![], Empty),
            (vec![rule(|_| {}); 1001], TooManyRules),
            (vec![named(&"i".repeat(256))], IdLength),
            (vec![named("a"), named("b"), named("a")], DuplicateId),
            (vec![named("a\u{1}")], Characters),
            (one(|rule| rule.filter.prefix = Some("a\u{FFFF}".to_owned())), Characters),
            (one(|rule| rule.expiration = None), NoAction),
            (one(|rule| rule.filter.prefix = Some("p".repeat(1025))), PrefixLength),
            (one(|rule| rule.expiration = Some(Expiration::Days(0))), Days(Action::Expiration)),
            (one(|rule| rule.expiration = Some(Expiration::Days(1 << 31))), Days(Action::Expiration)),
            (one(|rule| rule.abort_after_days = Some(0)), Days(Action::Abort)),
            (
                one(|rule| rule.noncurrent = Some(NoncurrentExpiration { days: 0, newer_versions: 3 })),
                Days(Action::Noncurrent),
            ),
            (one(|rule| rule.noncurrent = Some(NoncurrentExpiration { days: 1, newer_versions: 101 })), NewerVersions),
            (vec![rule(|rule| rule.expiration = Some(Expiration::Date(millis(86_400_001))))], Date),
            (one(|rule| (rule.filter.size_greater_than, rule.filter.size_less_than) = (Some(5), Some(5))), Sizes),
            (one(|rule| (rule.abort_after_days, rule.filter.tags) = (Some(1), tags())), WithTags(Action::Abort)),
            (
                one(|rule| (rule.abort_after_days, rule.filter.size_less_than) = (Some(1), Some(9))),
                WithSizes(Action::Abort),
            ),
            (
                one(|rule| (rule.expiration, rule.filter.tags) = (Some(Expiration::DeleteMarkers), tags())),
                WithTags(Action::DeleteMarkers),
            ),
        ] {
            let made = LifecycleConfiguration::new(rules, TransitionMinimum::default());
            assert_eq!(made.unwrap_err(), fault);
        }
        let most = vec![rule(|rule| rule.expiration = Some(Expiration::Date(millis(-DAY_MILLIS)))); 1000];
        assert!(LifecycleConfiguration::new(most, TransitionMinimum::default()).is_ok());
    }

    #[test]
    fn rules_without_an_id_get_one_and_others_keep_theirs() {
        let named = rule(|rule| rule.id = "mine".to_owned());
        let made = LifecycleConfiguration::new(vec![rule(|_| {}), named, rule(|_| {})], TransitionMinimum::default());
        let (mut configuration, mut count) = (made.unwrap(), 0);
        configuration.name_nameless(|| {
            count += 1;
            format!("made-{count}")
        });
        let ids: Vec<&str> = configuration.rules().iter().map(|rule| rule.id.as_str()).collect();
        assert_eq!(ids, ["made-1", "mine", "made-2"]);
    }

    #[test]
    fn everything_that_a_filter_names_must_hold() {
        let filter = LifecycleFilter {
            tags: tags(),
            size_greater_than: Some(10),
            size_less_than: Some(20),
            ..LifecycleFilter::default()
        };
        for (size, tags, fits) in [
            (11, tags(), true),
            (19, tags(), true),
            (10, tags(), false),
            (20, tags(), false),
            (15, TagSet::default(), false),
        ] {
            assert_eq!(filter.fits(size, &tags), fits, "{size}");
        }
        let other = TagSet::new([("k".to_owned(), "w".to_owned())], TagLimit::Object).unwrap();
        assert!(!filter.fits(15, &other), "the key alone is not the tag");
        assert!(LifecycleFilter::default().fits(0, &TagSet::default()));
    }
}
