//! A bucket's website configuration as a document, in both directions.
//! Source: Amazon S3 API Reference, "PutBucketWebsite", with the messages that S3 answers.

use crate::{
    s3::{
        S3Code, S3Error,
        xml::{self, Schema, XmlWriter},
    },
    types::{
        IndexSuffix, InvalidWebsite, ObjectKey, Redirect, RedirectHost, ReplacedKey, RoutingCondition, RoutingRule,
        Site, WebProtocol, WebsiteConfiguration,
    },
};
use bytes::Bytes;
use serde::Deserialize;

const SCHEMA: Schema = Schema(&[
    ("WebsiteConfiguration", &["ErrorDocument", "IndexDocument", "RedirectAllRequestsTo", "RoutingRules"]),
    ("ErrorDocument", &["Key"]),
    ("IndexDocument", &["Suffix"]),
    ("RedirectAllRequestsTo", &["HostName", "Protocol"]),
    ("RoutingRules", &["RoutingRule"]),
    ("RoutingRule", &["Condition", "Redirect"]),
    ("Condition", &["HttpErrorCodeReturnedEquals", "KeyPrefixEquals"]),
    ("Redirect", &["HostName", "HttpRedirectCode", "Protocol", "ReplaceKeyPrefixWith", "ReplaceKeyWith"]),
]);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    error_document: Option<ErrorDocument>,
    index_document: Option<IndexDocument>,
    redirect_all_requests_to: Option<RedirectAll>,
    routing_rules: Option<RoutingRules>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ErrorDocument {
    key: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct IndexDocument {
    suffix: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RedirectAll {
    host_name: Option<String>,
    protocol: Option<String>,
}

#[derive(Deserialize)]
struct RoutingRules {
    #[serde(rename = "RoutingRule", default)]
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Rule {
    condition: Option<Condition>,
    redirect: Option<RedirectElement>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Condition {
    http_error_code_returned_equals: Option<String>,
    key_prefix_equals: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RedirectElement {
    host_name: Option<String>,
    http_redirect_code: Option<String>,
    protocol: Option<String>,
    replace_key_prefix_with: Option<String>,
    replace_key_with: Option<String>,
}

pub fn parse_document(bytes: &[u8]) -> Result<WebsiteConfiguration, S3Error> {
    let document: Document = xml::read(bytes, SCHEMA)?;
    let website = match document.redirect_all_requests_to {
        Some(all) => {
            if document.index_document.is_some()
                || document.error_document.is_some()
                || document.routing_rules.is_some()
            {
                return Err(S3Error::invalid_request(
                    "RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules.",
                ));
            }
            let host = all.host_name.ok_or(S3Code::MalformedXML)?;
            let host = RedirectHost::try_from(host).map_err(refused)?;
            WebsiteConfiguration::RedirectAll { host, protocol: protocol(all.protocol)? }
        }
        None => WebsiteConfiguration::Site(site(document)?),
    };
    website.validate().map_err(refused)?;
    Ok(website)
}

fn site(document: Document) -> Result<Site, S3Error> {
    let suffix = document.index_document.and_then(|index| index.suffix).ok_or_else(|| {
        let reason = "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty";
        S3Error::invalid_argument("IndexDocument", "null", reason)
    })?;
    let error_key = match document.error_document {
        None => None,
        Some(ErrorDocument { key }) => {
            let key = key.ok_or(S3Code::MalformedXML)?;
            let invalid = |_| S3Error::invalid_argument("ErrorDocument", &key, "The Key is not the key of an object.");
            Some(ObjectKey::new(key.as_str()).map_err(invalid)?)
        }
    };
    let rules = document.routing_rules.map_or(Vec::new(), |rules| rules.rules);
    Ok(Site {
        index_suffix: IndexSuffix::try_from(suffix).map_err(refused)?,
        error_key,
        rules: rules.into_iter().map(rule).collect::<Result<_, _>>()?,
    })
}

fn rule(rule: Rule) -> Result<RoutingRule, S3Error> {
    let condition = match rule.condition {
        None => RoutingCondition::default(),
        Some(Condition { http_error_code_returned_equals: None, key_prefix_equals: None }) => {
            return Err(S3Error::invalid_request(
                "Condition cannot be empty. To redirect all requests without a condition, \
                 the condition element shouldn't be present.",
            ));
        }
        Some(condition) => RoutingCondition {
            key_prefix: condition.key_prefix_equals,
            error_code: condition.http_error_code_returned_equals.map(|text| code(&text)).transpose()?,
        },
    };
    let redirect = rule.redirect.ok_or(S3Code::MalformedXML)?;
    let key = match (redirect.replace_key_prefix_with, redirect.replace_key_with) {
        (Some(_), Some(_)) => {
            return Err(S3Error::invalid_request("You can only define ReplaceKeyPrefix or ReplaceKey but not both."));
        }
        (Some(prefix), None) => Some(ReplacedKey::Prefix(prefix)),
        (None, whole) => whole.map(ReplacedKey::Whole),
    };
    let redirect = Redirect {
        protocol: protocol(redirect.protocol)?,
        host: redirect.host_name.map(RedirectHost::try_from).transpose().map_err(refused)?,
        code: redirect.http_redirect_code.map(|text| code(&text)).transpose()?,
        key,
    };
    Ok(RoutingRule { condition, redirect })
}

fn code(text: &str) -> Result<u16, S3Error> {
    text.trim().parse().map_err(|_| S3Code::MalformedXML.into())
}

fn protocol(text: Option<String>) -> Result<Option<WebProtocol>, S3Error> {
    text.map(|text| WebProtocol::parse(text.trim()).map_err(refused)).transpose()
}

fn refused(error: InvalidWebsite) -> S3Error {
    S3Error::invalid_request(match error {
        InvalidWebsite::IndexSuffix => {
            return S3Error::invalid_argument("IndexDocument", "", "The IndexDocument Suffix is not well formed");
        }
        InvalidWebsite::TooManyRules => {
            "The number of routing rules must not exceed the allowed limit of 50 rules.".to_owned()
        }
        InvalidWebsite::Host(text) => format!("The host name ({text}) is not valid."),
        InvalidWebsite::Protocol(_) => {
            "Invalid protocol, protocol can be http or https. If not defined the protocol will \
             be selected automatically."
                .to_owned()
        }
        InvalidWebsite::ErrorCode(code) => {
            format!("The provided HTTP error code ({code}) is not valid. Valid codes are 4XX or 5XX.")
        }
        InvalidWebsite::RedirectCode(code) => {
            format!("The provided HTTP redirect code ({code}) is not valid. Valid codes are 3XX except 300.")
        }
        InvalidWebsite::EmptyRedirect => "Redirect cannot be empty.".to_owned(),
        InvalidWebsite::Key => "A key or prefix is longer than 1024 bytes, or has a control character.".to_owned(),
    })
}

pub fn render_document(website: &WebsiteConfiguration) -> Bytes {
    let mut xml = XmlWriter::document("WebsiteConfiguration");
    match website {
        WebsiteConfiguration::RedirectAll { host, protocol } => {
            xml.element("RedirectAllRequestsTo", |xml| {
                xml.text("HostName", host.as_str());
                xml.optional_text("Protocol", protocol.map(WebProtocol::name));
            });
        }
        WebsiteConfiguration::Site(site) => {
            xml.element("IndexDocument", |xml| {
                xml.text("Suffix", site.index_suffix.as_str());
            });
            if let Some(key) = &site.error_key {
                xml.element("ErrorDocument", |xml| {
                    xml.text("Key", key.as_str());
                });
            }
            if !site.rules.is_empty() {
                xml.element("RoutingRules", |xml| site.rules.iter().for_each(|rule| render_rule(xml, rule)));
            }
        }
    }
    xml.finish()
}

fn render_rule(xml: &mut XmlWriter, rule: &RoutingRule) {
    xml.element("RoutingRule", |xml| {
        let RoutingCondition { key_prefix, error_code } = &rule.condition;
        if key_prefix.is_some() || error_code.is_some() {
            xml.element("Condition", |xml| {
                xml.optional_text("HttpErrorCodeReturnedEquals", error_code.map(|code| code.to_string()).as_deref());
                xml.optional_text("KeyPrefixEquals", key_prefix.as_deref());
            });
        }
        xml.element("Redirect", |xml| {
            let Redirect { protocol, host, code, key } = &rule.redirect;
            xml.optional_text("Protocol", protocol.map(WebProtocol::name));
            xml.optional_text("HostName", host.as_ref().map(RedirectHost::as_str));
            match key {
                Some(ReplacedKey::Prefix(with)) => {
                    xml.text("ReplaceKeyPrefixWith", with);
                }
                Some(ReplacedKey::Whole(key)) => {
                    xml.text("ReplaceKeyWith", key);
                }
                None => {}
            }
            xml.optional_text("HttpRedirectCode", code.map(|code| code.to_string()).as_deref());
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(inside: &str) -> Result<WebsiteConfiguration, S3Code> {
        let text = format!("<WebsiteConfiguration>{inside}</WebsiteConfiguration>");
        parse_document(text.as_bytes()).map_err(|error| error.code())
    }

    const INDEX: &str = "<IndexDocument><Suffix>index.html</Suffix></IndexDocument>";

    fn ruled(rules: &str) -> String {
        format!("{INDEX}<RoutingRules>{rules}</RoutingRules>")
    }

    #[test]
    fn a_document_comes_back() {
        for inside in [
            INDEX.to_owned(),
            "<RedirectAllRequestsTo><HostName>a.example:81</HostName></RedirectAllRequestsTo>".to_owned(),
            "<RedirectAllRequestsTo><HostName>a</HostName><Protocol>https</Protocol></RedirectAllRequestsTo>"
                .to_owned(),
            format!("{INDEX}<ErrorDocument><Key>e &amp; r/404.html</Key></ErrorDocument>"),
            ruled(
                "<RoutingRule><Condition><KeyPrefixEquals>a/</KeyPrefixEquals><HttpErrorCodeReturnedEquals>404\
                 </HttpErrorCodeReturnedEquals></Condition><Redirect><Protocol>http</Protocol><HostName>b</HostName>\
                 <ReplaceKeyPrefixWith>c/</ReplaceKeyPrefixWith><HttpRedirectCode>302</HttpRedirectCode></Redirect></RoutingRule>\
                 <RoutingRule><Redirect><ReplaceKeyWith/></Redirect></RoutingRule>",
            ),
        ] {
            let website = parsed(&inside).unwrap_or_else(|code| panic!("{inside}: {code:?}"));
            assert_eq!(parse_document(&render_document(&website)).unwrap(), website);
            let json = serde_json::to_string(&website).unwrap();
            assert_eq!(serde_json::from_str::<WebsiteConfiguration>(&json).unwrap(), website);
        }
    }

    #[test]
    fn each_fault_has_its_code() {
        let redirect = |inside: &str| ruled(&format!("<RoutingRule><Redirect>{inside}</Redirect></RoutingRule>"));
        let plain = "<RoutingRule><Redirect><HostName>a</HostName></Redirect></RoutingRule>";
        assert!(parsed(&ruled(&plain.repeat(50))).is_ok());
        for (inside, code) in [
            (String::new(), S3Code::InvalidArgument),
            ("<ErrorDocument><Key>k</Key></ErrorDocument>".into(), S3Code::InvalidArgument),
            ("<IndexDocument/>".into(), S3Code::InvalidArgument),
            ("<IndexDocument><Suffix/></IndexDocument>".into(), S3Code::InvalidArgument),
            ("<IndexDocument><Suffix>a/b</Suffix></IndexDocument>".into(), S3Code::InvalidArgument),
            (format!("{INDEX}<ErrorDocument/>"), S3Code::MalformedXML),
            (format!("{INDEX}<Other/>"), S3Code::MalformedXML),
            (format!("{INDEX}{INDEX}"), S3Code::MalformedXML),
            ("<RedirectAllRequestsTo/>".into(), S3Code::MalformedXML),
            (
                format!("{INDEX}<RedirectAllRequestsTo><HostName>a</HostName></RedirectAllRequestsTo>"),
                S3Code::InvalidRequest,
            ),
            ("<RedirectAllRequestsTo><HostName>a/b</HostName></RedirectAllRequestsTo>".into(), S3Code::InvalidRequest),
            (
                "<RedirectAllRequestsTo><HostName>a&#13;&#10;b: c</HostName></RedirectAllRequestsTo>".into(),
                S3Code::InvalidRequest,
            ),
            (ruled(&plain.repeat(51)), S3Code::InvalidRequest),
            (redirect(""), S3Code::InvalidRequest),
            (redirect("<Protocol>ftp</Protocol>"), S3Code::InvalidRequest),
            (redirect("<HttpRedirectCode>300</HttpRedirectCode>"), S3Code::InvalidRequest),
            (redirect("<HttpRedirectCode>200</HttpRedirectCode>"), S3Code::InvalidRequest),
            (redirect("<HttpRedirectCode>x</HttpRedirectCode>"), S3Code::MalformedXML),
            (redirect("<ReplaceKeyWith>a&#10;b</ReplaceKeyWith>"), S3Code::InvalidRequest),
            (
                redirect("<ReplaceKeyWith>a</ReplaceKeyWith><ReplaceKeyPrefixWith>b</ReplaceKeyPrefixWith>"),
                S3Code::InvalidRequest,
            ),
            (
                ruled("<RoutingRule><Condition/><Redirect><HostName>a</HostName></Redirect></RoutingRule>"),
                S3Code::InvalidRequest,
            ),
            (ruled("<RoutingRule/>"), S3Code::MalformedXML),
            (
                ruled(
                    "<RoutingRule><Condition><HttpErrorCodeReturnedEquals>200</HttpErrorCodeReturnedEquals></Condition>\
                     <Redirect><HostName>a</HostName></Redirect></RoutingRule>",
                ),
                S3Code::InvalidRequest,
            ),
        ] {
            assert_eq!(parsed(&inside), Err(code), "{inside}");
        }
    }
}
