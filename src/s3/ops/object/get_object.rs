//! GetObject. The body streams with an exact Content-Length. An object that can't be read from its beginning is an error
//! with a status; when later bytes are missing, the connection is broken off, so that nobody takes a short body for the
//! object.

use super::selection_input::get_input;
use crate::{
    objects::{ObjectReader, Objects},
    s3::{
        RequestContext, Response, ResponseBody, S3Error,
        ops::object_output::{self, Overrides, checksum_mode},
        response::StreamFailed,
        taken,
    },
};
use bytes::Bytes;
use futures_util::{Stream, stream};

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects) -> Result<Response, S3Error> {
    let (input, overrides, mode) = (get_input(ctx)?, Overrides::parse(ctx)?, checksum_mode(ctx)?);
    let (found, reader) = objects.get(&input).await?;
    let length = found.range.end - found.range.start;
    let expiry = object_output::expiry(ctx, objects, &found).await?;
    let response = object_output::render(ctx.permit, &found, expiry.as_ref(), &overrides, mode)?;
    Ok(response.map(|_| ResponseBody::stream(length, taken::one_at_a_time(verified_bytes(reader)))))
}

fn verified_bytes(reader: ObjectReader) -> impl Stream<Item = Result<Bytes, StreamFailed>> + Send {
    stream::unfold(Some(reader), |reader| async move {
        let mut reader = reader?;
        match reader.next().await? {
            Ok(bytes) => Some((Ok(bytes), Some(reader))),
            Err(error) => {
                tracing::warn!(%error, "an answer is broken off: its next bytes can't be read");
                Some((Err(StreamFailed(error.to_string())), None))
            }
        }
    })
}
