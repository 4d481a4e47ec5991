//! PutBucketVersioning and GetBucketVersioning.

use crate::fixture::{Fixture, code, new_bucket_name};
use aws_sdk_s3::types::{BucketVersioningStatus as Status, VersioningConfiguration};

impl Fixture {
    pub async fn set_versioning(&self, status: Status) {
        let configuration = VersioningConfiguration::builder().status(status).build();
        let put = self.client.put_bucket_versioning().bucket(&self.bucket).versioning_configuration(configuration);
        put.send().await.expect("versioning is set");
    }

    async fn versioning(&self) -> Option<Status> {
        let got = self.client.get_bucket_versioning().bucket(&self.bucket).send().await;
        got.expect("the bucket is there").status().cloned()
    }
}

#[tokio::test]
async fn a_bucket_has_no_status_until_it_gets_one() {
    let fixture = Fixture::new().await;
    assert_eq!(fixture.versioning().await, None);
    for status in [Status::Enabled, Status::Suspended, Status::Enabled] {
        fixture.set_versioning(status.clone()).await;
        assert_eq!(fixture.versioning().await, Some(status));
    }
}

#[tokio::test]
async fn what_is_no_configuration_is_refused_and_changes_nothing() {
    let fixture = Fixture::new().await;
    for (inner, status, name) in [
        ("<Status>On</Status>", 400, "MalformedXML"),
        ("", 400, "IllegalVersioningConfigurationException"),
        ("<Status>Enabled</Status><MfaDelete>Enabled</MfaDelete>", 501, "NotImplemented"),
        ("<Status>Enabled</Status><More/>", 400, "MalformedXML"),
    ] {
        let body = format!("<VersioningConfiguration>{inner}</VersioningConfiguration>");
        let answer = fixture.raw("PUT", "?versioning").body(body).send().await;
        assert_eq!((answer.status, answer.code().as_str()), (status, name), "{inner}");
    }
    assert_eq!(fixture.versioning().await, None);
    let nowhere = fixture.client.get_bucket_versioning().bucket(new_bucket_name()).send().await;
    assert_eq!(code(nowhere), "NoSuchBucket");
}
