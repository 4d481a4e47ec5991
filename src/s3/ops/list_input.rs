//! Parameters that lists have in common.

use super::parameter;
use crate::{
    objects::LIST_PAGE_MAX,
    s3::{RequestContext, S3Error, xml::TextEncoding},
};

pub struct ListParameters {
    pub prefix: String,
    /// Empty: none.
    pub delimiter: String,
    pub encoding: TextEncoding,
    /// As S3 shows it: at most 1000.
    pub page_limit: u32,
}

/// `limit_name` is `max-keys` or `max-uploads`.
pub fn list_parameters(ctx: &RequestContext<'_>, limit_name: &'static str) -> Result<ListParameters, S3Error> {
    let limit = parameter::query_number(ctx, limit_name)?.unwrap_or(LIST_PAGE_MAX);
    refuse_unordered_prefixes(ctx)?;
    Ok(ListParameters {
        prefix: text(ctx, "prefix"),
        delimiter: text(ctx, "delimiter"),
        encoding: encoding(ctx)?,
        page_limit: limit.min(LIST_PAGE_MAX),
    })
}

/// A parameter of Ceph's: keys may come in any order, which ours are too. It goes with no delimiter there, as ceph/s3-tests has it.
fn refuse_unordered_prefixes(ctx: &RequestContext<'_>) -> Result<(), S3Error> {
    const UNORDERED: &str = "allow-unordered";
    match ctx.query.get(UNORDERED) {
        Some(value) if value == "true" && !text(ctx, "delimiter").is_empty() => {
            Err(S3Error::invalid_argument(UNORDERED, value, "An unordered list has no delimiter."))
        }
        _ => Ok(()),
    }
}

/// A parameter's value; empty when it is absent.
pub fn text(ctx: &RequestContext<'_>, name: &str) -> String {
    ctx.query.get(name).unwrap_or_default().to_owned()
}

pub fn encoding(ctx: &RequestContext<'_>) -> Result<TextEncoding, S3Error> {
    match ctx.query.get("encoding-type") {
        None | Some("") => Ok(TextEncoding::Plain),
        Some(name) if name.eq_ignore_ascii_case("url") => Ok(TextEncoding::Url),
        Some(other) => {
            Err(S3Error::invalid_argument("encoding-type", other, "Invalid Encoding Method specified in Request"))
        }
    }
}
