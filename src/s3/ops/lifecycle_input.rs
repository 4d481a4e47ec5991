//! Lifecycle rules as a client sends them. Wider than S3 in one thing: a filter may name several conditions without
//! `And` around them, as ceph/s3-tests has it. All of them must hold then as well, so that nothing goes that one of
//! them keeps. Source: Amazon S3 API Reference, "PutBucketLifecycleConfiguration" and the types that it names.

use crate::{
    s3::{
        RequestContext, S3Code, S3Error,
        xml::{self, Schema},
    },
    types::{
        Expiration, FilterForm, InvalidLifecycle, LifecycleAction, LifecycleConfiguration, LifecycleFilter,
        LifecycleRule, NoncurrentExpiration, RuleStatus, TagLimit, TagSet, Timestamp, TransitionMinimum,
    },
};
use serde::Deserialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// S3 names no bound. A thousand rules with an id and a prefix of usual length have a quarter of it.
pub const LIFECYCLE_DOCUMENT_MAX_BYTES: usize = 1 << 20;

pub const TRANSITION_MINIMUM: &str = "x-amz-transition-default-minimum-object-size";

/// Those of S3 that an object can go to; there is `STANDARD` here, and no other.
const OTHER_STORAGE_CLASSES: [&str; 6] =
    ["STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER", "GLACIER_IR", "DEEP_ARCHIVE"];

const CONDITIONS: &[&str] = &["Prefix", "Tag", "ObjectSizeGreaterThan", "ObjectSizeLessThan"];
const SCHEMA: Schema = Schema(&[
    ("LifecycleConfiguration", &["Rule"]),
    (
        "Rule",
        &[
            "ID",
            "Status",
            "Prefix",
            "Filter",
            "Expiration",
            "NoncurrentVersionExpiration",
            "AbortIncompleteMultipartUpload",
            "Transition",
            "NoncurrentVersionTransition",
        ],
    ),
    ("Filter", &["Prefix", "Tag", "ObjectSizeGreaterThan", "ObjectSizeLessThan", "And"]),
    ("And", CONDITIONS),
    ("Tag", &["Key", "Value"]),
    ("Expiration", &["Days", "Date", "ExpiredObjectDeleteMarker"]),
    ("NoncurrentVersionExpiration", &["NoncurrentDays", "NewerNoncurrentVersions"]),
    ("AbortIncompleteMultipartUpload", &["DaysAfterInitiation"]),
    ("Transition", &["Days", "Date", "StorageClass"]),
    ("NoncurrentVersionTransition", &["NoncurrentDays", "NewerNoncurrentVersions", "StorageClass"]),
]);

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "Rule", default)]
    rules: Vec<RuleElement>,
}

/// Elements may stand in any order, those of one name side by side, as every SDK writes them. What stands where only
/// one may stand twice is `MalformedXML`.
#[derive(Deserialize)]
struct RuleElement {
    #[serde(rename = "ID")]
    id: Option<String>,
    #[serde(rename = "Status")]
    status: Option<String>,
    #[serde(rename = "Prefix")]
    prefix: Option<String>,
    #[serde(rename = "Filter")]
    filter: Option<FilterElement>,
    #[serde(rename = "Expiration")]
    expiration: Option<ExpirationElement>,
    #[serde(rename = "NoncurrentVersionExpiration")]
    noncurrent: Option<NoncurrentElement>,
    #[serde(rename = "AbortIncompleteMultipartUpload")]
    abort: Option<AbortElement>,
    #[serde(rename = "Transition", default)]
    transitions: Vec<TransitionElement>,
    #[serde(rename = "NoncurrentVersionTransition", default)]
    noncurrent_transitions: Vec<NoncurrentTransitionElement>,
}

#[derive(Deserialize)]
struct FilterElement {
    #[serde(rename = "And")]
    and: Option<ConditionsElement>,
    #[serde(rename = "Prefix")]
    prefix: Option<String>,
    #[serde(rename = "Tag", default)]
    tags: Vec<TagElement>,
    #[serde(rename = "ObjectSizeGreaterThan")]
    size_greater_than: Option<String>,
    #[serde(rename = "ObjectSizeLessThan")]
    size_less_than: Option<String>,
}

