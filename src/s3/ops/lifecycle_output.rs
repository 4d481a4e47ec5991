//! Lifecycle rules as a client gets them back, and what answers say of when something goes.

use super::{
    lifecycle_input::TRANSITION_MINIMUM,
    parameter::{self, insert_own},
};
use crate::{
    objects::Expiry,
    s3::{
        Response,
        percent::{self, Slash},
        xml::XmlWriter,
    },
    types::{Expiration, FilterForm, LifecycleConfiguration, LifecycleFilter, LifecycleRule, RuleStatus},
};
use bytes::Bytes;

pub fn document(rules: &LifecycleConfiguration) -> Response {
    let mut response = parameter::document(render(rules));
    transition_minimum(&mut response, rules);
    response
}

pub fn transition_minimum(response: &mut Response, rules: &LifecycleConfiguration) {
    insert_own(response, TRANSITION_MINIMUM, rules.transition_minimum().name());
}

/// `x-amz-expiration`: when the object goes, and by which rule, its id percent-encoded.
pub fn expiration(response: &mut Response, expiry: Option<&Expiry>) {
    if let Some(expiry) = expiry {
        let (date, rule) = (expiry.at.to_http_date(), percent::encode(&expiry.rule, Slash::Encoded));
        insert_own(response, "x-amz-expiration", &format!("expiry-date=\"{date}\", rule-id=\"{rule}\""));
    }
}

/// When the upload is aborted, and by which rule.
pub fn abort(response: &mut Response, abort: Option<&Expiry>) {
    if let Some(abort) = abort {
        insert_own(response, "x-amz-abort-date", &abort.at.to_http_date());
        insert_own(response, "x-amz-abort-rule-id", &percent::encode(&abort.rule, Slash::Encoded));
    }
}

pub(super) fn render(rules: &LifecycleConfiguration) -> Bytes {
    let mut xml = XmlWriter::document("LifecycleConfiguration");
    for rule in rules.rules() {
        xml.element("Rule", |xml| render_rule(rule, xml));
    }
    xml.finish()
}

fn render_rule(rule: &LifecycleRule, xml: &mut XmlWriter) {
    xml.text("ID", &rule.id);
    match rule.filter.form {
        FilterForm::RulePrefix => _ = xml.text("Prefix", rule.filter.prefix()),
        FilterForm::Filter => _ = xml.element("Filter", |xml| render_conditions(&rule.filter, xml)),
        FilterForm::And => {
            xml.element("Filter", |xml| _ = xml.element("And", |xml| render_conditions(&rule.filter, xml)));
        }
    }
    xml.text(
        "Status",
        match rule.status {
            RuleStatus::Enabled => "Enabled",
            RuleStatus::Disabled => "Disabled",
        },
    );
    if let Some(expiration) = rule.expiration {
        xml.element("Expiration", |xml| match expiration {
            Expiration::Days(days) => _ = xml.number("Days", days.into()),
            Expiration::Date(date) => _ = xml.text("Date", &date.to_iso_8601()),
            Expiration::DeleteMarkers => _ = xml.flag("ExpiredObjectDeleteMarker", true),
        });
    }
    if let Some(noncurrent) = rule.noncurrent {
        xml.element("NoncurrentVersionExpiration", |xml| {
            xml.number("NoncurrentDays", noncurrent.days.into());
            if noncurrent.newer_versions > 0 {
                xml.number("NewerNoncurrentVersions", noncurrent.newer_versions.into());
            }
        });
    }
    if let Some(days) = rule.abort_after_days {
        xml.element("AbortIncompleteMultipartUpload", |xml| _ = xml.number("DaysAfterInitiation", days.into()));
    }
}

