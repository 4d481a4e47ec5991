//! GetObjectRetention: also of a retention whose date has come.

use crate::{
    objects::Objects,
    s3::{
        RequestContext, Response, S3Error,
        ops::{object_lock_input, parameter},
        xml::XmlWriter,
    },
};

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects) -> Result<Response, S3Error> {
    let retention = objects.retention(&object_lock_input::target(ctx)?).await?;
    let mut xml = XmlWriter::document("Retention");
    xml.text("Mode", retention.mode.name()).text("RetainUntilDate", &retention.until.to_iso_8601());
    Ok(parameter::document(xml.finish()))
}
