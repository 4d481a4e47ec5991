//! A bucket's rules for other origins as a document, in both directions.

use crate::{
    s3::{
        S3Code, S3Error,
        xml::{self, Schema, XmlWriter},
    },
    types::{CorsConfiguration, CorsMethod, CorsPattern, CorsRule, ExposedHeader, InvalidCors},
};
use bytes::Bytes;
use serde::Deserialize;

/// Amazon S3 API Reference, "PutBucketCors": 64 KB.
pub const CORS_DOCUMENT_MAX_BYTES: usize = 64 << 10;

/// What a number of S3's schema holds.
const NUMBER_MAX: u32 = i32::MAX as u32;

const SCHEMA: Schema = Schema(&[
    ("CORSConfiguration", &["CORSRule"]),
    ("CORSRule", &["AllowedHeader", "AllowedMethod", "AllowedOrigin", "ExposeHeader", "ID", "MaxAgeSeconds"]),
]);

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "CORSRule", default)]
    rules: Vec<RuleElement>,
}

#[derive(Deserialize)]
struct RuleElement {
    #[serde(rename = "$value", default)]
    items: Vec<Item>,
}

/// One by one, because they may stand in any order.
#[derive(Deserialize)]
enum Item {
    AllowedHeader(String),
    AllowedMethod(String),
    AllowedOrigin(String),
    ExposeHeader(String),
    #[serde(rename = "ID")]
    Id(String),
    MaxAgeSeconds(u32),
}

pub fn parse_document(bytes: &[u8]) -> Result<CorsConfiguration, S3Error> {
    let document: Document = xml::read(bytes, SCHEMA)?;
    let rules = document.rules.into_iter().map(rule).collect::<Result<_, _>>()?;
    CorsConfiguration::new(rules).map_err(|error| refused("", error))
}

fn rule(element: RuleElement) -> Result<CorsRule, S3Error> {
    let (mut ids, mut ages) = (Vec::new(), Vec::new());
    let mut rule = CorsRule::default();
    for item in element.items {
        match item {
            Item::AllowedHeader(text) => rule.allowed_headers.push(pattern("AllowedHeader", text)?),
            Item::AllowedMethod(text) => {
                rule.methods.push(CorsMethod::parse(&text).map_err(|error| refused("AllowedMethod", error))?);
            }
            Item::AllowedOrigin(text) => rule.origins.push(pattern("AllowedOrigin", text)?),
            Item::ExposeHeader(text) => {
                let name = ExposedHeader::try_from(text).map_err(|error| refused("ExposeHeader", error))?;
                rule.exposed_headers.push(name);
            }
            Item::Id(text) => ids.push(text),
            Item::MaxAgeSeconds(seconds) => ages.push(seconds),
        }
    }
    if ids.len() > 1 || ages.len() > 1 || ages.iter().any(|seconds| *seconds > NUMBER_MAX) {
        return Err(S3Code::MalformedXML.into());
    }
    // Clients that ask for an id in a form send an empty one.
    rule.id = ids.pop().filter(|id| !id.is_empty());
    rule.max_age_seconds = ages.pop();
    Ok(rule)
}

fn pattern(name: &'static str, text: String) -> Result<CorsPattern, S3Error> {
    CorsPattern::try_from(text).map_err(|error| refused(name, error))
}

/// In S3's words, where they are known.
fn refused(name: &'static str, error: InvalidCors) -> S3Error {
    S3Error::invalid_request(match error {
        InvalidCors::Incomplete => return S3Code::MalformedXML.into(),
        InvalidCors::TooManyRules => {
            "The number of CORS rules should not exceed allowed limit of 100 rules.".to_owned()
        }
        InvalidCors::IdLength => "The ID of a CORS rule can not be longer than 255 characters.".to_owned(),
        InvalidCors::DuplicateId => "Rule ID must be unique. Found same ID for more than one rule".to_owned(),
        InvalidCors::Wildcards(text) => format!("{name} \"{text}\" can not have more than one wildcard."),
        InvalidCors::Characters(text) => format!("{name} \"{text}\" contains an invalid character."),
        InvalidCors::ExposedWildcard(text) => {
            format!("{name} \"{text}\" contains wildcard. We currently do not support wildcard for {name}.")
        }
        InvalidCors::Method(text) => {
            format!("Found unsupported HTTP method in CORS config. Unsupported method is {text}")
        }
    })
}

