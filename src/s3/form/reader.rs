//! Reads a form up to its file: the fields before it, in bounded memory, whoever sent them.

use super::{
    disposition::Disposition,
    fields::FormFields,
    file::FormFile,
    multipart::{MultipartDecoder, Step},
};
use crate::s3::{
    body::BodySource,
    error::{S3Code, S3Error},
};
use http::{HeaderMap, header};

/// Everything before the file. Amazon S3 API Reference, "POST Object": 20 KB.
const FIELDS_MAX_BYTES: u64 = 20 << 10;

/// RFC 2046, section 5.1.1.
const BOUNDARY_MAX_BYTES: usize = 70;

const MULTIPART: &str = "multipart/form-data";

/// A form of which the file is still to be read.
#[derive(Debug)]
pub struct PostForm {
    pub fields: FormFields,
    pub file: FormFile,
}

/// Whether the body says that it is a form.
pub fn is_form(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(MULTIPART))
}

impl PostForm {
    pub async fn read(headers: &HeaderMap, source: &mut BodySource) -> Result<Self, S3Error> {
        let mut decoder = MultipartDecoder::new(&boundary(headers).ok_or(S3Code::MalformedPOSTRequest)?);
        let (mut fields, mut open) = (FormFields::default(), None);
        loop {
            let step = decoder.step()?;
            if decoder.passed_bytes() > FIELDS_MAX_BYTES {
                return Err(S3Error::new(S3Code::MaxPostPreDataLengthExceeded)
                    .field("MaxPostPreDataLengthBytes", FIELDS_MAX_BYTES.to_string()));
            }
            match step {
                Step::NeedInput => match source.next().await? {
                    Some(bytes) => decoder.push(&bytes),
                    None => return Err(S3Code::MalformedPOSTRequest.into()),
                },
                Step::Part(head) if head.name.eq_ignore_ascii_case("file") => {
                    fields.set_file_name(head.file_name.as_deref().unwrap_or_default());
                    return Ok(Self { fields, file: FormFile::new(decoder) });
                }
                Step::Part(head) => open = Some((head.name, Vec::new())),
                Step::Data(bytes) => open.iter_mut().for_each(|(_, value)| value.extend_from_slice(&bytes)),
                Step::PartEnd => {
                    if let Some((name, value)) = open.take() {
                        fields.add(&name, value)?;
                    }
                }
                Step::End => {
                    let message = "POST requires exactly one file upload per request.";
                    return Err(S3Error::invalid_argument("file", "0", message));
                }
            }
        }
    }
}

fn boundary(headers: &HeaderMap) -> Option<String> {
    let content_type = Disposition::parse(headers.get(header::CONTENT_TYPE)?.to_str().ok()?)?;
    let boundary = content_type.get("boundary")?;
    let is_boundary = |b: u8| b.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&b);
    let fits = (1..=BOUNDARY_MAX_BYTES).contains(&boundary.len()) && !boundary.ends_with(' ');
    (fits && boundary.bytes().all(is_boundary)).then(|| boundary.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(content_type: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))])
    }

    #[test]
    fn a_form_names_a_boundary() {
        for (text, expected) in [
            ("multipart/form-data; boundary=----WebKitFormBoundaryA1", Some("----WebKitFormBoundaryA1")),
            ("Multipart/Form-Data; charset=utf-8; boundary=\"a b:c\"", Some("a b:c")),
            ("multipart/form-data", None),
            ("multipart/form-data; boundary=", None),
            ("multipart/form-data; boundary=\"a \"", None),
            ("multipart/form-data; boundary=a; boundary=b", None),
            ("multipart/form-data; boundary=\"a\\\"b\"", None),
            (
                "multipart/form-data; boundary=0123456789012345678901234567890123456789012345678901234567890123456789x",
                None,
            ),
        ] {
            assert!(is_form(&headers(text)), "{text}");
            assert_eq!(boundary(&headers(text)).as_deref(), expected, "{text}");
        }
        for other in ["application/x-www-form-urlencoded", "multipart/mixed; boundary=a", "", "multipart/form-datax"] {
            assert!(!is_form(&headers(other)), "{other}");
        }
    }
}
