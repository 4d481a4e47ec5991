//! PutBucketOwnershipControls, GetBucketOwnershipControls, DeleteBucketOwnershipControls: and what an enforced owner does to lists.

use crate::{
    fixture::{Fixture, code, new_bucket_name},
    put_bucket_acl::said,
    raw::RawRequest,
};
use aws_sdk_s3::types::{BucketCannedAcl, ObjectCannedAcl, ObjectOwnership, OwnershipControls, OwnershipControlsRule};

impl Fixture {
    async fn own(&self, ownership: ObjectOwnership) -> Result<(), String> {
        let rule = OwnershipControlsRule::builder().object_ownership(ownership).build().unwrap();
        let controls = OwnershipControls::builder().rules(rule).build().unwrap();
        let put = self.client.put_bucket_ownership_controls().bucket(&self.bucket).ownership_controls(controls);
        let put = put.send().await;
        if put.is_ok() { Ok(()) } else { Err(code(put)) }
    }
}

#[tokio::test]
async fn what_was_set_is_read_until_it_is_deleted() {
    let fixture = Fixture::new().await;
    let get = || fixture.client.get_bucket_ownership_controls().bucket(&fixture.bucket).send();
    assert_eq!(code(get().await), "OwnershipControlsNotFoundError");
    for ownership in
        [ObjectOwnership::ObjectWriter, ObjectOwnership::BucketOwnerPreferred, ObjectOwnership::BucketOwnerEnforced]
    {
        fixture.own(ownership.clone()).await.unwrap();
        let read = get().await.unwrap();
        assert_eq!(read.ownership_controls().unwrap().rules()[0].object_ownership(), &ownership);
    }
    let delete = || fixture.client.delete_bucket_ownership_controls().bucket(&fixture.bucket).send();
    delete().await.unwrap();
    assert_eq!(code(get().await), "OwnershipControlsNotFoundError");
    delete().await.unwrap();
}

#[tokio::test]
async fn an_enforced_owner_disables_lists() {
    let fixture = Fixture::new().await;
    let (client, bucket) = (&fixture.client, &fixture.bucket);
    client.put_object().bucket(bucket).key("public").acl(ObjectCannedAcl::PublicRead).send().await.unwrap();
    client.put_bucket_acl().bucket(bucket).acl(BucketCannedAcl::PublicRead).send().await.unwrap();
    let refused = fixture.own(ObjectOwnership::BucketOwnerEnforced).await;
    assert_eq!(refused, Err("InvalidBucketAclWithObjectOwnership".to_owned()));
    client.put_bucket_acl().bucket(bucket).acl(BucketCannedAcl::Private).send().await.unwrap();
    fixture.own(ObjectOwnership::BucketOwnerEnforced).await.unwrap();
    let refused = "AccessControlListNotSupported";
    let put = |acl| client.put_object().bucket(bucket).key("key").acl(acl).send();
    assert_eq!(code(put(ObjectCannedAcl::PublicRead).await), refused);
    for allowed in [ObjectCannedAcl::Private, ObjectCannedAcl::BucketOwnerFullControl] {
        put(allowed).await.unwrap();
    }
    let acl = client.put_bucket_acl().bucket(bucket).acl(BucketCannedAcl::AuthenticatedRead).send().await;
    assert_eq!(code(acl), refused);
    let acl = client.put_object_acl().bucket(bucket).key("key").grant_read("id=larder").send().await;
    assert_eq!(code(acl), refused);
    let upload = client.create_multipart_upload().bucket(bucket).key("key").acl(ObjectCannedAcl::PublicRead);
    assert_eq!(code(upload.send().await), refused);
    let copy = client.copy_object().bucket(bucket).key("copy").copy_source(format!("{bucket}/key"));
    assert_eq!(code(copy.acl(ObjectCannedAcl::PublicRead).send().await), refused);
    let shown = client.get_object_acl().bucket(bucket).key("public").send().await.unwrap();
    assert_eq!(said(shown.grants()), ["larder FULL_CONTROL"]);
    client.delete_bucket_ownership_controls().bucket(bucket).send().await.unwrap();
    let shown = client.get_object_acl().bucket(bucket).key("public").send().await.unwrap();
    assert_eq!(said(shown.grants()), ["AllUsers READ", "larder FULL_CONTROL"], "it was kept");
}

#[tokio::test]
async fn a_bucket_is_made_with_an_ownership() {
    let fixture = Fixture::new().await;
    let name = new_bucket_name();
    let create = || fixture.client.create_bucket().bucket(&name);
    let enforced = ObjectOwnership::BucketOwnerEnforced;
    let both = create().object_ownership(enforced.clone()).acl(BucketCannedAcl::PublicRead).send().await;
    assert_eq!(code(both), "InvalidBucketAclWithObjectOwnership");
    create().object_ownership(enforced).send().await.unwrap();
    let read = fixture.client.get_bucket_ownership_controls().bucket(&name).send().await.unwrap();
    let expected = &ObjectOwnership::BucketOwnerEnforced;
    assert_eq!(read.ownership_controls().unwrap().rules()[0].object_ownership(), expected);
    create().send().await.unwrap();
    let other = create().object_ownership(ObjectOwnership::ObjectWriter).send().await;
    assert_eq!(code(other), "BucketAlreadyOwnedByYou", "it has another one");
    let target = format!("/{}", new_bucket_name());
    let create = RawRequest::new(&fixture, "PUT", target).header("x-amz-object-ownership", "Nobody").send().await;
    assert_eq!((create.status, create.code().as_str()), (400, "InvalidArgument"));
}

#[tokio::test]
async fn what_is_no_document_of_it_is_malformed() {
    let fixture = Fixture::new().await;
    for body in ["", "<OwnershipControls/>", "<Other/>", "<OwnershipControls><Rule/></OwnershipControls>"] {
        let refused = fixture.raw("PUT", "?ownershipControls").body(body).send().await;
        assert_eq!((refused.status, refused.code().as_str()), (400, "MalformedXML"), "{body}");
    }
    for method in ["GET", "PUT", "DELETE"] {
        let body =
            "<OwnershipControls><Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule></OwnershipControls>";
        let target = format!("/{}?ownershipControls", new_bucket_name());
        let missing = RawRequest::new(&fixture, method, target).body(if method == "PUT" { body } else { "" });
        assert_eq!(missing.send().await.code(), "NoSuchBucket", "{method}");
    }
}