#[derive(Default, Deserialize)]
struct ConditionsElement {
    #[serde(rename = "Prefix")]
    prefix: Option<String>,
    #[serde(rename = "Tag", default)]
    tags: Vec<TagElement>,
    #[serde(rename = "ObjectSizeGreaterThan")]
    size_greater_than: Option<String>,
    #[serde(rename = "ObjectSizeLessThan")]
    size_less_than: Option<String>,
}

#[derive(Deserialize)]
struct TagElement {
    #[serde(rename = "Key")]
    key: String,
    #[serde(rename = "Value")]
    value: String,
}

#[derive(Deserialize)]
struct ExpirationElement {
    #[serde(rename = "Days")]
    days: Option<String>,
    #[serde(rename = "Date")]
    date: Option<String>,
    #[serde(rename = "ExpiredObjectDeleteMarker")]
    delete_marker: Option<String>,
}

#[derive(Deserialize)]
struct NoncurrentElement {
    #[serde(rename = "NoncurrentDays")]
    days: Option<String>,
    #[serde(rename = "NewerNoncurrentVersions")]
    newer_versions: Option<String>,
}

#[derive(Deserialize)]
struct AbortElement {
    #[serde(rename = "DaysAfterInitiation")]
    days: Option<String>,
}

#[derive(Deserialize)]
struct TransitionElement {
    #[serde(rename = "Days")]
    days: Option<String>,
    #[serde(rename = "Date")]
    date: Option<String>,
    #[serde(rename = "StorageClass")]
    storage_class: Option<String>,
}

#[derive(Deserialize)]
struct NoncurrentTransitionElement {
    #[serde(rename = "NoncurrentDays")]
    days: Option<String>,
    #[serde(rename = "StorageClass")]
    storage_class: Option<String>,
}

pub fn transition_minimum(ctx: &RequestContext<'_>) -> Result<TransitionMinimum, S3Error> {
    let Some(name) = ctx.header(TRANSITION_MINIMUM)? else { return Ok(TransitionMinimum::default()) };
    let known = TransitionMinimum::ALL.into_iter().find(|minimum| minimum.name() == name);
    known.ok_or_else(|| S3Error::invalid_argument(TRANSITION_MINIMUM, name, "No such minimum object size."))
}

pub fn parse_document(bytes: &[u8], minimum: TransitionMinimum) -> Result<LifecycleConfiguration, S3Error> {
    let document: Document = xml::read(bytes, SCHEMA)?;
    let rules = document.rules.into_iter().map(rule).collect::<Result<_, _>>()?;
    LifecycleConfiguration::new(rules, minimum).map_err(refused)
}

fn rule(element: RuleElement) -> Result<LifecycleRule, S3Error> {
    let status = match element.status.as_deref() {
        Some("Enabled") => RuleStatus::Enabled,
        Some("Disabled") => RuleStatus::Disabled,
        _ => return Err(malformed()),
    };
    let filter = match (element.prefix, element.filter) {
        (Some(prefix), None) => {
            LifecycleFilter { form: FilterForm::RulePrefix, prefix: Some(prefix), ..LifecycleFilter::default() }
        }
        (None, Some(filter)) => self::filter(filter)?,
        (None, None) | (Some(_), Some(_)) => return Err(malformed()),
    };
    let rule = LifecycleRule {
        id: element.id.unwrap_or_default(),
        status,
        filter,
        expiration: element.expiration.map(expiration).transpose()?.flatten(),
        noncurrent: element.noncurrent.map(noncurrent).transpose()?,
        abort_after_days: element.abort.map(|abort| days(abort.days.as_deref())).transpose()?,
    };
    refuse_transitions(&element.transitions, &element.noncurrent_transitions)?;
    Ok(rule)
}

