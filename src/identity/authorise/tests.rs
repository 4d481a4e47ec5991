//! Who may do what, over all actions and resources; and the table of lists again, one row an action, so that a change
//! of the code alone fails.

use super::*;
use crate::types::{Acl, AclRules, Grantee, ObjectOwnership, Permission, PublicAccessBlock};

/// Which permission, of which list, everybody needs for an action.
const ROWS: &[(&str, &str, &str)] = &[
    ("s3:DeleteObject", "bucket", "WRITE"),
    ("s3:GetBucketAcl", "bucket", "READ_ACP"),
    ("s3:GetObject", "version", "READ"),
    ("s3:GetObjectAcl", "version", "READ_ACP"),
    ("s3:GetObjectVersion", "version", "READ"),
    ("s3:GetObjectVersionAcl", "version", "READ_ACP"),
    ("s3:ListBucket", "bucket", "READ"),
    ("s3:ListBucketMultipartUploads", "bucket", "READ"),
    ("s3:ListBucketVersions", "bucket", "READ"),
    ("s3:PutBucketAcl", "bucket", "WRITE_ACP"),
    ("s3:PutObject", "bucket", "WRITE"),
    ("s3:PutObjectAcl", "version", "WRITE_ACP"),
    ("s3:PutObjectVersionAcl", "version", "WRITE_ACP"),
];

fn row(action: Action) -> Option<(&'static str, Permission)> {
    let row = ROWS.iter().find(|(name, ..)| *name == action.name())?;
    Some((row.1, Permission::from_name(row.2).unwrap()))
}

fn giving(permission: Permission) -> BucketAccess {
    BucketAccess { acl: Acl::PRIVATE.with(Grantee::AllUsers, permission), rules: AclRules::default() }
}

/// With each resource that there is.
fn resources<'a>(bucket: &'a BucketName, key: &'a ObjectKey) -> [Resource<'a>; 5] {
    [
        Resource::Service,
        Resource::Bucket(bucket),
        Resource::Object(bucket, key),
        Resource::Upload(bucket, key),
        Resource::ObjectsOf(bucket),
    ]
}

fn names() -> (BucketName, ObjectKey) {
    ("bucket".parse().unwrap(), ObjectKey::new("key").unwrap())
}

#[test]
fn what_nothing_allows_is_denied() {
    let (bucket, key) = names();
    let full = Principal::new("full".into(), Grant::FullAccess);
    let nobody = Principal::new("nobody".into(), Grant::Nothing);
    let public = BucketFacts::Present(giving(Permission::FullControl));
    for action in Action::ALL {
        for resource in &resources(&bucket, &key) {
            for facts in [BucketFacts::Unknown, BucketFacts::Absent, public] {
                assert_eq!(authorise(&full, *action, resource, facts), Ok(Permit(Extent::Full)));
                assert_eq!(authorise(&nobody, *action, resource, facts), Err(Denied::Nothing(*action)));
                let by_visitor = authorise(&Principal::website(), *action, resource, facts);
                let reads_an_object = *action == Action::GetObject && matches!(resource, Resource::Object(..));
                assert_eq!(by_visitor.is_ok(), reads_an_object && facts == public, "{action:?} {resource} {facts:?}");
                assert!(!by_visitor.is_ok_and(Permit::is_full), "{action:?} {resource} {facts:?}");
            }
        }
    }
}

#[test]
fn everybody_may_do_what_a_list_gives_and_nothing_else() {
    let (bucket, key) = names();
    let anonymous = Principal::anonymous();
    for action in Action::ALL.iter().copied().filter(|action| *action != Action::Preflight) {
        for resource in &resources(&bucket, &key) {
            for given in Permission::ALL {
                let is_given = |wanted| given == wanted || given == Permission::FullControl;
                let is_of_bucket = matches!(resource, Resource::Bucket(_) | Resource::ObjectsOf(_));
                let is_object = matches!(resource, Resource::Object(..));
                let expected = match row(action) {
                    Some(("bucket", wanted)) if (is_of_bucket || is_object) && is_given(wanted) => {
                        Ok(Permit(Extent::ByBucket(wanted)))
                    }
                    Some(("version", wanted)) if is_object => Ok(Permit(Extent::ByVersion(wanted))),
                    _ => Err(Denied::Nothing(action)),
                };
                let decided = authorise(&anonymous, action, resource, BucketFacts::Present(giving(given)));
                assert_eq!(decided, expected, "{action:?} {resource} {given:?}");
            }
            let unknown = authorise(&anonymous, action, resource, BucketFacts::Unknown);
            assert_eq!(unknown, Err(Denied::Nothing(action)), "{action:?} {resource}");
            let private = authorise(&anonymous, action, resource, BucketFacts::Present(BucketAccess::default()));
            assert!(!private.is_ok_and(|permit| permit.needs_grant().is_none()), "{action:?} {resource}");
        }
    }
    assert!(authorise(&anonymous, Action::Preflight, &Resource::Bucket(&bucket), BucketFacts::Unknown).is_ok());
}

