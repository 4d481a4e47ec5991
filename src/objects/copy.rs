//! CopyObject. No data moves: the new version names the source's content. The source is read only when the client
//! asks for a checksum that the source does not have. Source: Amazon S3 API Reference, "CopyObject".

use super::{
    Directive, ObjectError, Objects, SINGLE_WRITE_MAX_BYTES, VersionSelector, WritePrecondition,
    acls::foresee_acl,
    copy_source::{FoundSource, Pinned, SourceInput},
    handle::unexpected,
    overtaken::unless_overtaken,
};
use crate::{
    metadata::{Command, Outcome, command::CopyObject, outcome::WrittenVersion},
    types::{
        Acl, BucketName, Checksum, ChecksumAlgorithm, ChecksumKind, ObjectChecksum, ObjectHeaders, ObjectKey, TagSet,
        VersionLock, VersionName,
    },
};

#[derive(Clone, Debug)]
pub struct CopyInput {
    pub source: SourceInput,
    pub bucket: BucketName,
    pub key: ObjectKey,
    pub owner: String,
    pub headers: Directive<ObjectHeaders>,
    /// `x-amz-website-redirect-location`, which is never taken from the source.
    pub website_redirect: Option<String>,
    pub tags: Directive<TagSet>,
    pub checksum: Option<ChecksumAlgorithm>,
    pub onto_itself: OntoItself,
    pub precondition: WritePrecondition,
    pub lock: VersionLock,
    /// Of the copy: the source's is never taken.
    pub acl: Option<Acl>,
}

/// Whether the request changes something of an object that is copied onto itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OntoItself {
    ChangesNothing,
    ChangesSomething,
}

#[derive(Clone, Debug)]
pub struct CopiedObject {
    pub written: WrittenVersion,
    pub source_version: Option<VersionName>,
}

const CHANGES_NOTHING: &str = "This copy request is illegal because it is trying to copy an object to itself without \
    changing the object's metadata, storage class, website redirect location or encryption attributes.";

impl Objects {
    pub async fn copy(&self, input: CopyInput) -> Result<CopiedObject, ObjectError> {
        unless_overtaken(|| self.try_copy(&input)).await
    }

    async fn try_copy(&self, input: &CopyInput) -> Result<CopiedObject, ObjectError> {
        let source = self.find_source(&input.source).await?;
        refuse_copy_that_changes_nothing(input, &source)?;
        if source.lookup.object.size > SINGLE_WRITE_MAX_BYTES {
            return Err(ObjectError::InvalidRequest(format!(
                "The specified copy source is larger than the maximum allowable size for a copy source: \
                 {SINGLE_WRITE_MAX_BYTES}"
            )));
        }
        let destination = self.bucket(&input.bucket).await?;
        self.foresee_lock(&destination, input.lock)?;
        let acl = foresee_acl(&destination, input.acl)?;
        let source_version = source.shown_version();
        let headers = headers_to_write(input, &source);
        let pinned_source = source.named(&input.source, Pinned::ToThisVersion);
        let loose_source = source.named(&input.source, Pinned::No);
        let headers_follow_source = headers != input.headers;
        let checksum = self.checksum_to_write(input.checksum, source).await?;
        let depends_on_found = headers_follow_source || matches!(checksum, Directive::Replace(_));
        let command = Command::CopyObject(CopyObject {
            source: if depends_on_found { pinned_source } else { loose_source },
            bucket: destination.id,
            key: input.key.clone(),
            version: self.new_version_id(),
            created: self.now(),
            owner: input.owner.clone(),
            headers,
            tags: input.tags.clone(),
            checksum,
            precondition: input.precondition.clone(),
            lock: input.lock,
            acl,
        });
        match self.propose(command).await {
            Ok(Outcome::Written(written)) => Ok(CopiedObject { written, source_version }),
            Ok(other) => Err(unexpected(&other)),
            Err(error) => Err(input.precondition.name_failure(error)),
        }
    }

    /// Keeps the source's checksum unless the client asks for another algorithm, or for the whole object's value
    /// where the source has one over its parts.
    async fn checksum_to_write(
        &self,
        asked: Option<ChecksumAlgorithm>,
        source: FoundSource,
    ) -> Result<Directive<Option<ObjectChecksum>>, ObjectError> {
        let Some(algorithm) = asked else { return Ok(Directive::Copy) };
        let has_it = source
            .lookup
            .object
            .checksum
            .as_ref()
            .is_some_and(|known| known.checksum.algorithm() == algorithm && known.kind == ChecksumKind::FullObject);
        if has_it {
            return Ok(Directive::Copy);
        }
        let range = 0..source.lookup.object.size;
        let digests = self.hash_source(source, range, algorithm).await?;
        let checksum: Option<Checksum> = digests.checksum(algorithm).cloned();
        Ok(Directive::Replace(checksum.map(ObjectChecksum::full_object)))
    }
}

/// The current version onto itself, also where it is named as the `null` version that it is.
fn refuse_copy_that_changes_nothing(input: &CopyInput, source: &FoundSource) -> Result<(), ObjectError> {
    let is_same_key = input.source.bucket == input.bucket && input.source.key == input.key;
    let is_current = match input.source.version {
        VersionSelector::Latest => true,
        VersionSelector::Null => source.lookup.object.is_latest,
        VersionSelector::Id(_) => false,
    };
    if is_same_key && is_current && input.onto_itself == OntoItself::ChangesNothing {
        return Err(ObjectError::InvalidRequest(CHANGES_NOTHING.to_owned()));
    }
    Ok(())
}

/// The website redirect is the request's alone, also where all else is the source's.
fn headers_to_write(input: &CopyInput, source: &FoundSource) -> Directive<ObjectHeaders> {
    let source_headers = &source.lookup.object.headers;
    let headers = match &input.headers {
        Directive::Copy if source_headers.system.website_redirect_location == input.website_redirect => {
            return Directive::Copy;
        }
        Directive::Copy => source_headers.clone(),
        Directive::Replace(headers) => headers.clone(),
    };
    let mut headers = headers;
    headers.system.website_redirect_location = input.website_redirect.clone();
    Directive::Replace(headers)
}