fn filter(element: FilterElement) -> Result<LifecycleFilter, S3Error> {
    let beside = ConditionsElement {
        prefix: element.prefix,
        tags: element.tags,
        size_greater_than: element.size_greater_than,
        size_less_than: element.size_less_than,
    };
    let form = if element.and.is_some() { FilterForm::And } else { FilterForm::Filter };
    let (one, other) = (conditions(beside)?, conditions(element.and.unwrap_or_default())?);
    if form == FilterForm::And && other == LifecycleFilter::default() {
        return Err(malformed());
    }
    let tags = one.tags.iter().chain(other.tags.iter()).map(|(key, value)| (key.to_owned(), value.to_owned()));
    Ok(LifecycleFilter {
        form,
        prefix: both_prefixes(one.prefix, other.prefix)?,
        tags: tag_set(tags)?,
        size_greater_than: one.size_greater_than.max(other.size_greater_than),
        size_less_than: [one.size_less_than, other.size_less_than].into_iter().flatten().min(),
    })
}

/// The longer one, which begins with the other: there is no key else that begins with both.
fn both_prefixes(one: Option<String>, other: Option<String>) -> Result<Option<String>, S3Error> {
    match (one, other) {
        (Some(one), Some(other)) if one.starts_with(&other) => Ok(Some(one)),
        (Some(one), Some(other)) if other.starts_with(&one) => Ok(Some(other)),
        (Some(_), Some(_)) => Err(malformed()),
        (one, other) => Ok(one.or(other)),
    }
}

fn conditions(element: ConditionsElement) -> Result<LifecycleFilter, S3Error> {
    let size = |text: Option<String>| text.map(|text| text.trim().parse::<u64>().map_err(|_| malformed())).transpose();
    Ok(LifecycleFilter {
        prefix: element.prefix,
        tags: tag_set(element.tags.into_iter().map(|tag| (tag.key, tag.value)))?,
        size_greater_than: size(element.size_greater_than)?,
        size_less_than: size(element.size_less_than)?,
        ..LifecycleFilter::default()
    })
}

fn tag_set(tags: impl IntoIterator<Item = (String, String)>) -> Result<TagSet, S3Error> {
    TagSet::new(tags, TagLimit::Object).map_err(|error| S3Error::invalid_request(format!("Invalid tags: {error}.")))
}

/// `None` where it says that delete markers are not meant, and nothing else.
fn expiration(element: ExpirationElement) -> Result<Option<Expiration>, S3Error> {
    let delete_marker = match element.delete_marker.as_deref().map(str::trim) {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(malformed()),
    };
    match (element.days, element.date, delete_marker) {
        (Some(text), None, false) => Ok(Some(Expiration::Days(days(Some(&text))?))),
        (None, Some(text), false) => Ok(Some(Expiration::Date(date(&text)?))),
        (None, None, true) => Ok(Some(Expiration::DeleteMarkers)),
        (None, None, false) if element.delete_marker.is_some() => Ok(None),
        _ => Err(malformed()),
    }
}

fn noncurrent(element: NoncurrentElement) -> Result<NoncurrentExpiration, S3Error> {
    let newer_versions = match element.newer_versions.as_deref() {
        None => 0,
        Some(text) => match number(text)? {
            0 => return Err(refused(InvalidLifecycle::NewerVersions)),
            count => count,
        },
    };
    Ok(NoncurrentExpiration { days: days(element.days.as_deref())?, newer_versions })
}

fn days(text: Option<&str>) -> Result<u32, S3Error> {
    number(text.ok_or_else(malformed)?)
}

/// A whole number. What is negative or too large for any use is one that no rule allows.
fn number(text: &str) -> Result<u32, S3Error> {
    let number: i128 = text.trim().parse().map_err(|_| malformed())?;
    Ok(u32::try_from(number.max(0)).unwrap_or(u32::MAX))
}

/// A time in ISO 8601, or a day.
fn date(text: &str) -> Result<Timestamp, S3Error> {
    let text = text.trim();
    let parse = |text: &str| OffsetDateTime::parse(text, &Rfc3339).ok();
    let at = parse(text).or_else(|| parse(&format!("{text}T00:00:00Z"))).ok_or_else(malformed)?;
    Ok(Timestamp::from_unix_millis(i64::try_from(at.unix_timestamp_nanos() / 1_000_000).map_err(|_| malformed())?))
}

