//! Reads by somebody without credentials: of versions that everybody was granted, whatever comes between; and what such
//! a reader is told of the rest.

use super::fixture::{Fixture, TestBody, bucket, get_input, key, overtake_everywhere, put_input, up_to};
use crate::{
    identity::Permit,
    objects::{DeleteEntry, GetInput, ObjectError, PutInput, Selection, VersionSelector, WritePrecondition},
    types::{Acl, Bypass, CannedAcl, Grantee, ObjectOwnership, Permission, PublicAccessBlock, Versioning},
};

fn public() -> Acl {
    CannedAcl::PublicRead.acl().unwrap()
}

fn by_anybody(name: &str) -> GetInput {
    GetInput { permit: Permit::by_version(Permission::Read), ..get_input(name) }
}

impl Fixture {
    async fn put_public(&self, name: &str, bytes: &[u8]) {
        let input = PutInput { acl: Some(public()), ..put_input(name) };
        self.objects.put(input, TestBody::of(bytes)).await.unwrap();
    }

    async fn set_acl(&self, name: &str, acl: Acl) {
        let (objects, version) = (&self.objects, VersionSelector::Latest);
        objects.set_object_acl(&bucket(), &key(name), version, acl, Permit::full()).await.unwrap();
    }

    async fn list_for_everybody(&self, acl: Acl) {
        self.objects.set_bucket_acl(&bucket(), acl, Permit::full()).await.unwrap();
    }
}

/// What a private version takes the place of a public one by.
#[derive(Clone, Copy, Debug)]
enum Closing {
    Put,
    Acl,
}

/// A read that was decided on by the list of one version gave the bytes of another.
#[tokio::test]
async fn the_version_that_is_read_is_the_one_whose_list_allowed_it() {
    let fixture = Fixture::start().await;
    let overtake = async |is_head: bool, closing: Closing, waits: usize| {
        fixture.put_public("key", b"public").await;
        let input = by_anybody("key");
        let mut reading = Box::pin(async {
            match is_head {
                true => fixture.objects.head(&input).await.map(|found| found.object.size),
                false => fixture.get(&input).await.map(|bytes| bytes.len() as u64),
            }
        });
        let ended = up_to(waits, &mut reading).await;
        let is_overtaken = ended.is_none();
        match closing {
            Closing::Put => drop(fixture.put("key", b"private bytes").await),
            Closing::Acl => fixture.set_acl("key", Acl::PRIVATE).await,
        }
        fixture.release_all().await;
        let answer = if let Some(ended) = ended { ended } else { reading.await };
        assert!(
            [Ok(6), Err(ObjectError::AccessDenied)].contains(&answer),
            "{closing:?} after {waits} waits, HEAD: {is_head}: {answer:?}"
        );
        is_overtaken
    };
    for is_head in [false, true] {
        for closing in [Closing::Put, Closing::Acl] {
            // What the cache answers waits for nothing, so each round begins with a version that it does not know.
            overtake_everywhere(async |waits| overtake(is_head, closing, waits).await).await;
        }
    }
    assert_eq!(fixture.get(&by_anybody("key")).await, Err(ObjectError::AccessDenied));
}

#[tokio::test]
async fn every_kind_of_read_asks_the_list() {
    let fixture = Fixture::start().await;
    fixture.put("private", b"bytes").await;
    fixture.put_public("public", b"bytes").await;
    for selection in [Selection::Whole, Selection::Part(1)] {
        let input = |name| GetInput { selection, ..by_anybody(name) };
        assert_eq!(fixture.get(&input("public")).await.unwrap(), b"bytes");
        assert_eq!(fixture.get(&input("private")).await, Err(ObjectError::AccessDenied));
        assert!(fixture.objects.head(&input("public")).await.is_ok());
        assert_eq!(fixture.objects.head(&input("private")).await.err(), Some(ObjectError::AccessDenied));
        let attributes = fixture.objects.attributes(&input("private"), None).await;
        assert_eq!(attributes.err(), Some(ObjectError::AccessDenied));
    }
    // To read is not to read the list.
    let acp = Permit::by_version(Permission::ReadAcp);
    let list = fixture.objects.version_of(&bucket(), &key("public"), VersionSelector::Latest, acp).await;
    assert_eq!(list.err(), Some(ObjectError::AccessDenied));
}

