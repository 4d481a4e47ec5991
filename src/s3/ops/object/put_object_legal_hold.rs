//! PutObjectLegalHold.

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
    types::LegalHold,
};
use http::StatusCode;
use serde::Deserialize;

const SCHEMA: Schema = Schema(&[("LegalHold", &["Status"])]);

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "Status")]
    status: String,
}

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects, body: RequestBody) -> Result<Response, S3Error> {
    let target = object_lock_input::target(ctx)?;
    let legal_hold = parse(&body.read_document(DOCUMENT_MAX_BYTES).await?)?;
    objects.set_legal_hold(target, legal_hold).await?;
    Ok(parameter::empty(StatusCode::OK))
}

pub(in crate::s3) fn parse(document: &[u8]) -> Result<LegalHold, S3Error> {
    let document: Document = xml::read(document, SCHEMA)?;
    LegalHold::from_name(document.status.trim()).ok_or_else(|| S3Code::MalformedXML.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_one_of_two() {
        let parsed = |text: &str| parse(text.as_bytes()).map_err(|error| error.code());
        assert_eq!(parsed("<LegalHold><Status>ON</Status></LegalHold>"), Ok(LegalHold::On));
        assert_eq!(parsed("<LegalHold><Status> OFF </Status></LegalHold>"), Ok(LegalHold::Off));
        for text in [
            "<LegalHold><Status>on</Status></LegalHold>",
            "<LegalHold><Status/></LegalHold>",
            "<LegalHold/>",
            "<LegalHold><Status>ON</Status><Status>OFF</Status></LegalHold>",
            "<Retention><Status>ON</Status></Retention>",
        ] {
            assert_eq!(parsed(text), Err(S3Code::MalformedXML), "{text}");
        }
    }
}