pub fn render_document(cors: &CorsConfiguration) -> Bytes {
    let mut xml = XmlWriter::document("CORSConfiguration");
    for rule in cors.rules() {
        xml.element("CORSRule", |xml| {
            xml.optional_text("ID", rule.id.as_deref());
            for method in &rule.methods {
                xml.text("AllowedMethod", method.as_str());
            }
            for origin in &rule.origins {
                xml.text("AllowedOrigin", origin.as_str());
            }
            for header in &rule.allowed_headers {
                xml.text("AllowedHeader", header.as_str());
            }
            for header in &rule.exposed_headers {
                xml.text("ExposeHeader", header.as_str());
            }
            if let Some(seconds) = rule.max_age_seconds {
                xml.number("MaxAgeSeconds", u64::from(seconds));
            }
        });
    }
    xml.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(inside: &str) -> String {
        format!("<CORSConfiguration><CORSRule>{inside}</CORSRule></CORSConfiguration>")
    }

    const LEAST: &str = "<AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin>";

    #[test]
    fn a_document_comes_back() {
        let text = document(
            "<AllowedOrigin>http://*.a</AllowedOrigin><AllowedMethod>PUT</AllowedMethod><AllowedMethod>HEAD</AllowedMethod>\
             <AllowedOrigin>http://b</AllowedOrigin><MaxAgeSeconds>7</MaxAgeSeconds><ExposeHeader>ETag</ExposeHeader>\
             <AllowedHeader>x-*</AllowedHeader><ID>one &amp; only</ID>",
        );
        let cors = parse_document(text.as_bytes()).unwrap();
        assert_eq!((cors.rules()[0].origins.len(), cors.rules()[0].methods.len()), (2, 2));
        let written = render_document(&cors);
        assert_eq!(parse_document(&written).unwrap(), cors);
        let empty_ids =
            format!("<CORSConfiguration>{0}{0}</CORSConfiguration>", format_args!("<CORSRule><ID/>{LEAST}</CORSRule>"));
        assert_eq!(parse_document(empty_ids.as_bytes()).unwrap().rules()[1].id, None);
    }

    #[test]
    fn each_fault_has_its_code() {
        let rules = |count: usize| {
            format!("<CORSConfiguration>{}</CORSConfiguration>", format!("<CORSRule>{LEAST}</CORSRule>").repeat(count))
        };
        assert!(parse_document(rules(100).as_bytes()).is_ok());
        for (text, code) in [
            (rules(0), S3Code::MalformedXML),
            (rules(101), S3Code::InvalidRequest),
            (document(""), S3Code::MalformedXML),
            (document("<AllowedMethod>GET</AllowedMethod>"), S3Code::MalformedXML),
            (document("<AllowedOrigin>*</AllowedOrigin>"), S3Code::MalformedXML),
            (document(&format!("{LEAST}<Other/>")), S3Code::MalformedXML),
            (document(&format!("{LEAST}<MaxAgeSeconds>-1</MaxAgeSeconds>")), S3Code::MalformedXML),
            (document(&format!("{LEAST}<MaxAgeSeconds>2147483648</MaxAgeSeconds>")), S3Code::MalformedXML),
            (document(&format!("{LEAST}<ID>a</ID><ID>b</ID>")), S3Code::MalformedXML),
            (document(&format!("{LEAST}<ID>{}</ID>", "i".repeat(256))), S3Code::InvalidRequest),
            (document(&format!("{LEAST}<AllowedMethod>PATCH</AllowedMethod>")), S3Code::InvalidRequest),
            (document(&format!("{LEAST}<AllowedOrigin>http://*.*</AllowedOrigin>")), S3Code::InvalidRequest),
            (document(&format!("{LEAST}<AllowedHeader>*-*</AllowedHeader>")), S3Code::InvalidRequest),
            (document(&format!("{LEAST}<ExposeHeader>*</ExposeHeader>")), S3Code::InvalidRequest),
            (document(&format!("{LEAST}<ExposeHeader>a&#13;&#10;b: c</ExposeHeader>")), S3Code::InvalidRequest),
            (document(&format!("{LEAST}<AllowedOrigin>a&#10;b</AllowedOrigin>")), S3Code::InvalidRequest),
            ("<Other/>".to_owned(), S3Code::MalformedXML),
        ] {
            assert_eq!(parse_document(text.as_bytes()).unwrap_err().code(), code, "{text}");
        }
    }
}
