//! HeadObject: what GetObject answers, without the body.

use super::selection_input::get_input;
use crate::{
    objects::Objects,
    s3::{
        RequestContext, Response, S3Error,
        ops::object_output::{self, Overrides, checksum_mode},
    },
};

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects) -> Result<Response, S3Error> {
    let (input, overrides, mode) = (get_input(ctx)?, Overrides::parse(ctx)?, checksum_mode(ctx)?);
    let found = objects.head(&input).await?;
    let expiry = object_output::expiry(ctx, objects, &found).await?;
    object_output::render(ctx.permit, &found, expiry.as_ref(), &overrides, mode)
}
