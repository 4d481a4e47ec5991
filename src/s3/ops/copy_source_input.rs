//! `x-amz-copy-source`: `bucket/key` or `/bucket/key`, percent-encoded, with `?versionId=` behind it. A `?` that belongs to the
//! key is encoded, so the first plain `?versionId=` is the version's. Decoded once, into the same types as an address.

use super::{condition_input, parameter};
use crate::{
    objects::{SourceInput, VersionSelector},
    s3::{
        RequestContext, S3Code, S3Error,
        percent::{self, PlusSign},
    },
    types::{BucketName, ObjectKey},
};

const HEADER: &str = "x-amz-copy-source";

pub fn copy_source(ctx: &RequestContext<'_>) -> Result<SourceInput, S3Error> {
    let text = ctx.header(HEADER)?.ok_or_else(|| refused("", "Copy Source must be given"))?;
    let (bucket, key, version) = parse(text)?;
    Ok(SourceInput { bucket, key, version, conditions: condition_input::copy_source_conditions(ctx)? })
}

fn refused(text: &str, message: &'static str) -> S3Error {
    S3Error::invalid_argument(HEADER, text, message)
}

fn parse(text: &str) -> Result<(BucketName, ObjectKey, VersionSelector), S3Error> {
    const SHAPE: &str = "Copy Source must mention the source bucket and key: sourcebucket/sourcekey";
    let (path, version) = match text.split_once("?versionId=") {
        Some((path, version)) => (path, parameter::parse_version(version)?),
        None => (text, VersionSelector::Latest),
    };
    let path = percent::decode(path, PlusSign::IsPlus)
        .map_err(|_| refused(text, "Copy Source must be percent-encoded UTF-8"))?;
    let path = path.strip_prefix('/').unwrap_or(&path);
    let (bucket, key) = path.split_once('/').ok_or_else(|| refused(text, SHAPE))?;
    let bucket = bucket.parse().map_err(|_| S3Error::new(S3Code::InvalidBucketName))?;
    let key = ObjectKey::new(key).map_err(|_| refused(text, SHAPE))?;
    Ok((bucket, key, version))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sources_are_decoded_once() {
        for (text, key, version) in [
            ("bucket/key", "key", VersionSelector::Latest),
            ("/bucket/key", "key", VersionSelector::Latest),
            ("bucket/a%2Fb%20c+d", "a/b c+d", VersionSelector::Latest),
            ("bucket/%2525", "%25", VersionSelector::Latest),
            ("bucket//a/../b", "/a/../b", VersionSelector::Latest),
            ("bucket/%3FversionId", "?versionId", VersionSelector::Latest),
            ("bucket/?versionId", "?versionId", VersionSelector::Latest),
            ("bucket/k?versionId=null", "k", VersionSelector::Null),
        ] {
            let (bucket, parsed, selector) = parse(text).unwrap();
            assert_eq!((bucket.as_str(), parsed.as_str(), selector), ("bucket", key, version), "{text}");
        }
    }

    #[test]
    fn what_names_no_object_is_refused() {
        for text in ["", "/", "bucket", "bucket/", "/bucket", "bucket/%ff", "bucket/%zz", "bucket/k?versionId=x"] {
            assert_eq!(parse(text).unwrap_err().code(), S3Code::InvalidArgument, "{text}");
        }
        assert_eq!(parse("Bad_Bucket/key").unwrap_err().code(), S3Code::InvalidBucketName);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC*") {
            let _ = parse(&text);
        }
    }
}
