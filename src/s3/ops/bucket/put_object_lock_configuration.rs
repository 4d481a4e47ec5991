//! PutObjectLockConfiguration: switches Object Lock on, for good, and says what new versions get by default. Without a
//! rule they get nothing.

use crate::{
    objects::Objects,
    s3::{
        RequestBody, RequestContext, Response, S3Code, S3Error,
        ops::parameter::{self, DOCUMENT_MAX_BYTES},
        xml::{self, Schema},
    },
    types::{DefaultRetention, InvalidRetentionPeriod, ObjectLockConfiguration, RetentionMode, RetentionPeriod},
};
use http::StatusCode;
use serde::Deserialize;

const SCHEMA: Schema = Schema(&[
    ("ObjectLockConfiguration", &["ObjectLockEnabled", "Rule"]),
    ("Rule", &["DefaultRetention"]),
    ("DefaultRetention", &["Mode", "Days", "Years"]),
]);

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "ObjectLockEnabled")]
    enabled: String,
    #[serde(rename = "Rule")]
    rule: Option<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    #[serde(rename = "DefaultRetention")]
    default_retention: DefaultElement,
}

#[derive(Deserialize)]
struct DefaultElement {
    #[serde(rename = "Mode")]
    mode: String,
    #[serde(rename = "Days")]
    days: Option<String>,
    #[serde(rename = "Years")]
    years: Option<String>,
}

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects, body: RequestBody) -> Result<Response, S3Error> {
    let configuration = parse(&body.read_document(DOCUMENT_MAX_BYTES).await?)?;
    objects.set_object_lock(ctx.bucket()?, configuration).await?;
    Ok(parameter::empty(StatusCode::OK))
}

pub(in crate::s3) fn parse(document: &[u8]) -> Result<ObjectLockConfiguration, S3Error> {
    let document: Document = xml::read(document, SCHEMA)?;
    if document.enabled.trim() != "Enabled" {
        return Err(S3Code::MalformedXML.into());
    }
    let default_retention = document.rule.map(|rule| default_retention(&rule.default_retention)).transpose()?;
    Ok(ObjectLockConfiguration { default_retention })
}

fn default_retention(document: &DefaultElement) -> Result<DefaultRetention, S3Error> {
    let malformed = || S3Error::new(S3Code::MalformedXML);
    let mode = RetentionMode::from_name(document.mode.trim()).ok_or_else(malformed)?;
    let count = |text: &str| text.trim().parse::<i64>().map_err(|_| malformed());
    let period = match (&document.days, &document.years) {
        (Some(days), None) => RetentionPeriod::days(count(days)?),
        (None, Some(years)) => RetentionPeriod::years(count(years)?),
        (None, None) | (Some(_), Some(_)) => return Err(malformed()),
    };
    Ok(DefaultRetention { mode, period: period.map_err(refused)? })
}

fn refused(error: InvalidRetentionPeriod) -> S3Error {
    match error {
        // The code is that of ceph/s3-tests, which are held against AWS.
        InvalidRetentionPeriod::NotPositive => S3Code::InvalidRetentionPeriod.into(),
        InvalidRetentionPeriod::TooLong => {
            S3Error::with_message(S3Code::InvalidArgument, "Default retention period is too large.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(inner: &str) -> Result<ObjectLockConfiguration, S3Code> {
        let text = format!("<ObjectLockConfiguration>{inner}</ObjectLockConfiguration>");
        parse(text.as_bytes()).map_err(|error| error.code())
    }

    fn with_rule(inner: &str) -> Result<ObjectLockConfiguration, S3Code> {
        parsed(&format!(
            "<ObjectLockEnabled>Enabled</ObjectLockEnabled>
            <Rule><DefaultRetention>{inner}</DefaultRetention></Rule>"
        ))
    }

    #[test]
    fn a_default_has_a_mode_and_one_period() {
        let default =
            |mode, period| Ok(ObjectLockConfiguration { default_retention: Some(DefaultRetention { mode, period }) });
        assert_eq!(
            with_rule("<Mode>GOVERNANCE</Mode><Days>30</Days>"),
            default(RetentionMode::Governance, RetentionPeriod::days(30).unwrap())
        );
        assert_eq!(
            with_rule("<Years>2</Years><Mode>COMPLIANCE</Mode>"),
            default(RetentionMode::Compliance, RetentionPeriod::years(2).unwrap())
        );
        for (inner, code) in [
            ("<Mode>GOVERNANCE</Mode>", S3Code::MalformedXML),
            ("<Days>1</Days>", S3Code::MalformedXML),
            ("<Mode>GOVERNANCE</Mode><Days>1</Days><Years>1</Years>", S3Code::MalformedXML),
            ("<Mode>governance</Mode><Days>1</Days>", S3Code::MalformedXML),
            ("<Mode>GOVERNANCE</Mode><Days>x</Days>", S3Code::MalformedXML),
            ("<Mode>GOVERNANCE</Mode><Days/>", S3Code::MalformedXML),
            ("<Mode>GOVERNANCE</Mode><Days>99999999999999999999</Days>", S3Code::MalformedXML),
            ("<Mode>GOVERNANCE</Mode><Days>0</Days>", S3Code::InvalidRetentionPeriod),
            ("<Mode>GOVERNANCE</Mode><Years>-1</Years>", S3Code::InvalidRetentionPeriod),
            ("<Mode>GOVERNANCE</Mode><Days>36501</Days>", S3Code::InvalidArgument),
            ("<Mode>GOVERNANCE</Mode><Years>101</Years>", S3Code::InvalidArgument),
        ] {
            assert_eq!(with_rule(inner), Err(code), "{inner}");
        }
    }

    #[test]
    fn it_can_only_be_switched_on() {
        let enabled = "<ObjectLockEnabled>Enabled</ObjectLockEnabled>";
        assert_eq!(parsed(enabled), Ok(ObjectLockConfiguration::default()));
        for inner in [
            "",
            "<ObjectLockEnabled>Disabled</ObjectLockEnabled>",
            "<ObjectLockEnabled/>",
            &format!("{enabled}{enabled}"),
            &format!("{enabled}<Rule/>"),
            &format!("{enabled}<Other/>"),
        ] {
            assert_eq!(parsed(inner), Err(S3Code::MalformedXML), "{inner}");
        }
    }
}
