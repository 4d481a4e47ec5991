//! A server whose settings fix the region: clients learn it, whatever they believed.

use crate::support::{Options, Server};
use aws_sdk_s3::{
    Client,
    config::{BehaviorVersion, Credentials, Region, http::HttpRequest},
    error::ProvideErrorMetadata,
    types::{BucketLocationConstraint, CreateBucketConfiguration},
};

fn client(server: &Server, region: &'static str) -> Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(format!("http://{}", server.authority()))
        .region(Region::new(region))
        .credentials_provider(Credentials::new(server.access_key(), server.secret_key(), None, None, "test"))
        .force_path_style(true);
    Client::from_conf(config.build())
}

#[tokio::test]
async fn every_bucket_is_in_it_and_whoever_asks_is_told() {
    let options = Options { arguments: vec!["--region".to_owned(), "eu-north-1".to_owned()], ..Options::default() };
    let server = Server::start_with(options).await;
    let (local, stranger) = (client(&server, "eu-north-1"), client(&server, "us-east-1"));
    local.create_bucket().bucket("plain").send().await.unwrap();
    let constraint = |region: &str| {
        CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::from(region)).build()
    };
    let named = local.create_bucket().bucket("named").create_bucket_configuration(constraint("eu-north-1"));
    named.send().await.unwrap();
    let elsewhere = local.create_bucket().bucket("elsewhere").create_bucket_configuration(constraint("ap-south-1"));
    let refused = elsewhere.send().await.unwrap_err();
    assert_eq!(refused.code(), Some("IllegalLocationConstraintException"));
    for bucket in ["plain", "named"] {
        for client in [&local, &stranger] {
            let located = client.get_bucket_location().bucket(bucket).send().await.unwrap();
            assert_eq!(located.location_constraint().unwrap().as_str(), "eu-north-1");
        }
        let head = local.head_bucket().bucket(bucket).send().await.unwrap();
        assert_eq!(head.bucket_region(), Some("eu-north-1"));
    }
    // On anything but a bucket the parameter asks for nothing: a list of all buckets passed it over, and was answered.
    let with_location = |request: &mut HttpRequest| {
        let separator = if request.uri().contains('?') { '&' } else { '?' };
        request.set_uri(format!("{}{separator}location", request.uri())).unwrap();
    };
    let buckets = stranger.list_buckets().customize().mutate_request(with_location).send().await.unwrap_err();
    assert_eq!(buckets.code(), Some("AuthorizationHeaderMalformed"));
    let object = stranger.get_object().bucket("plain").key("key").customize().mutate_request(with_location);
    assert_eq!(object.send().await.unwrap_err().code(), Some("AuthorizationHeaderMalformed"));
    let listed = stranger.list_objects_v2().bucket("plain").send().await.unwrap_err();
    assert_eq!(listed.code(), Some("AuthorizationHeaderMalformed"), "all else is signed for the right one");
}
