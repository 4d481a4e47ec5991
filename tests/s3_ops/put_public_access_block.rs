//! PutPublicAccessBlock, GetPublicAccessBlock, DeletePublicAccessBlock: and what two of the flags do.

use crate::{
    anonymous::anonymously,
    fixture::{Fixture, code, new_bucket_name},
    raw::RawRequest,
};
use aws_sdk_s3::types::{BucketCannedAcl, ObjectCannedAcl, PublicAccessBlockConfiguration};

impl Fixture {
    async fn block(&self, block: PublicAccessBlockConfiguration) {
        let put = self.client.put_public_access_block().bucket(&self.bucket);
        put.public_access_block_configuration(block).send().await.unwrap();
    }
}

#[tokio::test]
async fn all_four_flags_are_kept_and_deleted() {
    let fixture = Fixture::new().await;
    let get = || fixture.client.get_public_access_block().bucket(&fixture.bucket).send();
    assert_eq!(code(get().await), "NoSuchPublicAccessBlockConfiguration");
    for on in 0..4 {
        let flag = |at| Some(at == on);
        let block = PublicAccessBlockConfiguration::builder()
            .set_block_public_acls(flag(0))
            .set_ignore_public_acls(flag(1))
            .set_block_public_policy(flag(2))
            .set_restrict_public_buckets(flag(3))
            .build();
        fixture.block(block.clone()).await;
        assert_eq!(get().await.unwrap().public_access_block_configuration(), Some(&block));
    }
    fixture.client.delete_public_access_block().bucket(&fixture.bucket).send().await.unwrap();
    assert_eq!(code(get().await), "NoSuchPublicAccessBlockConfiguration");
}

#[tokio::test]
async fn blocked_lists_are_refused() {
    let fixture = Fixture::new().await;
    let (client, bucket) = (&fixture.client, &fixture.bucket);
    fixture.block(PublicAccessBlockConfiguration::builder().block_public_acls(true).build()).await;
    for acl in [ObjectCannedAcl::PublicRead, ObjectCannedAcl::AuthenticatedRead] {
        let put = client.put_object().bucket(bucket).key("key").acl(acl).send().await;
        assert_eq!(code(put), "AccessDenied");
    }
    let acl = client.put_bucket_acl().bucket(bucket).acl(BucketCannedAcl::PublicRead).send().await;
    assert_eq!(code(acl), "AccessDenied");
    client.put_object().bucket(bucket).key("key").acl(ObjectCannedAcl::Private).send().await.unwrap();
    let acl = client.put_object_acl().bucket(bucket).key("key").acl(ObjectCannedAcl::PublicRead).send().await;
    assert_eq!(code(acl), "AccessDenied");
}

#[tokio::test]
async fn ignored_lists_are_kept_and_give_nothing() {
    let fixture = Fixture::new().await;
    let (client, bucket) = (&fixture.client, &fixture.bucket);
    client.put_object().bucket(bucket).key("key").acl(ObjectCannedAcl::PublicRead).send().await.unwrap();
    client.put_bucket_acl().bucket(bucket).acl(BucketCannedAcl::PublicRead).send().await.unwrap();
    let statuses = async || {
        let mut statuses = Vec::new();
        for rest in ["", "/key"] {
            statuses.push(anonymously(&fixture, "GET", rest, "", b"").await.status);
        }
        statuses
    };
    assert_eq!(statuses().await, [200, 200]);
    fixture.block(PublicAccessBlockConfiguration::builder().ignore_public_acls(true).build()).await;
    assert_eq!(statuses().await, [403, 403]);
    assert_eq!(client.get_object_acl().bucket(bucket).key("key").send().await.unwrap().grants().len(), 2);
    client.delete_public_access_block().bucket(bucket).send().await.unwrap();
    assert_eq!(statuses().await, [200, 200]);
}

#[tokio::test]
async fn what_is_no_document_of_it_is_malformed() {
    let fixture = Fixture::new().await;
    let flag = "<PublicAccessBlockConfiguration><BlockPublicAcls>1</BlockPublicAcls></PublicAccessBlockConfiguration>";
    for body in ["", "<Other/>", flag] {
        let refused = fixture.raw("PUT", "?publicAccessBlock").body(body).send().await;
        assert_eq!((refused.status, refused.code().as_str()), (400, "MalformedXML"), "{body}");
    }
    for method in ["GET", "PUT", "DELETE"] {
        let body = if method == "PUT" { "<PublicAccessBlockConfiguration/>" } else { "" };
        let target = format!("/{}?publicAccessBlock", new_bucket_name());
        assert_eq!(
            RawRequest::new(&fixture, method, target).body(body).send().await.code(),
            "NoSuchBucket",
            "{method}"
        );
    }
}
