//! CreateBucket. Making a bucket that one owns already answers 200 and keeps what is in it, as S3 does in us-east-1.

use crate::{
    objects::{CreateBucketInput, Objects},
    s3::{
        RequestBody, RequestContext, Response, S3Code, S3Error,
        ops::{
            acl_input,
            parameter::{self, DOCUMENT_MAX_BYTES},
            tagging::{self, TagElement},
        },
        percent::{self, Slash},
        xml::{self, Schema},
    },
    types::{ObjectLockConfiguration, ObjectOwnership, TagLimit, TagSet},
};
use http::{StatusCode, header};
use serde::Deserialize;

/// Longer than any region's name.
const REGION_MAX_BYTES: usize = 64;

const SCHEMA: Schema = Schema(&[
    ("CreateBucketConfiguration", &["LocationConstraint", "Location", "Bucket", "Tags"]),
    ("Location", &["Name", "Type"]),
    ("Bucket", &["DataRedundancy", "Type"]),
    ("Tags", &["Tag"]),
    ("Tag", &["Key", "Value"]),
]);

#[derive(Default, Deserialize)]
pub(in crate::s3) struct Configuration {
    #[serde(rename = "LocationConstraint")]
    location: Option<String>,
    /// Of directory buckets only.
    #[serde(rename = "Location")]
    directory_location: Option<serde::de::IgnoredAny>,
    #[serde(rename = "Bucket")]
    directory_bucket: Option<serde::de::IgnoredAny>,
    #[serde(rename = "Tags")]
    tags: Option<Tags>,
}

#[derive(Deserialize)]
struct Tags {
    #[serde(rename = "Tag", default)]
    tags: Vec<TagElement>,
}

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects, body: RequestBody) -> Result<Response, S3Error> {
    let input = parse(ctx, &body.read_document(DOCUMENT_MAX_BYTES).await?)?;
    let location = format!("/{}", percent::encode(input.name.as_str(), Slash::Encoded));
    objects.create_bucket(input).await?;
    let mut response = parameter::empty(StatusCode::OK);
    response.headers_mut().insert(header::LOCATION, parameter::own_value(&location));
    Ok(response)
}

fn ownership(ctx: &RequestContext<'_>) -> Result<Option<ObjectOwnership>, S3Error> {
    const NAME: &str = "x-amz-object-ownership";
    let Some(text) = ctx.header(NAME)? else { return Ok(None) };
    let refused = || S3Error::invalid_argument(NAME, text, "Invalid x-amz-object-ownership header");
    ObjectOwnership::from_name(text).map(Some).ok_or_else(refused)
}

fn parse(ctx: &RequestContext<'_>, document: &[u8]) -> Result<CreateBucketInput, S3Error> {
    let configuration = configuration(document)?;
    if configuration.directory_location.is_some() || configuration.directory_bucket.is_some() {
        return Err(S3Error::with_message(S3Code::NotImplemented, "Directory buckets are not implemented."));
    }
    let tags = configuration.tags.map(|tags| tagging::from_elements(tags.tags, TagLimit::Bucket)).transpose()?;
    Ok(CreateBucketInput {
        name: ctx.bucket()?.clone(),
        region: region(configuration.location.as_deref(), ctx.region)?,
        owner: ctx.principal.owner().to_owned(),
        tags: tags.filter(|tags: &TagSet| !tags.is_empty()),
        object_lock: object_lock(ctx)?,
        acl: acl_input::in_headers(ctx)?,
        ownership: ownership(ctx)?,
    })
}

/// A bucket that is made with Object Lock has no default retention yet.
fn object_lock(ctx: &RequestContext<'_>) -> Result<Option<ObjectLockConfiguration>, S3Error> {
    const NAME: &str = "x-amz-bucket-object-lock-enabled";
    match ctx.header(NAME)? {
        None => Ok(None),
        Some(value) if value.eq_ignore_ascii_case("false") => Ok(None),
        Some(value) if value.eq_ignore_ascii_case("true") => Ok(Some(ObjectLockConfiguration::default())),
        Some(other) => Err(S3Error::invalid_argument(NAME, other, "The value must be true or false.")),
    }
}

/// Who has nothing to say sends no document. One that says nothing is refused, as S3 does.
pub(in crate::s3) fn configuration(document: &[u8]) -> Result<Configuration, S3Error> {
    let document = document.trim_ascii();
    if document.is_empty() {
        return Ok(Configuration::default());
    }
    let configuration: Configuration = xml::read(document, SCHEMA)?;
    let Configuration { location, directory_location, directory_bucket, tags } = &configuration;
    let is_empty = location.is_none() && directory_location.is_none() && directory_bucket.is_none() && tags.is_none();
    if is_empty { Err(S3Code::MalformedXML.into()) } else { Ok(configuration) }
}

/// Any region's name is taken and given back: clients compare it with what they were configured with. Where the settings fix
/// one, there is no other. A constraint without a name is none of S3's, which has the first region by no constraint at all.
fn region(constraint: Option<&str>, fixed: Option<&str>) -> Result<String, S3Error> {
    let Some(constraint) = constraint.map(str::trim) else { return Ok(String::new()) };
    let refused = |code| Err(S3Error::new(code).field("LocationConstraint", constraint));
    let is_name = (1..=REGION_MAX_BYTES).contains(&constraint.len())
        && constraint.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    if !is_name {
        return refused(S3Code::InvalidLocationConstraint);
    }
    if fixed.is_some_and(|fixed| constraint != fixed) {
        return refused(S3Code::IllegalLocationConstraintException);
    }
    Ok(constraint.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_a_plain_name() {
        for good in ["eu-west-1", "default", "us_east.2"] {
            assert_eq!(region(Some(good), None).unwrap(), good);
        }
        for bad in ["", " ", "a b", "<x>", &"r".repeat(65)] {
            for fixed in [None, Some("eu-west-1")] {
                let refused = region(Some(bad), fixed).unwrap_err();
                assert_eq!(refused.code(), S3Code::InvalidLocationConstraint, "{bad}");
            }
        }
        assert!(region(None, None).unwrap().is_empty() && region(None, Some("eu-west-1")).unwrap().is_empty());
        assert!(region(Some("eu-west-1"), Some("eu-west-1")).is_ok());
        let other = region(Some("eu-west-2"), Some("eu-west-1")).unwrap_err();
        assert_eq!(other.code(), S3Code::IllegalLocationConstraintException);
    }

    #[test]
    fn a_document_that_says_nothing_is_malformed_and_none_is_not() {
        let code = |text: &str| configuration(text.as_bytes()).err().map(|error| error.code());
        for nothing in ["<CreateBucketConfiguration/>", "<CreateBucketConfiguration> </CreateBucketConfiguration>"] {
            assert_eq!(code(nothing), Some(S3Code::MalformedXML), "{nothing}");
        }
        assert_eq!(code(""), None);
        assert_eq!(code("\n"), None);
        assert_eq!(code("<CreateBucketConfiguration><Tags/></CreateBucketConfiguration>"), None);
    }
}
