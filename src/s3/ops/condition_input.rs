//! Condition headers: of reads, of writes, of the source of a copy. Source: Amazon S3 User Guide, "Conditional
//! requests". A date that is no HTTP date is ignored, as RFC 9110 has it.

use crate::{
    objects::{RangeCondition, ReadConditions, TagCondition, WritePrecondition},
    s3::{RequestContext, S3Error},
    types::ETag,
};
use std::time::UNIX_EPOCH;

pub fn read_conditions(ctx: &RequestContext<'_>) -> Result<ReadConditions, S3Error> {
    Ok(ReadConditions {
        if_match: ctx.header("if-match")?.map(TagCondition::parse),
        if_none_match: ctx.header("if-none-match")?.map(TagCondition::parse),
        if_modified_since_seconds: ctx.header("if-modified-since")?.and_then(http_date),
        if_unmodified_since_seconds: ctx.header("if-unmodified-since")?.and_then(http_date),
        if_range: ctx.header("if-range")?.map(range_condition),
    })
}

fn range_condition(text: &str) -> RangeCondition {
    match (http_date(text), text.trim().parse()) {
        (Some(seconds), _) => RangeCondition::ModifiedAt { seconds },
        (None, Ok(tag)) if !text.trim().starts_with("W/") => RangeCondition::Tag(tag),
        (None, _) => RangeCondition::Never,
    }
}

pub fn copy_source_conditions(ctx: &RequestContext<'_>) -> Result<ReadConditions, S3Error> {
    let names = [
        "x-amz-copy-source-if-match",
        "x-amz-copy-source-if-none-match",
        "x-amz-copy-source-if-modified-since",
        "x-amz-copy-source-if-unmodified-since",
    ];
    four_conditions(ctx, names)
}

/// Of RenameObject, on what is renamed.
pub fn rename_source_conditions(ctx: &RequestContext<'_>) -> Result<ReadConditions, S3Error> {
    let names = [
        "x-amz-rename-source-if-match",
        "x-amz-rename-source-if-none-match",
        "x-amz-rename-source-if-modified-since",
        "x-amz-rename-source-if-unmodified-since",
    ];
    four_conditions(ctx, names)
}

/// Of RenameObject, on what has the new name.
pub fn rename_destination_conditions(ctx: &RequestContext<'_>) -> Result<ReadConditions, S3Error> {
    four_conditions(ctx, ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since"])
}

fn four_conditions(ctx: &RequestContext<'_>, names: [&'static str; 4]) -> Result<ReadConditions, S3Error> {
    let [if_match, if_none_match, if_modified_since, if_unmodified_since] = names;
    Ok(ReadConditions {
        if_match: ctx.header(if_match)?.map(TagCondition::parse),
        if_none_match: ctx.header(if_none_match)?.map(TagCondition::parse),
        if_modified_since_seconds: ctx.header(if_modified_since)?.and_then(http_date),
        if_unmodified_since_seconds: ctx.header(if_unmodified_since)?.and_then(http_date),
        if_range: None,
    })
}

/// Of PutObject, CopyObject and CompleteMultipartUpload.
pub fn write_precondition(ctx: &RequestContext<'_>) -> Result<WritePrecondition, S3Error> {
    let if_match = ctx.header("if-match")?.map(TagCondition::parse);
    let if_none_match = ctx.header("if-none-match")?.map(TagCondition::parse);
    match (if_match, if_none_match) {
        (None, None) => Ok(WritePrecondition::None),
        (Some(TagCondition::Any), None) => Ok(WritePrecondition::Present),
        (Some(TagCondition::Tags(tags)), None) => Ok(WritePrecondition::Matches(tags)),
        (None, Some(TagCondition::Any)) => Ok(WritePrecondition::Absent),
        (None, Some(TagCondition::Tags(tags))) => Ok(WritePrecondition::NoneMatches(tags)),
        (Some(_), Some(_)) => {
            Err(S3Error::invalid_request("If-Match and If-None-Match cannot both be given for a write."))
        }
    }
}

/// Of DeleteObject.
pub fn delete_precondition(ctx: &RequestContext<'_>) -> Result<WritePrecondition, S3Error> {
    let etag = ctx.header("if-match")?;
    let modified = ctx.header("x-amz-if-match-last-modified-time")?;
    let size = ctx.header("x-amz-if-match-size")?;
    delete_condition(etag, modified, size)
}

