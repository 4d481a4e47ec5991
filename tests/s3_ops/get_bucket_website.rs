//! GetBucketWebsite.

use crate::fixture::{Fixture, code};
use aws_sdk_s3::types::{Condition, ErrorDocument, IndexDocument, Redirect, RoutingRule, WebsiteConfiguration};

#[tokio::test]
async fn what_was_put_comes_back() {
    let fixture = Fixture::new().await;
    let condition = Condition::builder().key_prefix_equals("old/").http_error_code_returned_equals("404").build();
    let redirect = Redirect::builder().host_name("b.example").http_redirect_code("302").replace_key_prefix_with("new/");
    let rule = RoutingRule::builder().condition(condition).redirect(redirect.build()).build();
    let website = WebsiteConfiguration::builder()
        .index_document(IndexDocument::builder().suffix("index.html").build().unwrap())
        .error_document(ErrorDocument::builder().key("404 & more.html").build().unwrap())
        .routing_rules(rule)
        .build();
    let put = fixture.client.put_bucket_website().bucket(&fixture.bucket).website_configuration(website.clone());
    put.send().await.unwrap();
    let got = fixture.client.get_bucket_website().bucket(&fixture.bucket).send().await.unwrap();
    assert_eq!(got.index_document(), website.index_document());
    assert_eq!(got.error_document(), website.error_document());
    assert_eq!(got.routing_rules(), website.routing_rules());
    assert_eq!(got.redirect_all_requests_to(), None);
}

#[tokio::test]
async fn a_bucket_that_is_none_or_not_there_says_so() {
    let fixture = Fixture::new().await;
    let get = |bucket: &str| fixture.client.get_bucket_website().bucket(bucket).send();
    assert_eq!(code(get(&fixture.bucket).await), "NoSuchWebsiteConfiguration");
    assert_eq!(code(get("no-such-bucket-anywhere").await), "NoSuchBucket");
}
