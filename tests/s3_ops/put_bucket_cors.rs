//! PutBucketCors.

use crate::fixture::{Fixture, code, new_bucket_name};
use aws_sdk_s3::types::{CorsConfiguration, CorsRule};

/// A rule that lets these origins send these methods with any header.
pub fn rule(origins: &[&str], methods: &[&str]) -> CorsRule {
    let owned = |texts: &[&str]| Some(texts.iter().map(|text| (*text).to_owned()).collect());
    let rule = CorsRule::builder().set_allowed_origins(owned(origins)).set_allowed_methods(owned(methods));
    rule.allowed_headers("*").expose_headers("ETag").max_age_seconds(30).build().expect("a whole rule")
}

pub fn configuration(rules: impl IntoIterator<Item = CorsRule>) -> CorsConfiguration {
    CorsConfiguration::builder().set_cors_rules(Some(rules.into_iter().collect())).build().expect("there are rules")
}

pub async fn allow(fixture: &Fixture, rules: impl IntoIterator<Item = CorsRule>) {
    let put = fixture.client.put_bucket_cors().bucket(&fixture.bucket).cors_configuration(configuration(rules));
    put.send().await.expect("the rules are set");
}

#[tokio::test]
async fn rules_replace_the_ones_before() {
    let fixture = Fixture::new().await;
    for rules in
        [vec![rule(&["http://a", "*"], &["GET", "PUT"])], vec![rule(&["http://b"], &["HEAD"]), rule(&["*"], &["GET"])]]
    {
        allow(&fixture, rules.clone()).await;
        let kept = fixture.client.get_bucket_cors().bucket(&fixture.bucket).send().await.unwrap();
        assert_eq!(kept.cors_rules(), rules);
    }
}

#[tokio::test]
async fn bad_documents_and_absent_buckets_are_refused_and_change_nothing() {
    let fixture = Fixture::new().await;
    allow(&fixture, [rule(&["http://a"], &["GET"])]).await;
    let put = |bucket: &str, rules: Vec<CorsRule>| {
        fixture.client.put_bucket_cors().bucket(bucket).cors_configuration(configuration(rules)).send()
    };
    assert_eq!(code(put(&new_bucket_name(), vec![rule(&["*"], &["GET"])]).await), "NoSuchBucket");
    assert_eq!(code(put(&fixture.bucket, vec![rule(&["*"], &["PATCH"])]).await), "InvalidRequest");
    assert_eq!(code(put(&fixture.bucket, vec![rule(&["*.*"], &["GET"])]).await), "InvalidRequest");
    assert_eq!(code(put(&fixture.bucket, vec![rule(&["*"], &["GET"]); 101]).await), "InvalidRequest");
    let long = format!("<CORSConfiguration><!--{}--></CORSConfiguration>", "x".repeat(64 << 10));
    for (body, expected) in [
        ("<CORSConfiguration/>", "MalformedXML"),
        ("<CORSConfiguration><CORSRule/></CORSConfiguration>", "MalformedXML"),
        ("", "MalformedXML"),
        (&long, "MaxMessageLengthExceeded"),
    ] {
        let answer = fixture.raw("PUT", "?cors").body(body).send().await;
        assert_eq!((answer.status, answer.code().as_str()), (400, expected), "{}", answer.text());
    }
    let kept = fixture.client.get_bucket_cors().bucket(&fixture.bucket).send().await.unwrap();
    assert_eq!(kept.cors_rules(), [rule(&["http://a"], &["GET"])]);
}
