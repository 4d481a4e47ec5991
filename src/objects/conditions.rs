//! Conditions of reads, in the order of RFC 9110, section 13.2.2, which S3 follows: `If-Match` decides before
//! `If-Unmodified-Since` and silences it, `If-None-Match` before `If-Modified-Since`. Conditions of writes are not
//! decided here but inside the metadata command, where no other write can come between.

use crate::types::{ETag, Timestamp};

/// The entity tags of one condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TagCondition {
    /// `*`: whatever is there.
    Any,
    Tags(Vec<ETag>),
}

impl TagCondition {
    /// A header's value: `*`, or tags with or without quotes, separated by commas. A weak tag (`W/"..."`) is compared
    /// by what is inside. What is no entity tag at all matches nothing.
    pub fn parse(value: &str) -> Self {
        if value.trim() == "*" {
            return Self::Any;
        }
        let tags = value.split(',').map(str::trim).map(|tag| tag.strip_prefix("W/").unwrap_or(tag));
        Self::Tags(tags.filter_map(|tag| tag.parse().ok()).collect())
    }

    pub fn matches(&self, etag: &ETag) -> bool {
        match self {
            Self::Any => true,
            Self::Tags(tags) => tags.contains(etag),
        }
    }
}

/// What a read asks of the version before it is given out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadConditions {
    pub if_match: Option<TagCondition>,
    pub if_none_match: Option<TagCondition>,
    pub if_modified_since_seconds: Option<i64>,
    pub if_unmodified_since_seconds: Option<i64>,
    pub if_range: Option<RangeCondition>,
}

/// `If-Range`: the bytes of a range are wanted only of the object that the client knows, else the whole of the one that
/// is there now. Source: RFC 9110, section 13.1.5.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RangeCondition {
    /// A strong entity tag.
    Tag(ETag),
    /// The very second of `Last-Modified`.
    ModifiedAt { seconds: i64 },
    /// A weak tag, or nothing that could be compared.
    Never,
}

/// The condition that does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unmet {
    Match,
    UnmodifiedSince,
    NoneMatch,
    ModifiedSince,
}

impl RangeCondition {
    fn holds(&self, etag: &ETag, modified: Timestamp) -> bool {
        match self {
            Self::Tag(tag) => tag == etag,
            Self::ModifiedAt { seconds } => *seconds == modified.unix_seconds(),
            Self::Never => false,
        }
    }
}

impl ReadConditions {
    /// Whether a range of the version may be given out.
    pub fn allow_range(&self, etag: &ETag, modified: Timestamp) -> bool {
        self.if_range.as_ref().is_none_or(|condition| condition.holds(etag, modified))
    }

    /// Dates have whole seconds, so the version's time is compared without its milliseconds.
    pub(super) fn check(&self, etag: &ETag, modified: Timestamp) -> Result<(), Unmet> {
        let seconds = modified.unix_seconds();
        match (&self.if_match, self.if_unmodified_since_seconds) {
            (Some(tags), _) if !tags.matches(etag) => return Err(Unmet::Match),
            (None, Some(limit)) if seconds > limit => return Err(Unmet::UnmodifiedSince),
            _ => {}
        }
        match (&self.if_none_match, self.if_modified_since_seconds) {
            (Some(tags), _) if tags.matches(etag) => Err(Unmet::NoneMatch),
            (None, Some(since)) if seconds <= since => Err(Unmet::ModifiedSince),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODIFIED_SECONDS: i64 = 1_000;

    fn etag(text: &str) -> ETag {
        text.parse().unwrap()
    }

    fn check(conditions: ReadConditions) -> &'static str {
        match conditions.check(&etag("good"), Timestamp::from_unix_millis(MODIFIED_SECONDS * 1000 + 999)) {
            Ok(()) => "ok",
            Err(Unmet::NoneMatch | Unmet::ModifiedSince) => "304",
            Err(Unmet::Match) => "If-Match",
            Err(Unmet::UnmodifiedSince) => "If-Unmodified-Since",
        }
    }

    fn tags(text: &str) -> Option<TagCondition> {
        Some(TagCondition::parse(text))
    }

    #[test]
    fn each_condition_alone() {
        let none = ReadConditions::default;
        assert_eq!(check(none()), "ok");
        for (value, expected) in
            [("good", "ok"), ("\"good\"", "ok"), ("*", "ok"), ("\"bad\", \"good\"", "ok"), ("bad", "If-Match")]
        {
            assert_eq!(check(ReadConditions { if_match: tags(value), ..none() }), expected, "{value}");
        }
        for (value, expected) in [("good", "304"), ("W/\"good\"", "304"), ("*", "304"), ("bad", "ok"), ("", "ok")] {
            assert_eq!(check(ReadConditions { if_none_match: tags(value), ..none() }), expected, "{value}");
        }
        for (since, expected) in [(999, "ok"), (1000, "304"), (1001, "304")] {
            let conditions = ReadConditions { if_modified_since_seconds: Some(since), ..none() };
            assert_eq!(check(conditions), expected, "{since}");
        }
        for (limit, expected) in [(999, "If-Unmodified-Since"), (1000, "ok"), (1001, "ok")] {
            let conditions = ReadConditions { if_unmodified_since_seconds: Some(limit), ..none() };
            assert_eq!(check(conditions), expected, "{limit}");
        }
    }

    #[test]
    fn a_range_is_of_the_object_that_the_client_knows() {
        let modified = Timestamp::from_unix_millis(MODIFIED_SECONDS * 1000 + 999);
        for (condition, allowed) in [
            (None, true),
            (Some(RangeCondition::Tag(etag("good"))), true),
            (Some(RangeCondition::Tag(etag("bad"))), false),
            (Some(RangeCondition::ModifiedAt { seconds: MODIFIED_SECONDS }), true),
            (Some(RangeCondition::ModifiedAt { seconds: MODIFIED_SECONDS + 1 }), false),
            (Some(RangeCondition::Never), false),
        ] {
            let conditions = ReadConditions { if_range: condition.clone(), ..Default::default() };
            assert_eq!(conditions.allow_range(&etag("good"), modified), allowed, "{condition:?}");
        }
    }

    #[test]
    fn a_tag_silences_the_date_beside_it() {
        let if_match_wins = ReadConditions {
            if_match: tags("good"),
            if_unmodified_since_seconds: Some(MODIFIED_SECONDS - 1),
            ..Default::default()
        };
        assert_eq!(check(if_match_wins), "ok");
        let if_none_match_wins = ReadConditions {
            if_none_match: tags("bad"),
            if_modified_since_seconds: Some(MODIFIED_SECONDS + 1),
            ..Default::default()
        };
        assert_eq!(check(if_none_match_wins), "ok");
        let none_match_says_304 = ReadConditions {
            if_none_match: tags("good"),
            if_modified_since_seconds: Some(MODIFIED_SECONDS - 1),
            ..Default::default()
        };
        assert_eq!(check(none_match_says_304), "304");
    }

    #[test]
    fn a_failed_precondition_comes_before_not_modified() {
        let both = ReadConditions { if_match: tags("bad"), if_none_match: tags("good"), ..Default::default() };
        assert_eq!(check(both), "If-Match");
    }
}
