//! Whether a write may happen, decided on the rows that the transaction sees: of any number of racing writers exactly
//! one wins. Sources: Amazon S3 User Guide, "Conditional requests"; API Reference, CopyObject, DeleteObject.

use crate::{
    metadata::{
        command::{SourceConditions, WritePrecondition},
        outcome::CommandError,
    },
    types::{ETag, Timestamp},
};

/// What conditions compare: a version that exists and is no delete marker.
#[derive(Clone, Debug)]
pub(super) struct Validators {
    pub etag: ETag,
    pub size: u64,
    pub modified: Timestamp,
}

/// For a write. `If-Match` on a key that isn't there is 404, as in S3.
pub(super) fn check_write(condition: &WritePrecondition, current: Option<&Validators>) -> Result<(), CommandError> {
    match (condition, current) {
        (WritePrecondition::None, _) | (WritePrecondition::Absent, None) | (WritePrecondition::Present, Some(_)) => {
            Ok(())
        }
        (WritePrecondition::NoneMatches(_), None) => Ok(()),
        (WritePrecondition::Absent, Some(_)) => Err(CommandError::PreconditionFailed),
        (_, None) => Err(CommandError::NoSuchKey),
        (WritePrecondition::Matches(etags), Some(current)) => met(etags.contains(&current.etag)),
        (WritePrecondition::NoneMatches(etags), Some(current)) => met(!etags.contains(&current.etag)),
        (WritePrecondition::MatchesAll { etags, size, last_modified_seconds }, Some(current)) => {
            met((etags.is_empty() || etags.contains(&current.etag))
                && size.is_none_or(|size| size == current.size)
                && last_modified_seconds.is_none_or(|seconds| seconds == current.modified.unix_seconds()))
        }
    }
}

/// What a delete is about.
pub(super) enum DeleteTarget<'a> {
    Absent,
    DeleteMarker,
    Object(&'a Validators),
}

/// For a delete: deleting what is not there succeeds, whatever the condition. A delete marker is there, and has no tag, size or
/// time that a condition could name.
pub(super) fn check_delete(condition: &WritePrecondition, target: &DeleteTarget<'_>) -> Result<(), CommandError> {
    match target {
        DeleteTarget::Absent => Ok(()),
        DeleteTarget::DeleteMarker => met(matches!(condition, WritePrecondition::None | WritePrecondition::Present)),
        DeleteTarget::Object(current) => check_write(condition, Some(current)),
    }
}

/// For the source of a copy. As S3 has it: a matching `If-Match` outweighs `If-Unmodified-Since`, a matching
/// `If-None-Match` outweighs `If-Modified-Since`.
pub(super) fn check_source(conditions: &SourceConditions, source: &Validators) -> Result<(), CommandError> {
    let seconds = source.modified.unix_seconds();
    let holds = |tags: &Vec<ETag>| tags.iter().any(|tag| tag.as_str() == "*" || *tag == source.etag);
    let may_be_old = match &conditions.if_match {
        Some(tags) => holds(tags),
        None => conditions.if_unmodified_since_seconds.is_none_or(|limit| seconds <= limit),
    };
    let may_be_new = match &conditions.if_none_match {
        Some(tags) => !holds(tags),
        None => conditions.if_modified_since_seconds.is_none_or(|limit| seconds > limit),
    };
    if may_be_old && may_be_new { Ok(()) } else { Err(CommandError::SourcePreconditionFailed) }
}

fn met(holds: bool) -> Result<(), CommandError> {
    if holds { Ok(()) } else { Err(CommandError::PreconditionFailed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn current() -> Validators {
        Validators { etag: tag("aa"), size: 7, modified: Timestamp::from_unix_millis(5_900) }
    }

    fn tag(text: &str) -> ETag {
        text.parse().unwrap()
    }

    #[test]
    fn writes_follow_the_table_of_s3() {
        let there = current();
        let matches = |text| WritePrecondition::Matches(vec![tag("zz"), tag(text)]);
        let failed = Err(CommandError::PreconditionFailed);
        for (condition, on_present, on_absent) in [
            (WritePrecondition::None, Ok(()), Ok(())),
            (WritePrecondition::Absent, failed.clone(), Ok(())),
            (WritePrecondition::Present, Ok(()), Err(CommandError::NoSuchKey)),
            (matches("aa"), Ok(()), Err(CommandError::NoSuchKey)),
            (WritePrecondition::NoneMatches(vec![tag("aa")]), failed.clone(), Ok(())),
            (WritePrecondition::NoneMatches(vec![tag("bb")]), Ok(()), Ok(())),
            (matches("bb"), failed, Err(CommandError::NoSuchKey)),
        ] {
            assert_eq!(check_write(&condition, Some(&there)), on_present, "{condition:?}");
            assert_eq!(check_write(&condition, None), on_absent, "{condition:?}");
        }
    }

    #[test]
    fn deletes_compare_size_and_time_too_and_forgive_absence() {
        let all = |size, seconds| WritePrecondition::MatchesAll {
            etags: vec![],
            size: Some(size),
            last_modified_seconds: Some(seconds),
        };
        let (there, failed) = (current(), Err(CommandError::PreconditionFailed));
        assert_eq!(check_delete(&all(7, 5), &DeleteTarget::Object(&there)), Ok(()));
        assert_eq!(check_delete(&all(8, 5), &DeleteTarget::Object(&there)), failed);
        assert_eq!(check_delete(&all(7, 6), &DeleteTarget::Object(&there)), failed);
        assert_eq!(check_delete(&all(8, 6), &DeleteTarget::Absent), Ok(()));
        assert_eq!(check_delete(&all(0, 5), &DeleteTarget::DeleteMarker), failed);
        assert_eq!(check_delete(&WritePrecondition::Present, &DeleteTarget::DeleteMarker), Ok(()));
    }

    #[test]
    fn tags_outweigh_dates_on_the_source_of_a_copy() {
        let conditions = |change: fn(&mut SourceConditions)| {
            let mut conditions = SourceConditions::default();
            change(&mut conditions);
            check_source(&conditions, &current()).is_ok()
        };
        assert!(conditions(|_| {}));
        assert!(conditions(|c| c.if_match = Some(vec![tag("aa")])));
        assert!(!conditions(|c| c.if_match = Some(vec![tag("bb")])));
        assert!(!conditions(|c| c.if_none_match = Some(vec![tag("aa")])));
        assert!(conditions(|c| {
            c.if_match = Some(vec![tag("aa")]);
            c.if_unmodified_since_seconds = Some(1);
        }));
        assert!(!conditions(|c| c.if_unmodified_since_seconds = Some(4)));
        assert!(conditions(|c| c.if_unmodified_since_seconds = Some(5)));
        assert!(!conditions(|c| c.if_modified_since_seconds = Some(5)));
        assert!(conditions(|c| c.if_modified_since_seconds = Some(4)));
        assert!(!conditions(|c| {
            c.if_none_match = Some(vec![tag("aa")]);
            c.if_modified_since_seconds = Some(1);
        }));
    }
}
