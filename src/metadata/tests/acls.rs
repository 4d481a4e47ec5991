//! Access control lists: which bucket takes which, who keeps one, and that a change is decided on what is there by then.

use super::{fixture::*, multipart};
use crate::{
    metadata::{Command, CommandError, Outcome, command::*, rows::ReadFrom},
    types::*,
};

fn public() -> Acl {
    CannedAcl::PublicRead.acl().unwrap()
}

impl Fixture {
    async fn put_with(&self, name: &str, acl: Acl) -> Result<Outcome, CommandError> {
        let mut put = self.put_of(name, self.content(&[1]));
        put.attributes.acl = acl;
        self.propose(Command::PutObject(put)).await
    }

    async fn acl_of(&self, name: &str) -> Acl {
        self.look(name).await.unwrap().object.acl
    }

    fn set_acl(&self, name: &str, acl: Acl, granted: Option<Permission>) -> Command {
        let (bucket, version) = (self.bucket, VersionSelector::Latest);
        Command::SetObjectAcl(SetObjectAcl { bucket, key: key(name), version, acl, granted })
    }

    fn set_bucket_acl(&self, acl: Acl, granted: Option<Permission>) -> Command {
        Command::SetBucketAcl(SetBucketAcl { bucket: self.bucket, acl, granted })
    }

    async fn own(&self, ownership: Option<ObjectOwnership>) -> Result<Outcome, CommandError> {
        self.propose(Command::SetBucketOwnership { bucket: self.bucket, ownership }).await
    }

    async fn block(&self, block: Option<PublicAccessBlock>) {
        self.done(Command::SetPublicAccessBlock { bucket: self.bucket, block }).await;
    }

    async fn access(&self) -> BucketAccess {
        self.metadata.bucket(&"bucket".parse().unwrap()).await.unwrap().unwrap().access
    }
}

#[tokio::test]
async fn a_version_has_the_list_it_was_given_and_a_new_one_is_private() {
    let fixture = Fixture::new().await;
    fixture.put_with("a", public()).await.unwrap();
    assert_eq!(fixture.acl_of("a").await, public());
    fixture.done(fixture.set_acl("a", Acl::EMPTY, None)).await;
    assert_eq!(fixture.acl_of("a").await, Acl::EMPTY, "as clients see it, cached or not");
    fixture.put_with("a", public()).await.unwrap();
    fixture.put("a", &[1]).await;
    assert_eq!(fixture.acl_of("a").await, Acl::PRIVATE);
    let missing = fixture.propose(fixture.set_acl("none", Acl::PRIVATE, None)).await;
    assert_eq!(missing, Err(CommandError::NoSuchKey));
}

#[tokio::test]
async fn each_version_has_its_own() {
    let fixture = Fixture::new().await;
    fixture.set_versioning(Versioning::Enabled).await;
    let Outcome::Written(old) = fixture.put_with("a", public()).await.unwrap() else { panic!() };
    fixture.put("a", &[2]).await;
    let version = VersionSelector::Id(old.version);
    let acl_of_old = async || {
        let found = fixture.metadata.lookup(fixture.bucket, &key("a"), version, ReadFrom::Nothing).await;
        found.unwrap().unwrap().object.acl
    };
    assert_eq!((acl_of_old().await, fixture.acl_of("a").await), (public(), Acl::PRIVATE));
    let (bucket, acl) = (fixture.bucket, Acl::EMPTY);
    fixture.done(Command::SetObjectAcl(SetObjectAcl { bucket, key: key("a"), version, acl, granted: None })).await;
    assert_eq!((acl_of_old().await, fixture.acl_of("a").await), (Acl::EMPTY, Acl::PRIVATE));
    fixture.delete("a").await;
    let marker = fixture.propose(fixture.set_acl("a", public(), None)).await;
    assert_eq!(marker, Err(CommandError::IsDeleteMarker));
}

#[tokio::test]
async fn a_copy_has_what_was_asked_for_and_appends_and_renames_keep_theirs() {
    let fixture = Fixture::new().await;
    fixture.put_with("a", public()).await.unwrap();
    fixture.done(Command::CopyObject(fixture.copy_of("a", "b"))).await;
    assert_eq!(fixture.acl_of("b").await, Acl::PRIVATE, "the source's is never copied");
    fixture.done(Command::CopyObject(CopyObject { acl: Acl::EMPTY, ..fixture.copy_of("a", "b") })).await;
    assert_eq!(fixture.acl_of("b").await, Acl::EMPTY);
    fixture.append("a", &[2]).await;
    assert_eq!(fixture.acl_of("a").await, public());
    fixture.done(Command::RenameObject(fixture.rename_of("a", "c/1"))).await;
    assert_eq!(fixture.acl_of("c/1").await, public());
    fixture.done(fixture.rename_prefix_of("c/", "d/")).await;
    assert_eq!(fixture.acl_of("d/1").await, public());
}

