//! Conditions of writes, as this layer sees them. The decision falls inside the metadata command; here is only what
//! can be foreseen before a body is read, and the name under which S3 reports a failure.

use super::{ObjectError, WritePrecondition};
use crate::types::ETag;

impl WritePrecondition {
    /// Whether the condition would fail for a key whose current object (no delete marker) has this tag. Conditions
    /// on size and time are left to the command.
    pub(super) fn foresee(&self, current: Option<&ETag>) -> Result<(), ObjectError> {
        let fails = match (self, current) {
            (Self::Present | Self::Matches(_), None) => return Err(ObjectError::NoSuchKey),
            (Self::Absent, Some(_)) => true,
            (Self::NoneMatches(tags), Some(etag)) => tags.contains(etag),
            (Self::Matches(tags), Some(etag)) => !tags.contains(etag),
            (Self::None | Self::MatchesAll { .. }, _) | (Self::Present, Some(_)) => false,
            (Self::Absent | Self::NoneMatches(_), None) => false,
        };
        if fails { Err(self.failure()) } else { Ok(()) }
    }

    /// Gives a failed precondition the name of the header that asked for it.
    pub(super) fn name_failure(&self, error: ObjectError) -> ObjectError {
        match error {
            ObjectError::PreconditionFailed { .. } => self.failure(),
            other => other,
        }
    }

    fn failure(&self) -> ObjectError {
        let condition = match self {
            Self::Absent | Self::NoneMatches(_) => "If-None-Match",
            Self::None | Self::Matches(_) | Self::Present | Self::MatchesAll { .. } => "If-Match",
        };
        ObjectError::PreconditionFailed { condition }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_foreseen() {
        let tag: ETag = "a".parse().unwrap();
        let other: ETag = "b".parse().unwrap();
        let failed = |condition| Err(ObjectError::PreconditionFailed { condition });
        for (precondition, with_object, without) in [
            (WritePrecondition::None, Ok(()), Ok(())),
            (WritePrecondition::Absent, failed("If-None-Match"), Ok(())),
            (WritePrecondition::NoneMatches(vec![tag.clone()]), failed("If-None-Match"), Ok(())),
            (WritePrecondition::NoneMatches(vec![other.clone()]), Ok(()), Ok(())),
            (WritePrecondition::Present, Ok(()), Err(ObjectError::NoSuchKey)),
            (WritePrecondition::Matches(vec![tag.clone()]), Ok(()), Err(ObjectError::NoSuchKey)),
            (WritePrecondition::Matches(vec![other]), failed("If-Match"), Err(ObjectError::NoSuchKey)),
        ] {
            assert_eq!(precondition.foresee(Some(&tag)), with_object, "{precondition:?}");
            assert_eq!(precondition.foresee(None), without, "{precondition:?}");
        }
    }
}
