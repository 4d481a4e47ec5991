//! PutBucketVersioning. Deletes that need a second factor (`MfaDelete`) are not ours.

use crate::{
    objects::Objects,
    s3::{
        RequestBody, RequestContext, Response, S3Code, S3Error,
        ops::parameter::{self, DOCUMENT_MAX_BYTES},
        xml::{self, Schema},
    },
    types::Versioning,
};
use http::StatusCode;
use serde::Deserialize;

const SCHEMA: Schema = Schema(&[("VersioningConfiguration", &["Status", "MfaDelete"])]);

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "Status")]
    status: Option<String>,
    #[serde(rename = "MfaDelete")]
    mfa_delete: Option<String>,
}

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects, body: RequestBody) -> Result<Response, S3Error> {
    let versioning = parse(&body.read_document(DOCUMENT_MAX_BYTES).await?)?;
    objects.set_versioning(ctx.bucket()?, versioning).await?;
    Ok(parameter::empty(StatusCode::OK))
}

pub(in crate::s3) fn parse(document: &[u8]) -> Result<Versioning, S3Error> {
    let document: Document = xml::read(document, SCHEMA)?;
    match document.mfa_delete.as_deref().map(str::trim) {
        None | Some("Disabled") => {}
        Some("Enabled") => {
            return Err(S3Error::with_message(
                S3Code::NotImplemented,
                "Deletes that need a second factor are not implemented.",
            ));
        }
        Some(_) => return Err(S3Code::MalformedXML.into()),
    }
    match document.status.as_deref().map(str::trim) {
        Some("Enabled") => Ok(Versioning::Enabled),
        Some("Suspended") => Ok(Versioning::Suspended),
        Some(_) => Err(S3Code::MalformedXML.into()),
        None => Err(S3Code::IllegalVersioningConfigurationException.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(inner: &str) -> Result<Versioning, S3Code> {
        let text = format!("<VersioningConfiguration>{inner}</VersioningConfiguration>");
        parse(text.as_bytes()).map_err(|error| error.code())
    }

    #[test]
    fn a_status_is_one_of_two() {
        for (inner, versioning) in [
            ("<Status>Enabled</Status>", Ok(Versioning::Enabled)),
            ("<Status>Suspended</Status><MfaDelete>Disabled</MfaDelete>", Ok(Versioning::Suspended)),
            ("<MfaDelete>Enabled</MfaDelete><Status>Enabled</Status>", Err(S3Code::NotImplemented)),
            ("<MfaDelete>maybe</MfaDelete><Status>Enabled</Status>", Err(S3Code::MalformedXML)),
            ("<Status>enabled</Status>", Err(S3Code::MalformedXML)),
            ("<Status></Status>", Err(S3Code::MalformedXML)),
            ("", Err(S3Code::IllegalVersioningConfigurationException)),
            ("<Other/>", Err(S3Code::MalformedXML)),
        ] {
            assert_eq!(parsed(inner), versioning, "{inner}");
        }
    }
}