/// Of DeleteObject's headers and of an entry of DeleteObjects: all that are given must hold.
pub fn delete_condition(
    etag: Option<&str>,
    modified: Option<&str>,
    size: Option<&str>,
) -> Result<WritePrecondition, S3Error> {
    let etags = match etag.map(TagCondition::parse) {
        Some(TagCondition::Tags(tags)) => Some(tags),
        Some(TagCondition::Any) => Some(Vec::new()),
        None => None,
    };
    let last_modified_seconds = modified.map(any_date).transpose()?;
    let size = size.map(parse_size).transpose()?;
    Ok(match (etags, size, last_modified_seconds) {
        (None, None, None) => WritePrecondition::None,
        (Some(tags), None, None) if tags.is_empty() => present_or_nothing(etag),
        (Some(tags), None, None) => WritePrecondition::Matches(tags),
        (etags, size, last_modified_seconds) => {
            WritePrecondition::MatchesAll { etags: etags.unwrap_or_default(), size, last_modified_seconds }
        }
    })
}

/// A star asks for presence; a value that is no tag at all matches nothing.
fn present_or_nothing(etag: Option<&str>) -> WritePrecondition {
    match etag.map(TagCondition::parse) {
        Some(TagCondition::Any) => WritePrecondition::Present,
        _ => WritePrecondition::Matches(Vec::<ETag>::new()),
    }
}

fn parse_size(text: &str) -> Result<u64, S3Error> {
    text.parse().map_err(|_| S3Error::invalid_argument("x-amz-if-match-size", text, "Not a size in bytes."))
}

fn http_date(text: &str) -> Option<i64> {
    let since = httpdate::parse_http_date(text.trim()).ok()?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_secs()).ok()
}

/// An HTTP date, or the ISO 8601 form that XML bodies have.
fn any_date(text: &str) -> Result<i64, S3Error> {
    let iso = || {
        time::OffsetDateTime::parse(text.trim(), &time::format_description::well_known::Rfc3339)
            .ok()
            .map(time::OffsetDateTime::unix_timestamp)
    };
    let refused = || S3Error::invalid_argument("x-amz-if-match-last-modified-time", text, "Not a date.");
    http_date(text).or_else(iso).ok_or_else(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_of_deletes_combine() {
        let tag: ETag = "a".parse().unwrap();
        let condition = |etag, modified, size| delete_condition(etag, modified, size).unwrap();
        assert_eq!(condition(None, None, None), WritePrecondition::None);
        assert_eq!(condition(Some("*"), None, None), WritePrecondition::Present);
        assert_eq!(condition(Some("\"a\""), None, None), WritePrecondition::Matches(vec![tag.clone()]));
        assert_eq!(condition(Some("\"\""), None, None), WritePrecondition::Matches(vec![]));
        let all = WritePrecondition::MatchesAll {
            etags: vec![tag],
            size: Some(7),
            last_modified_seconds: Some(1_445_412_480),
        };
        assert_eq!(condition(Some("a"), Some("Wed, 21 Oct 2015 07:28:00 GMT"), Some("7")), all);
        assert_eq!(condition(Some("a"), Some("2015-10-21T07:28:00.000Z"), Some("7")), all);
        assert!(delete_condition(None, Some("yesterday"), None).is_err());
        assert!(delete_condition(None, None, Some("-1")).is_err());
    }

    #[test]
    fn a_range_hangs_on_a_date_or_a_strong_tag() {
        let at = RangeCondition::ModifiedAt { seconds: 1_445_412_480 };
        assert_eq!(range_condition("Wed, 21 Oct 2015 07:28:00 GMT"), at);
        assert_eq!(range_condition("\"a\""), RangeCondition::Tag("a".parse().unwrap()));
        assert_eq!(range_condition("W/\"a\""), RangeCondition::Never);
        assert_eq!(range_condition(""), RangeCondition::Never);
    }

    #[test]
    fn dates_that_are_none_are_ignored() {
        assert_eq!(http_date("Wed, 21 Oct 2015 07:28:00 GMT"), Some(1_445_412_480));
        assert_eq!(http_date("last week"), None);
    }
}