#[tokio::test]
async fn an_upload_gives_its_list_to_the_version_that_comes_of_it() {
    let fixture = Fixture::new().await;
    let upload = UploadId::from_bytes(fixture.unique());
    let create = CreateUpload { acl: public(), ..multipart::create(&fixture, "big", upload, VersionLock::default()) };
    fixture.done(Command::CreateUpload(create)).await;
    multipart::put_part(&fixture, "big", upload, 1, 10).await;
    // What was taken when the upload began is not refused when it ends.
    fixture.block(Some(PublicAccessBlock { block_public_acls: true, ..Default::default() })).await;
    fixture.done(Command::CompleteUpload(multipart::complete(&fixture, "big", upload, &[(1, 1)]))).await;
    assert_eq!(fixture.acl_of("big").await, public());
}

/// Such a version was hidden while lists were disabled, and public as soon as they were enabled again.
#[tokio::test]
async fn an_upload_that_ends_while_lists_are_disabled_is_private_ever_after() {
    let fixture = Fixture::new().await;
    for (name, acl) in [("public", public()), ("empty", Acl::EMPTY)] {
        fixture.own(None).await.unwrap();
        let upload = UploadId::from_bytes(fixture.unique());
        let create = CreateUpload { acl, ..multipart::create(&fixture, name, upload, VersionLock::default()) };
        fixture.done(Command::CreateUpload(create)).await;
        multipart::put_part(&fixture, name, upload, 1, 10).await;
        fixture.own(Some(ObjectOwnership::BucketOwnerEnforced)).await.unwrap();
        fixture.done(Command::CompleteUpload(multipart::complete(&fixture, name, upload, &[(1, 1)]))).await;
        fixture.own(None).await.unwrap();
        assert_eq!(fixture.acl_of(name).await, Acl::PRIVATE, "{name}");
    }
}

#[tokio::test]
async fn a_bucket_with_an_enforced_owner_takes_no_list() {
    let fixture = Fixture::new().await;
    fixture.put_with("before", public()).await.unwrap();
    fixture.done(fixture.set_bucket_acl(public(), None)).await;
    assert_eq!(fixture.own(Some(ObjectOwnership::BucketOwnerEnforced)).await, Err(CommandError::AclAgainstOwnership));
    fixture.done(fixture.set_bucket_acl(Acl::PRIVATE, None)).await;
    fixture.own(Some(ObjectOwnership::BucketOwnerEnforced)).await.unwrap();
    for acl in [public(), Acl::EMPTY] {
        assert_eq!(fixture.put_with("a", acl).await, Err(CommandError::AclsDisabled));
        assert_eq!(fixture.propose(fixture.set_acl("before", acl, None)).await, Err(CommandError::AclsDisabled));
        assert_eq!(fixture.propose(fixture.set_bucket_acl(acl, None)).await, Err(CommandError::AclsDisabled));
        let copy = CopyObject { acl, ..fixture.copy_of("before", "a") };
        assert_eq!(fixture.propose(Command::CopyObject(copy)).await, Err(CommandError::AclsDisabled));
        let upload = UploadId::from_bytes(fixture.unique());
        let create = CreateUpload { acl, ..multipart::create(&fixture, "a", upload, VersionLock::default()) };
        assert_eq!(fixture.propose(Command::CreateUpload(create)).await, Err(CommandError::AclsDisabled));
    }
    fixture.put_with("a", Acl::PRIVATE).await.unwrap();
    // What is there is kept, and a rename is no refusal.
    fixture.done(Command::RenameObject(fixture.rename_of("before", "after"))).await;
    assert_eq!(fixture.acl_of("after").await, public());
    fixture.own(None).await.unwrap();
    fixture.put_with("a", public()).await.unwrap();
}

#[tokio::test]
async fn blocked_public_lists_are_refused_and_others_are_not() {
    let fixture = Fixture::new().await;
    fixture.block(Some(PublicAccessBlock { block_public_acls: true, ..Default::default() })).await;
    assert_eq!(fixture.put_with("a", public()).await, Err(CommandError::PublicAclsBlocked));
    fixture.put_with("a", Acl::EMPTY).await.unwrap();
    assert_eq!(fixture.propose(fixture.set_bucket_acl(public(), None)).await, Err(CommandError::PublicAclsBlocked));
    fixture.block(None).await;
    fixture.put_with("a", public()).await.unwrap();
}