#[test]
fn rows_name_actions_that_there_are() {
    assert_eq!(Action::ALL.iter().filter(|action| row(**action).is_some()).count(), ROWS.len());
}

#[test]
fn a_bucket_that_is_not_there_is_missed_only_by_what_a_list_could_give() {
    let (bucket, key) = names();
    let anonymous = Principal::anonymous();
    let asked = |action, resource| authorise(&anonymous, action, &resource, BucketFacts::Absent);
    for (action, resource) in [
        (Action::ListBucket, Resource::Bucket(&bucket)),
        (Action::GetObject, Resource::Object(&bucket, &key)),
        (Action::PutObject, Resource::Object(&bucket, &key)),
    ] {
        assert_eq!(asked(action, resource), Err(Denied::NoSuchBucket));
    }
    for (action, resource) in [
        (Action::CreateBucket, Resource::Bucket(&bucket)),
        (Action::PutObject, Resource::Upload(&bucket, &key)),
        (Action::GetObjectTagging, Resource::Object(&bucket, &key)),
    ] {
        assert_eq!(asked(action, resource), Err(Denied::Nothing(action)));
    }
}

#[test]
fn rules_of_the_bucket_take_what_lists_give() {
    let (bucket, _) = names();
    let enforced = AclRules { ownership: Some(ObjectOwnership::BucketOwnerEnforced), block: None };
    let block = PublicAccessBlock { ignore_public_acls: true, ..Default::default() };
    let ignoring = AclRules { ownership: None, block: Some(block) };
    let list = |rules| {
        let facts = BucketFacts::Present(BucketAccess { rules, ..giving(Permission::Read) });
        authorise(&Principal::anonymous(), Action::ListBucket, &Resource::Bucket(&bucket), facts).is_ok()
    };
    assert_eq!([list(AclRules::default()), list(enforced), list(ignoring)], [true, false, false]);
}

#[test]
fn a_website_is_shown_unless_public_buckets_are_restricted() {
    let (bucket, key) = names();
    for flags in 0..16 {
        let block = PublicAccessBlock::from_bits(flags).unwrap();
        let facts = BucketFacts::Present(BucketAccess {
            acl: Acl::PRIVATE,
            rules: AclRules { ownership: None, block: Some(block) },
        });
        let shown = authorise(&Principal::website(), Action::GetObject, &Resource::Object(&bucket, &key), facts);
        assert_eq!(shown.is_ok(), !block.restrict_public_buckets, "{block:?}");
    }
}

#[test]
fn a_permit_covers_versions_by_their_own_list_alone() {
    let [reads, writes] =
        [Permission::Read, Permission::Write].map(|given| Acl::PRIVATE.with(Grantee::AllUsers, given));
    let (private, lists) = (BucketAccess::default(), giving(Permission::Read));
    let by_version = Permit(Extent::ByVersion(Permission::Read));
    assert!(by_version.covers_version(reads, private));
    assert!(!by_version.covers_version(writes, lists) && !by_version.covers_version(Acl::PRIVATE, lists));
    assert!(!Permit(Extent::ByBucket(Permission::Read)).covers_version(reads, lists));
    assert!(Permit(Extent::Full).covers_version(Acl::EMPTY, private));
    assert!(Permit(Extent::Page).covers_version(Acl::EMPTY, private) && Permit(Extent::Page).may_miss(private));
    assert!(by_version.may_miss(lists) && !by_version.may_miss(private) && Permit(Extent::Full).may_miss(private));
}
