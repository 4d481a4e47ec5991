//! GetObjectLockConfiguration: a bucket without Object Lock has none, and says so by a code of its own.

use crate::{
    objects::Objects,
    s3::{RequestContext, Response, S3Error, ops::parameter, xml::XmlWriter},
    types::RetentionPeriod,
};

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects) -> Result<Response, S3Error> {
    let configuration = objects.object_lock(ctx.bucket()?).await?;
    let mut xml = XmlWriter::document("ObjectLockConfiguration");
    xml.text("ObjectLockEnabled", "Enabled");
    if let Some(default) = configuration.default_retention {
        xml.element("Rule", |xml| {
            xml.element("DefaultRetention", |xml| {
                xml.text("Mode", default.mode.name());
                match default.period {
                    RetentionPeriod::Days(days) => xml.text("Days", &days.to_string()),
                    RetentionPeriod::Years(years) => xml.text("Years", &years.to_string()),
                };
            });
        });
    }
    Ok(parameter::document(xml.finish()))
}
