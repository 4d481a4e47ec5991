//! PutObjectRetention. A document without mode and date removes the retention.

use crate::{
    objects::Objects,
    s3::{
        RequestBody, RequestContext, Response, S3Code, S3Error,
        ops::{
            object_lock_input,
            parameter::{self, DOCUMENT_MAX_BYTES},
        },
        xml::{self, Schema},
    },
    types::{Retention, RetentionMode, Timestamp},
};
use http::StatusCode;
use serde::Deserialize;

const SCHEMA: Schema = Schema(&[("Retention", &["Mode", "RetainUntilDate"])]);

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "Mode")]
    mode: Option<String>,
    #[serde(rename = "RetainUntilDate")]
    until: Option<String>,
}

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects, body: RequestBody) -> Result<Response, S3Error> {
    let (target, bypass) = (object_lock_input::target(ctx)?, object_lock_input::bypass(ctx)?);
    let retention = parse(&body.read_document(DOCUMENT_MAX_BYTES).await?)?;
    objects.set_retention(target, retention, bypass).await?;
    Ok(parameter::empty(StatusCode::OK))
}

pub(in crate::s3) fn parse(document: &[u8]) -> Result<Option<Retention>, S3Error> {
    let document: Document = xml::read(document, SCHEMA)?;
    let malformed = || S3Error::new(S3Code::MalformedXML);
    match (document.mode.as_deref().map(str::trim), document.until.as_deref().map(str::trim)) {
        (None, None) => Ok(None),
        (Some(mode), Some(until)) => Ok(Some(Retention {
            mode: RetentionMode::from_name(mode).ok_or_else(malformed)?,
            until: Timestamp::from_iso_8601(until).ok_or_else(malformed)?,
        })),
        (None, Some(_)) | (Some(_), None) => Err(malformed()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(inner: &str) -> Result<Option<Retention>, S3Code> {
        parse(format!("<Retention>{inner}</Retention>").as_bytes()).map_err(|error| error.code())
    }

    #[test]
    fn a_retention_is_whole_or_none() {
        let until = Timestamp::from_unix_millis(1_893_456_000_500);
        let date = "<RetainUntilDate>2030-01-01T00:00:00.500Z</RetainUntilDate>";
        assert_eq!(
            parsed(&format!("<Mode>GOVERNANCE</Mode>{date}")),
            Ok(Some(Retention { mode: RetentionMode::Governance, until }))
        );
        assert_eq!(
            parsed(&format!("{date}<Mode>COMPLIANCE</Mode>")),
            Ok(Some(Retention { mode: RetentionMode::Compliance, until }))
        );
        assert_eq!(parsed(""), Ok(None));
        for inner in [
            "<Mode>GOVERNANCE</Mode>",
            date,
            &format!("<Mode>governance</Mode>{date}"),
            &format!("<Mode/>{date}"),
            "<Mode>GOVERNANCE</Mode><RetainUntilDate>2030-01-01</RetainUntilDate>",
            "<Mode>GOVERNANCE</Mode><RetainUntilDate/>",
            &format!("<Mode>GOVERNANCE</Mode>{date}<Days>1</Days>"),
        ] {
            assert_eq!(parsed(inner), Err(S3Code::MalformedXML), "{inner}");
        }
    }
}
