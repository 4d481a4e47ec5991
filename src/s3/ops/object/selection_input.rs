//! Which version and which bytes GetObject and HeadObject mean.

use crate::{
    objects::{ByteRange, GetInput, PARTS_MAX, Selection},
    s3::{
        RequestContext, S3Error,
        ops::{condition_input, parameter},
    },
};

pub fn get_input(ctx: &RequestContext<'_>) -> Result<GetInput, S3Error> {
    Ok(GetInput {
        bucket: ctx.bucket()?.clone(),
        key: ctx.key()?.clone(),
        version: parameter::version(ctx)?,
        permit: ctx.permit,
        conditions: condition_input::read_conditions(ctx)?,
        selection: selection(ctx)?,
    })
}

fn selection(ctx: &RequestContext<'_>) -> Result<Selection, S3Error> {
    let range = ctx.header("range")?.and_then(ByteRange::parse);
    match (ctx.query.get("partNumber"), range) {
        (None, None) => Ok(Selection::Whole),
        (None, Some(range)) => Ok(Selection::Range(range)),
        (Some(_), Some(_)) => {
            Err(S3Error::invalid_request("Cannot specify both Range header and partNumber query parameter"))
        }
        (Some(text), None) => {
            let number = parameter::number("partNumber", Some(text)).ok().flatten();
            number.filter(|number| (1..=PARTS_MAX).contains(number)).map(Selection::Part).ok_or_else(|| {
                let message = "Part number must be an integer between 1 and 10000, inclusive";
                S3Error::invalid_argument("partNumber", text, message)
            })
        }
    }
}