fn render_conditions(filter: &LifecycleFilter, xml: &mut XmlWriter) {
    xml.optional_text("Prefix", filter.prefix.as_deref());
    for (key, value) in filter.tags.iter() {
        xml.element("Tag", |xml| _ = xml.text("Key", key).text("Value", value));
    }
    if let Some(size) = filter.size_greater_than {
        xml.number("ObjectSizeGreaterThan", size);
    }
    if let Some(size) = filter.size_less_than {
        xml.number("ObjectSizeLessThan", size);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        s3::{S3Code, ops::lifecycle_input::parse_document},
        types::TransitionMinimum,
    };
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<LifecycleConfiguration, S3Code> {
        parse_document(text.as_bytes(), TransitionMinimum::default()).map_err(|error| error.code())
    }

    fn document(inside: &str) -> String {
        format!("<LifecycleConfiguration><Rule>{inside}</Rule></LifecycleConfiguration>")
    }

    const ENABLED: &str = "<ID>r</ID><Status>Enabled</Status><Prefix>a</Prefix>";
    const DAY: &str = "<Expiration><Days>1</Days></Expiration>";

    #[test]
    fn documents_come_back_as_they_were_put() {
        let all = format!("<Status>Enabled</Status>{DAY}<ID>r</ID>");
        for (given, back) in [
            ("<Prefix>a&amp;b</Prefix>", "<Prefix>a&amp;b</Prefix>"),
            ("<Prefix/>", "<Prefix></Prefix>"),
            ("<Prefix> a b </Prefix>", "<Prefix> a b </Prefix>"),
            ("<Filter/>", "<Filter></Filter>"),
            ("<Filter>\n </Filter>", "<Filter></Filter>"),
            ("<Filter><Prefix></Prefix></Filter>", "<Filter><Prefix></Prefix></Filter>"),
            (
                "<Filter><Tag><Value>v</Value><Key>k</Key></Tag></Filter>",
                "<Filter><Tag><Key>k</Key><Value>v</Value></Tag></Filter>",
            ),
            (
                "<Filter><And><Prefix>p</Prefix><Tag><Key>k</Key><Value>v</Value></Tag><Tag><Key>l</Key><Value/></Tag>\
                 <ObjectSizeLessThan>9</ObjectSizeLessThan></And></Filter>",
                "<Filter><And><Prefix>p</Prefix><Tag><Key>k</Key><Value>v</Value></Tag><Tag><Key>l</Key><Value></Value></Tag>\
                 <ObjectSizeLessThan>9</ObjectSizeLessThan></And></Filter>",
            ),
            (
                "<Filter><Prefix>days/</Prefix><ObjectSizeGreaterThan>5</ObjectSizeGreaterThan></Filter>",
                "<Filter><Prefix>days/</Prefix><ObjectSizeGreaterThan>5</ObjectSizeGreaterThan></Filter>",
            ),
            (
                "<Filter><Prefix>days/</Prefix><And><Prefix>days</Prefix><ObjectSizeLessThan>5</ObjectSizeLessThan></And></Filter>",
                "<Filter><And><Prefix>days/</Prefix><ObjectSizeLessThan>5</ObjectSizeLessThan></And></Filter>",
            ),
        ] {
            let rules = parse(&document(&format!("{given}{all}"))).unwrap();
            let text = String::from_utf8(render(&rules).to_vec()).unwrap();
            assert!(text.contains(back), "{text} lacks {back}");
            assert_eq!(parse(&text).unwrap(), rules);
        }
    }

    #[test]
    fn actions_come_back() {
        let actions = "<Expiration><Date>2030-01-02T00:00:00.000Z</Date></Expiration>\
            <NoncurrentVersionExpiration><NoncurrentDays>3</NoncurrentDays>\
            <NewerNoncurrentVersions>2</NewerNoncurrentVersions></NoncurrentVersionExpiration>\
            <AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload>";
        let text =
            String::from_utf8(render(&parse(&document(&format!("{ENABLED}{actions}"))).unwrap()).to_vec()).unwrap();
        assert!(text.ends_with(&format!(
            "<Rule><ID>r</ID><Prefix>a</Prefix><Status>Enabled</Status>{actions}</Rule></LifecycleConfiguration>"
        )));
        for (given, back) in [
            ("<ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker>", Expiration::DeleteMarkers),
            ("<Days>3</Days><ExpiredObjectDeleteMarker>false</ExpiredObjectDeleteMarker>", Expiration::Days(3)),
        ] {
            let rules = parse(&document(&format!("{ENABLED}<Expiration>{given}</Expiration>"))).unwrap();
            assert_eq!(rules.rules()[0].expiration, Some(back));
        }
    }

    #[test]
    fn each_fault_has_its_code() {
        use S3Code::*;
        let with = |inside: &str| document(&format!("{ENABLED}{inside}"));
        let expiring = |inside: &str| with(&format!("<Expiration>{inside}</Expiration>"));
        let filtered = |filter: &str| document(&format!("<Status>Enabled</Status><Filter>{filter}</Filter>{DAY}"));
        let transition = |inside: &str| with(&format!("<Transition>{inside}</Transition>"));
        let twice = format!(
            "<LifecycleConfiguration>{0}{0}</LifecycleConfiguration>",
            format_args!("<Rule>{ENABLED}{DAY}</Rule>")
        );
        for (text, code) in [
            ("<LifecycleConfiguration/>".to_owned(), MalformedXML),
            ("<Other/>".to_owned(), MalformedXML),
            (twice, InvalidArgument),
            (document(DAY), MalformedXML),
            (document(&format!("<Status>enabled</Status><Prefix/>{DAY}")), MalformedXML),
            (document(&format!("<Status>Enabled</Status>{DAY}")), MalformedXML),
            (with(&format!("<Filter/>{DAY}")), MalformedXML),
            (with(&format!("<Prefix>b</Prefix>{DAY}")), MalformedXML),
            (with(&format!("{DAY}{DAY}")), MalformedXML),
            (with("<Other/>"), MalformedXML),
            (with(""), InvalidRequest),
            (expiring(""), MalformedXML),
            (expiring("<Days>0</Days>"), InvalidArgument),
            (expiring("<Days>-1</Days>"), InvalidArgument),
            (expiring("<Days>99999999999999999999</Days>"), InvalidArgument),
            (expiring("<Days>x</Days>"), MalformedXML),
            (expiring("<Days>1</Days><Date>2030-01-01</Date>"), MalformedXML),
            (expiring("<Days>1</Days><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker>"), MalformedXML),
            (expiring("<ExpiredObjectDeleteMarker>false</ExpiredObjectDeleteMarker>"), InvalidRequest),
            (expiring("<ExpiredObjectDeleteMarker>yes</ExpiredObjectDeleteMarker>"), MalformedXML),
            (expiring("<Date>20200101</Date>"), MalformedXML),
            (expiring("<Date>2030-01-01T00:00:01Z</Date>"), InvalidArgument),
            (with("<NoncurrentVersionExpiration/>"), MalformedXML),
            (
                with("<NoncurrentVersionExpiration><NoncurrentDays>0</NoncurrentDays></NoncurrentVersionExpiration>"),
                InvalidArgument,
            ),
            (
                with(
                    "<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays>\
                     <NewerNoncurrentVersions>0</NewerNoncurrentVersions></NoncurrentVersionExpiration>",
                ),
                InvalidArgument,
            ),
            (
                with(
                    "<AbortIncompleteMultipartUpload><DaysAfterInitiation>0</DaysAfterInitiation>\
                     </AbortIncompleteMultipartUpload>",
                ),
                InvalidArgument,
            ),
            (filtered("<And/>"), MalformedXML),
            (filtered("<Prefix>a</Prefix><And><Prefix>b</Prefix></And>"), MalformedXML),
            (filtered("<Tag><Key>k</Key></Tag>"), MalformedXML),
            (
                filtered("<Tag><Key>k</Key><Value>1</Value></Tag><And><Tag><Key>k</Key><Value>2</Value></Tag></And>"),
                InvalidRequest,
            ),
            (filtered("<ObjectSizeGreaterThan>-1</ObjectSizeGreaterThan>"), MalformedXML),
            (
                filtered("<ObjectSizeGreaterThan>5</ObjectSizeGreaterThan><ObjectSizeLessThan>5</ObjectSizeLessThan>"),
                InvalidRequest,
            ),
            (transition("<Days>1</Days><StorageClass>GLACIER</StorageClass>"), InvalidStorageClass),
            (transition("<Date>2030-01-01T00:00:01Z</Date><StorageClass>GLACIER</StorageClass>"), InvalidArgument),
            (transition("<Days>1</Days><StorageClass>ATTIC</StorageClass>"), MalformedXML),
            (transition("<Days>1</Days>"), MalformedXML),
            (
                with(
                    "<NoncurrentVersionTransition><NoncurrentDays>1</NoncurrentDays>\
                     <StorageClass>STANDARD_IA</StorageClass></NoncurrentVersionTransition>",
                ),
                InvalidStorageClass,
            ),
        ] {
            assert_eq!(parse(&text).unwrap_err(), code, "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_taken_comes_back_the_same(
            inside in "(<Rule>|</Rule>|<ID>|</ID>|<Prefix>|</Prefix>|<Filter>|</Filter>|<And>|</And>|<Status>Enabled</Status>|\
                       <Expiration><Days>|</Days></Expiration>|<Tag><Key>k</Key><Value>v</Value></Tag>|1|a| ){0,24}"
        ) {
            for text in [format!("<LifecycleConfiguration>{inside}</LifecycleConfiguration>"), document(&inside)] {
                if let Ok(rules) = parse(&text) {
                    let back = parse(str::from_utf8(&render(&rules)).unwrap());
                    prop_assert_eq!(back.unwrap(), rules);
                }
            }
        }
    }
}
