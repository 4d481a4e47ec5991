//! The one decision about every request. Today each authenticated key has full access; policies will hang here.

use super::{Action, Principal, principal::Grant};
use crate::types::{BucketName, ObjectKey};
use std::fmt;

/// What a request wants to touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource<'a> {
    /// The account: ListBuckets.
    Service,
    Bucket(&'a BucketName),
    Object(&'a BucketName, &'a ObjectKey),
    /// Objects that the request names in its body: DeleteObjects.
    ObjectsOf(&'a BucketName),
}

impl fmt::Display for Resource<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service => f.write_str("arn:aws:s3:::"),
            Self::Bucket(bucket) => write!(f, "arn:aws:s3:::{bucket}"),
            Self::Object(bucket, key) => write!(f, "arn:aws:s3:::{bucket}/{key}"),
            Self::ObjectsOf(bucket) => write!(f, "arn:aws:s3:::{bucket}/*"),
        }
    }
}

/// Nothing allows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nothing allows {}", .0.name())]
pub struct Denied(pub Action);

/// Whether `principal` may do `action` to `resource`. What nothing allows is denied.
pub fn authorise(principal: &Principal, action: Action, resource: &Resource<'_>) -> Result<(), Denied> {
    let is_allowed = match (principal.grant(), resource) {
        (
            Grant::FullAccess,
            Resource::Service | Resource::Bucket(_) | Resource::Object(..) | Resource::ObjectsOf(_),
        ) => true,
        (Grant::Anonymous, _) => action == Action::Preflight,
        (Grant::Website, Resource::Object(..)) => action == Action::GetObject,
        (Grant::Website, _) => false,
        #[cfg(test)]
        (Grant::Nothing, _) => false,
    };
    if is_allowed { Ok(()) } else { Err(Denied(action)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nothing_allows_is_denied() {
        let bucket: BucketName = "bucket".parse().unwrap();
        let key = ObjectKey::new("key").unwrap();
        let full = Principal::new("full".into(), Grant::FullAccess);
        let nobody = Principal::new("nobody".into(), Grant::Nothing);
        let anonymous = Principal::anonymous();
        let resources = [
            Resource::Service,
            Resource::Bucket(&bucket),
            Resource::Object(&bucket, &key),
            Resource::ObjectsOf(&bucket),
        ];
        for action in Action::ALL {
            for resource in &resources {
                assert_eq!(authorise(&full, *action, resource), Ok(()));
                assert_eq!(authorise(&nobody, *action, resource), Err(Denied(*action)));
                let by_anybody = authorise(&anonymous, *action, resource);
                assert_eq!(by_anybody.is_ok(), *action == Action::Preflight, "{action:?}");
                let by_visitor = authorise(&Principal::website(), *action, resource);
                let reads_an_object = *action == Action::GetObject && matches!(resource, Resource::Object(..));
                assert_eq!(by_visitor.is_ok(), reads_an_object, "{action:?} {resource}");
            }
        }
    }
}