#[tokio::test]
async fn a_bucket_keeps_what_it_was_told_about_access() {
    let fixture = Fixture::new().await;
    assert_eq!(fixture.access().await, BucketAccess::default());
    fixture.done(fixture.set_bucket_acl(public(), None)).await;
    fixture.own(Some(ObjectOwnership::ObjectWriter)).await.unwrap();
    let block = PublicAccessBlock { ignore_public_acls: true, restrict_public_buckets: true, ..Default::default() };
    fixture.block(Some(block)).await;
    let rules = AclRules { ownership: Some(ObjectOwnership::ObjectWriter), block: Some(block) };
    assert_eq!(fixture.access().await, BucketAccess { acl: public(), rules });
    let create = |name: &str, acl, ownership| {
        Command::CreateBucket(CreateBucket {
            name: name.parse().unwrap(),
            region: String::new(),
            owner: "root".into(),
            created: at(1),
            tags: None,
            object_lock: None,
            acl,
            ownership,
            buckets_max: 10_000,
        })
    };
    let enforced = Some(ObjectOwnership::BucketOwnerEnforced);
    let refused = fixture.propose(create("other", public(), enforced)).await;
    assert_eq!(refused, Err(CommandError::AclAgainstOwnership));
    fixture.done(create("other", Acl::PRIVATE, enforced)).await;
    for command in [
        Command::SetBucketAcl(SetBucketAcl { bucket: BucketId(77), acl: Acl::PRIVATE, granted: None }),
        Command::SetBucketOwnership { bucket: BucketId(77), ownership: None },
        Command::SetPublicAccessBlock { bucket: BucketId(77), block: None },
    ] {
        assert_eq!(fixture.propose(command).await, Err(CommandError::NoSuchBucket));
    }
}

/// A stranger's request may have been under way while the owner took the permission back.
#[tokio::test]
async fn what_a_list_granted_is_asked_again_when_it_is_used() {
    let fixture = Fixture::new().await;
    let granting = Acl::PRIVATE.with(Grantee::AllUsers, Permission::WriteAcp);
    let asked = Some(Permission::WriteAcp);
    fixture.put_with("a", granting).await.unwrap();
    fixture.done(fixture.set_bucket_acl(granting, None)).await;
    fixture.done(fixture.set_acl("a", granting.with(Grantee::AllUsers, Permission::Read), asked)).await;
    fixture.done(fixture.set_acl("a", Acl::PRIVATE, None)).await;
    assert_eq!(fixture.propose(fixture.set_acl("a", public(), asked)).await, Err(CommandError::NotGranted));
    fixture.done(fixture.set_bucket_acl(granting, asked)).await;
    fixture.block(Some(PublicAccessBlock { ignore_public_acls: true, ..Default::default() })).await;
    assert_eq!(fixture.propose(fixture.set_bucket_acl(public(), asked)).await, Err(CommandError::NotGranted));
    assert_eq!(fixture.acl_of("a").await, Acl::PRIVATE);
    assert_eq!(fixture.access().await.acl, granting);
}

/// From outside: a body that was held back while the owner took the permission back was stored in the end.
#[tokio::test]
async fn a_write_that_took_long_asks_the_list_again() {
    let fixture = Fixture::new().await;
    let granting = Acl::PRIVATE.with(Grantee::AllUsers, Permission::Write);
    let granted = Some(Permission::Write);
    let put = |name| Command::PutObject(PutObject { granted, ..fixture.put_of(name, fixture.content(&[10])) });
    let delete = || Command::DeleteObject(DeleteObject { granted, ..fixture.delete_of("a") });
    fixture.done(fixture.set_bucket_acl(granting, None)).await;
    fixture.done(put("a")).await;
    fixture.done(fixture.set_bucket_acl(Acl::PRIVATE, None)).await;
    for (ownership, block) in [
        (None, None),
        (None, Some(PublicAccessBlock { ignore_public_acls: true, ..Default::default() })),
        (Some(ObjectOwnership::BucketOwnerEnforced), None),
    ] {
        let bucket = fixture.bucket;
        let acl = if block.is_some() { granting } else { Acl::PRIVATE };
        fixture.done(fixture.set_bucket_acl(acl, None)).await;
        fixture.done(Command::SetBucketOwnership { bucket, ownership }).await;
        fixture.block(block).await;
        for command in [put("a"), put("b"), delete()] {
            assert_eq!(fixture.propose(command).await, Err(CommandError::NotGranted), "{ownership:?} {block:?}");
        }
        fixture.done(Command::SetBucketOwnership { bucket, ownership: None }).await;
        fixture.block(None).await;
    }
    fixture.done(fixture.set_bucket_acl(granting, None)).await;
    fixture.done(delete()).await;
    assert_eq!(fixture.list("", "", None, 10).await.entries, []);
}
