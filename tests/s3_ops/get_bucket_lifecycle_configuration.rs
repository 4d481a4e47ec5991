//! GetBucketLifecycleConfiguration.

use crate::fixture::{Fixture, code, new_bucket_name};
use crate::put_bucket_lifecycle_configuration::{rule, set};

#[tokio::test]
async fn a_bucket_without_rules_says_so() {
    let fixture = Fixture::new().await;
    let get = |bucket: &str| fixture.client.get_bucket_lifecycle_configuration().bucket(bucket).send();
    assert_eq!(code(get(&fixture.bucket).await), "NoSuchLifecycleConfiguration");
    assert_eq!(code(get(&new_bucket_name()).await), "NoSuchBucket");
}

#[tokio::test]
async fn rules_are_given_back_as_they_were_written() {
    let fixture = Fixture::new().await;
    let inside = "<Rule><ID>old form</ID><Prefix>logs/</Prefix><Status>Enabled</Status>\
        <Expiration><Date>2040-01-01T00:00:00.000Z</Date></Expiration></Rule>\
        <Rule><ID>new form</ID><Filter><Tag><Key>k</Key><Value>v</Value></Tag></Filter><Status>Disabled</Status>\
        <NoncurrentVersionExpiration><NoncurrentDays>3</NoncurrentDays></NoncurrentVersionExpiration></Rule>";
    let body = format!("<LifecycleConfiguration>{inside}</LifecycleConfiguration>");
    assert_eq!(fixture.raw("PUT", "?lifecycle").body(body).send().await.status, 200);
    let answer = fixture.raw("GET", "?lifecycle").send().await;
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains(inside), "{}", answer.text());
    assert_eq!(answer.header("x-amz-transition-default-minimum-object-size"), Some("all_storage_classes_128K"));
}

#[tokio::test]
async fn rules_go_with_their_bucket() {
    let fixture = Fixture::new().await;
    set(&fixture, [rule("a", "", 1)]).await;
    let get = || fixture.client.get_bucket_lifecycle_configuration().bucket(&fixture.bucket).send();
    assert_eq!(get().await.unwrap().rules().len(), 1);
    fixture.client.delete_bucket().bucket(&fixture.bucket).send().await.unwrap();
    assert_eq!(code(get().await), "NoSuchBucket");
    fixture.client.create_bucket().bucket(&fixture.bucket).send().await.unwrap();
    assert_eq!(code(get().await), "NoSuchLifecycleConfiguration");
}