#[tokio::test]
async fn what_is_not_there_is_told_to_who_may_list_the_bucket() {
    let fixture = Fixture::start().await;
    fixture.objects.set_versioning(&bucket(), Versioning::Enabled).await.unwrap();
    fixture.put_public("deleted", b"bytes").await;
    let (version, precondition) = (VersionSelector::Latest, WritePrecondition::None);
    let entry = DeleteEntry { key: key("deleted"), version, precondition, bypass: Bypass::None };
    fixture.objects.delete(&bucket(), entry, "root", Permit::full()).await.unwrap();
    let null_of = |name| GetInput { version: VersionSelector::Null, ..by_anybody(name) };
    for input in [by_anybody("none"), by_anybody("deleted"), null_of("deleted")] {
        assert_eq!(fixture.get(&input).await, Err(ObjectError::AccessDenied));
    }
    fixture.list_for_everybody(public()).await;
    assert_eq!(fixture.get(&by_anybody("none")).await, Err(ObjectError::NoSuchKey));
    assert_eq!(fixture.get(&null_of("deleted")).await, Err(ObjectError::NoSuchVersion));
    let marker = fixture.get(&by_anybody("deleted")).await;
    assert!(matches!(marker, Err(ObjectError::CurrentIsDeleteMarker { .. })), "{marker:?}");
    let input = GetInput { bucket: "other-bucket".parse().unwrap(), ..by_anybody("none") };
    assert_eq!(fixture.get(&input).await, Err(ObjectError::NoSuchBucket));
}

#[tokio::test]
async fn a_bucket_that_ignores_lists_gives_nothing_by_them() {
    let fixture = Fixture::start().await;
    fixture.put_public("key", b"bytes").await;
    let objects = &fixture.objects;
    let enforced = Some(ObjectOwnership::BucketOwnerEnforced);
    objects.set_ownership(&bucket(), enforced).await.unwrap();
    assert_eq!(fixture.get(&by_anybody("key")).await, Err(ObjectError::AccessDenied));
    let refused = objects.put(PutInput { acl: Some(public()), ..put_input("new") }, TestBody::of(b"x")).await;
    assert_eq!(refused.err(), Some(ObjectError::AclsDisabled));
    objects.set_ownership(&bucket(), None).await.unwrap();
    assert_eq!(fixture.get(&by_anybody("key")).await.unwrap(), b"bytes");
    let ignoring = PublicAccessBlock { ignore_public_acls: true, ..Default::default() };
    objects.set_public_access_block(&bucket(), Some(ignoring)).await.unwrap();
    assert_eq!(fixture.get(&by_anybody("key")).await, Err(ObjectError::AccessDenied));
    assert_eq!(fixture.get_whole("key").await.unwrap(), b"bytes", "its owner reads it all the same");
}

/// The request may be long under way.
#[tokio::test]
async fn a_list_is_set_by_a_stranger_only_while_it_lets_him() {
    let fixture = Fixture::start().await;
    let open = Acl::PRIVATE.with(Grantee::AllUsers, Permission::WriteAcp);
    let permit = Permit::by_version(Permission::WriteAcp);
    overtake_everywhere(async |waits| {
        fixture.put("key", b"bytes").await;
        fixture.set_acl("key", open).await;
        let (bucket, key) = (bucket(), key("key"));
        let mut setting =
            Box::pin(fixture.objects.set_object_acl(&bucket, &key, VersionSelector::Latest, public(), permit));
        let ended = up_to(waits, &mut setting).await;
        let is_overtaken = ended.is_none();
        fixture.put("key", b"private").await;
        let answer = if let Some(ended) = ended { ended } else { setting.await };
        assert!([Ok(None), Err(ObjectError::AccessDenied)].contains(&answer), "after {waits} waits: {answer:?}");
        let read = fixture.get(&by_anybody("key")).await;
        assert_eq!(read, Err(ObjectError::AccessDenied), "after {waits} waits");
        is_overtaken
    })
    .await;
}
