//! GetObjectLegalHold: a version that never had one is told from one whose is off.

use crate::{
    objects::Objects,
    s3::{
        RequestContext, Response, S3Error,
        ops::{object_lock_input, parameter},
        xml::XmlWriter,
    },
};

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects) -> Result<Response, S3Error> {
    let legal_hold = objects.legal_hold(&object_lock_input::target(ctx)?).await?;
    let mut xml = XmlWriter::document("LegalHold");
    xml.text("Status", legal_hold.name());
    Ok(parameter::document(xml.finish()))
}
