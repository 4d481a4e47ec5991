//! RenameObject, and the same for a whole prefix. One command each: rows get another key, no byte moves.
//! Source: Amazon S3 API Reference, RenameObject.

use super::{ObjectError, Objects, ReadConditions, TagCondition, copy_source::source_conditions, handle::unexpected};
use crate::{
    metadata::{
        Command, Outcome,
        command::{RenameObject, RenamePrefix, SourceConditions},
    },
    types::{BucketName, ObjectKey},
};

#[derive(Clone, Debug)]
pub struct RenameInput {
    pub bucket: BucketName,
    pub source: ObjectKey,
    pub destination: ObjectKey,
    pub source_conditions: ReadConditions,
    pub destination_conditions: ReadConditions,
    /// Under which the client repeats the request.
    pub token: Option<String>,
}

#[derive(Clone, Debug)]
pub struct RenamePrefixInput {
    pub bucket: BucketName,
    /// What the keys begin with now.
    pub source: ObjectKey,
    /// What they are to begin with.
    pub destination: ObjectKey,
}

impl Objects {
    pub async fn rename(&self, input: RenameInput) -> Result<(), ObjectError> {
        if input.source == input.destination {
            return Err(ObjectError::InvalidRequest("The source and the destination are the same key.".to_owned()));
        }
        let bucket = self.bucket(&input.bucket).await?;
        let command = Command::RenameObject(RenameObject {
            bucket: bucket.id,
            source: input.source,
            destination: input.destination,
            source_conditions: with_stars(&input.source_conditions),
            destination_conditions: with_stars(&input.destination_conditions),
            token: input.token,
            at: self.now(),
        });
        match self.propose(command).await {
            Ok(Outcome::Done) => Ok(()),
            Ok(other) => Err(unexpected(&other)),
            Err(ObjectError::PreconditionFailed { condition: "x-amz-copy-source-If-Match" }) => {
                Err(ObjectError::PreconditionFailed { condition: "x-amz-rename-source-If-Match" })
            }
            Err(error) => Err(error),
        }
    }

    /// How many keys were renamed.
    pub async fn rename_prefix(&self, input: RenamePrefixInput) -> Result<u64, ObjectError> {
        let (source, destination) = (input.source.as_str(), input.destination.as_str());
        if source.starts_with(destination) || destination.starts_with(source) {
            return Err(ObjectError::InvalidRequest("One of the two prefixes begins with the other.".to_owned()));
        }
        let bucket = self.bucket(&input.bucket).await?;
        let (source, destination) = (input.source, input.destination);
        let command = Command::RenamePrefix(RenamePrefix { bucket: bucket.id, source, destination });
        match self.propose(command).await {
            Ok(Outcome::Progress { rows }) => Ok(rows),
            Ok(other) => Err(unexpected(&other)),
            // The destination is to be empty, as if the client had asked for it so.
            Err(ObjectError::PreconditionFailed { .. }) => {
                Err(ObjectError::PreconditionFailed { condition: "If-None-Match" })
            }
            Err(error) => Err(error),
        }
    }
}

/// A star is compared too: neither key was looked up before.
fn with_stars(conditions: &ReadConditions) -> SourceConditions {
    let star = |condition: &Option<TagCondition>| {
        let star = || "*".parse().into_iter().collect();
        matches!(condition, Some(TagCondition::Any)).then(star)
    };
    let plain = source_conditions(conditions);
    SourceConditions {
        if_match: plain.if_match.or_else(|| star(&conditions.if_match)),
        if_none_match: plain.if_none_match.or_else(|| star(&conditions.if_none_match)),
        ..plain
    }
}
