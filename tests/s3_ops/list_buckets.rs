//! ListBuckets.

use crate::fixture::{Fixture, new_bucket_name};

#[tokio::test]
async fn pages_follow_each_other_and_a_prefix_selects() {
    let fixture = Fixture::new().await;
    let prefix = new_bucket_name();
    let names: Vec<String> = (0..5).map(|i| format!("{prefix}-{i}")).collect();
    for name in &names {
        fixture.client.create_bucket().bucket(name).send().await.unwrap();
    }
    let mut found = Vec::new();
    let mut token = None;
    loop {
        let page =
            fixture.client.list_buckets().prefix(format!("{prefix}-")).max_buckets(2).set_continuation_token(token);
        let page = page.send().await.unwrap();
        assert!(page.buckets().len() <= 2);
        assert_eq!(page.prefix(), Some(format!("{prefix}-").as_str()));
        found.extend(page.buckets().iter().map(|bucket| bucket.name().unwrap().to_owned()));
        assert!(page.buckets().iter().all(|bucket| bucket.creation_date().is_some()));
        token = page.continuation_token().map(str::to_owned);
        if token.is_none() {
            break;
        }
    }
    assert_eq!(found, names);
}

#[tokio::test]
async fn a_region_selects() {
    let fixture = Fixture::new().await;
    let prefix = &fixture.bucket;
    let region = async |region: &str| {
        let listed = fixture.client.list_buckets().prefix(prefix).bucket_region(region).send().await.unwrap();
        assert!(listed.buckets().iter().all(|bucket| bucket.bucket_region() == Some("us-east-1")));
        listed.buckets().len()
    };
    assert_eq!(region("us-east-1").await, 1);
    assert_eq!(region("eu-west-1").await, 0);
}

#[tokio::test]
async fn the_owner_is_named() {
    let fixture = Fixture::new().await;
    let listed = fixture.client.list_buckets().send().await.unwrap();
    assert!(listed.owner().is_some_and(|owner| !owner.id().unwrap_or_default().is_empty()));
    assert!(listed.buckets().iter().any(|bucket| bucket.name() == Some(&fixture.bucket)));
}

#[tokio::test]
async fn a_page_size_that_is_no_number_or_out_of_range_is_an_invalid_argument() {
    let fixture = Fixture::new().await;
    for size in ["0", "-1", "10001", "many"] {
        let refused = crate::raw::RawRequest::new(&fixture, "GET", format!("/?max-buckets={size}")).send().await;
        assert_eq!((refused.status, refused.code().as_str()), (400, "InvalidArgument"), "{size}");
    }
}