/// There is one storage class: a rule that moves objects to another would be a promise that nobody keeps.
fn refuse_transitions(
    transitions: &[TransitionElement],
    noncurrent: &[NoncurrentTransitionElement],
) -> Result<(), S3Error> {
    for transition in transitions {
        match (&transition.days, &transition.date) {
            (Some(text), None) => _ = number(text)?,
            (None, Some(text)) if date(text)?.unix_millis() % 86_400_000 != 0 => {
                return Err(refused(InvalidLifecycle::Date));
            }
            (None, Some(_)) => {}
            _ => return Err(malformed()),
        }
    }
    for transition in noncurrent {
        days(transition.days.as_deref())?;
    }
    let classes = transitions.iter().map(|transition| transition.storage_class.as_deref());
    let of_noncurrent = noncurrent.iter().map(|transition| transition.storage_class.as_deref());
    match classes.chain(of_noncurrent).next() {
        None => Ok(()),
        Some(Some(class)) if OTHER_STORAGE_CLASSES.contains(&class) => {
            Err(S3Error::new(S3Code::InvalidStorageClass).field("StorageClassRequested", class))
        }
        Some(_) => Err(malformed()),
    }
}

fn malformed() -> S3Error {
    S3Code::MalformedXML.into()
}

/// In S3's words, where they are known.
fn refused(error: InvalidLifecycle) -> S3Error {
    let argument = |name, message| S3Error::invalid_argument(name, "", message);
    let of_days = |action| match action {
        LifecycleAction::Noncurrent => argument(
            "NoncurrentDays",
            "'NoncurrentDays' for NoncurrentVersionExpiration action must be a positive integer",
        ),
        LifecycleAction::Abort => argument(
            "DaysAfterInitiation",
            "'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive integer",
        ),
        LifecycleAction::Expiration | LifecycleAction::DeleteMarkers => {
            argument("Days", "'Days' for Expiration action must be a positive integer")
        }
    };
    match error {
        InvalidLifecycle::Empty => malformed(),
        InvalidLifecycle::TooManyRules => {
            S3Error::invalid_request("The number of lifecycle rules must not exceed the allowed limit of 1000 rules.")
        }
        InvalidLifecycle::IdLength => argument("ID", "ID length should not exceed allowed limit of 255"),
        InvalidLifecycle::DuplicateId => argument("ID", "Rule ID must be unique. Found same ID for more than one rule"),
        InvalidLifecycle::Characters => {
            S3Error::invalid_request("An ID or a prefix holds a character that no document can give back.")
        }
        InvalidLifecycle::NoAction => S3Error::invalid_request("At least one action needs to be specified in a rule."),
        InvalidLifecycle::PrefixLength => S3Error::invalid_request("The maximum size of a prefix is 1024."),
        InvalidLifecycle::Days(action) => of_days(action),
        InvalidLifecycle::Date => argument("Date", "'Date' must be at midnight GMT"),
        InvalidLifecycle::NewerVersions => {
            argument("NewerNoncurrentVersions", "'NewerNoncurrentVersions' must be an integer between 1 and 100")
        }
        InvalidLifecycle::Sizes => {
            S3Error::invalid_request("'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'.")
        }
        InvalidLifecycle::WithTags(action) => {
            S3Error::invalid_request(format!("{} cannot be specified with Tags.", name_of(action)))
        }
        InvalidLifecycle::WithSizes(action) => {
            S3Error::invalid_request(format!("{} cannot be specified with Object Size.", name_of(action)))
        }
    }
}

fn name_of(action: LifecycleAction) -> &'static str {
    match action {
        LifecycleAction::Expiration => "Expiration",
        LifecycleAction::DeleteMarkers => "ExpiredObjectDeleteMarker",
        LifecycleAction::Noncurrent => "NoncurrentVersionExpiration",
        LifecycleAction::Abort => "AbortIncompleteMultipartUpload",
    }
}
