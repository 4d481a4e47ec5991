//! PutBucketLifecycleConfiguration. What the rules do over time is in `tests/app/lifecycle.rs`.

use crate::fixture::{Fixture, code, new_bucket_name};
use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, ExpirationStatus, LifecycleExpiration, LifecycleRule,
    LifecycleRuleAndOperator, LifecycleRuleFilter, NoncurrentVersionExpiration, Tag,
    TransitionDefaultMinimumObjectSize,
};

pub fn rule(id: &str, prefix: &str, days: i32) -> LifecycleRule {
    let filter = LifecycleRuleFilter::builder().prefix(prefix).build();
    let rule = LifecycleRule::builder().id(id).filter(filter).status(ExpirationStatus::Enabled);
    rule.expiration(LifecycleExpiration::builder().days(days).build()).build().expect("a whole rule")
}

fn changed(mut rule: LifecycleRule, change: impl FnOnce(&mut LifecycleRule)) -> LifecycleRule {
    change(&mut rule);
    rule
}

pub fn configuration(rules: impl IntoIterator<Item = LifecycleRule>) -> BucketLifecycleConfiguration {
    let rules = rules.into_iter().collect();
    BucketLifecycleConfiguration::builder().set_rules(Some(rules)).build().expect("there are rules")
}

pub async fn set(fixture: &Fixture, rules: impl IntoIterator<Item = LifecycleRule>) {
    let put = fixture.client.put_bucket_lifecycle_configuration().bucket(&fixture.bucket);
    put.lifecycle_configuration(configuration(rules)).send().await.expect("the rules are set");
}

#[tokio::test]
async fn rules_of_every_kind_replace_the_ones_before_and_come_back() {
    let fixture = Fixture::new().await;
    set(&fixture, [rule("first", "a/", 3)]).await;
    let tag = |key: &str| Tag::builder().key(key).value("v").build().unwrap();
    let and = LifecycleRuleAndOperator::builder().prefix("b/").tags(tag("k")).tags(tag("l")).object_size_less_than(9);
    let filter = LifecycleRuleFilter::builder().and(and.build()).build();
    let noncurrent = NoncurrentVersionExpiration::builder().noncurrent_days(2).newer_noncurrent_versions(4).build();
    let markers = LifecycleExpiration::builder().expired_object_delete_marker(true).build();
    let abort = AbortIncompleteMultipartUpload::builder().days_after_initiation(7).build();
    let rules = [
        changed(rule("and", "", 1), |rule| rule.filter = Some(filter)),
        changed(rule("old", "", 1), |rule| {
            (rule.noncurrent_version_expiration, rule.expiration) = (Some(noncurrent), None);
        }),
        changed(rule("rest", "c", 1), |rule| {
            (rule.expiration, rule.status) = (Some(markers), ExpirationStatus::Disabled);
            rule.abort_incomplete_multipart_upload = Some(abort);
        }),
    ];
    let varies = TransitionDefaultMinimumObjectSize::VariesByStorageClass;
    let put = fixture.client.put_bucket_lifecycle_configuration().bucket(&fixture.bucket);
    let put = put.lifecycle_configuration(configuration(rules.clone()));
    let answer = put.transition_default_minimum_object_size(varies.clone()).send().await.unwrap();
    assert_eq!(answer.transition_default_minimum_object_size(), Some(&varies));
    let kept = fixture.client.get_bucket_lifecycle_configuration().bucket(&fixture.bucket).send().await.unwrap();
    assert_eq!(kept.rules(), rules);
    assert_eq!(kept.transition_default_minimum_object_size(), Some(&varies));
}

#[tokio::test]
async fn a_rule_without_an_id_gets_one() {
    let fixture = Fixture::new().await;
    let nameless = |prefix| changed(rule("", prefix, 1), |rule| rule.id = None);
    set(&fixture, [nameless("a"), nameless("b")]).await;
    let kept = fixture.client.get_bucket_lifecycle_configuration().bucket(&fixture.bucket).send().await.unwrap();
    let ids: Vec<&str> = kept.rules().iter().map(|rule| rule.id().unwrap()).collect();
    assert!(ids.iter().all(|id| !id.is_empty()) && ids[0] != ids[1], "{ids:?}");
}

#[tokio::test]
async fn bad_documents_and_absent_buckets_are_refused_and_change_nothing() {
    let fixture = Fixture::new().await;
    set(&fixture, [rule("kept", "a/", 3)]).await;
    let put = |bucket: &str, rules: Vec<LifecycleRule>| {
        let put = fixture.client.put_bucket_lifecycle_configuration().bucket(bucket);
        put.lifecycle_configuration(configuration(rules)).send()
    };
    assert_eq!(code(put(&new_bucket_name(), vec![rule("a", "", 1)]).await), "NoSuchBucket");
    assert_eq!(code(put(&fixture.bucket, vec![rule("a", "", 0)]).await), "InvalidArgument");
    assert_eq!(code(put(&fixture.bucket, vec![rule("a", "", 1); 2]).await), "InvalidArgument");
    assert_eq!(code(put(&fixture.bucket, vec![rule(&"i".repeat(256), "", 1)]).await), "InvalidArgument");
    let long = format!("<LifecycleConfiguration><!--{}--></LifecycleConfiguration>", "x".repeat(1 << 20));
    let transition = "<LifecycleConfiguration><Rule><Status>Enabled</Status><Filter/><Transition><Days>1</Days>\
        <StorageClass>GLACIER</StorageClass></Transition></Rule></LifecycleConfiguration>";
    let bad_status = "<LifecycleConfiguration><Rule><Status>enabled</Status><Filter/><Expiration><Days>1</Days>\
        </Expiration></Rule></LifecycleConfiguration>";
    for (body, expected) in [
        ("<LifecycleConfiguration/>", "MalformedXML"),
        ("", "MalformedXML"),
        (bad_status, "MalformedXML"),
        (transition, "InvalidStorageClass"),
        (&long, "MaxMessageLengthExceeded"),
    ] {
        let answer = fixture.raw("PUT", "?lifecycle").body(body).send().await;
        assert_eq!((answer.status, answer.code().as_str()), (400, expected), "{}", answer.text());
    }
    let header = "x-amz-transition-default-minimum-object-size";
    let answer = fixture.raw("PUT", "?lifecycle").header(header, "none").body("<LifecycleConfiguration/>").send().await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "InvalidArgument"), "{}", answer.text());
    let kept = fixture.client.get_bucket_lifecycle_configuration().bucket(&fixture.bucket).send().await.unwrap();
    assert_eq!(kept.rules(), [rule("kept", "a/", 3)]);
}

/// `expiry-date="...", rule-id="..."`: the date is a midnight, one day and a bit from now.
#[track_caller]
fn assert_expires(header: Option<&str>, rule: &str) {
    let header = header.expect("x-amz-expiration is answered");
    let (date, id) = header.strip_prefix("expiry-date=\"").unwrap().split_once("\", rule-id=\"").unwrap();
    assert!(date.ends_with(" 00:00:00 GMT"), "{header}");
    assert_eq!(id, format!("{rule}\""), "{header}");
}

#[tokio::test]
async fn answers_tell_when_an_object_expires_and_when_an_upload_is_aborted() {
    let fixture = Fixture::new().await;
    let abort = AbortIncompleteMultipartUpload::builder().days_after_initiation(1).build();
    let rules = [
        rule("day one", "a/", 1),
        changed(rule("up", "a/", 1), |rule| {
            (rule.abort_incomplete_multipart_upload, rule.expiration) = (Some(abort), None);
        }),
    ];
    set(&fixture, rules).await;
    let (client, bucket) = (&fixture.client, fixture.bucket.as_str());
    for (key, expires) in [("a/1", true), ("b/1", false)] {
        let check = |header: Option<&str>| match expires {
            true => assert_expires(header, "day%20one"),
            false => assert_eq!(header, None),
        };
        check(client.put_object().bucket(bucket).key(key).send().await.unwrap().expiration());
        check(client.head_object().bucket(bucket).key(key).send().await.unwrap().expiration());
        check(client.get_object().bucket(bucket).key(key).send().await.unwrap().expiration());
        let source = format!("{bucket}/{key}");
        let copied = client.copy_object().bucket(bucket).key(format!("{key}-copy")).copy_source(source).send().await;
        check(copied.unwrap().expiration());
        let created = client.create_multipart_upload().bucket(bucket).key(key).send().await.unwrap();
        assert_eq!(created.abort_rule_id(), expires.then_some("up"));
        assert_eq!(created.abort_date().is_some(), expires);
        let upload = created.upload_id().unwrap();
        let tag = fixture.part(key, upload, 1, b"x".to_vec()).await;
        let parts = client.list_parts().bucket(bucket).key(key).upload_id(upload).send().await.unwrap();
        assert_eq!((parts.abort_rule_id(), parts.abort_date()), (created.abort_rule_id(), created.abort_date()));
        let part = aws_sdk_s3::types::CompletedPart::builder().part_number(1).e_tag(tag).build();
        let parts = aws_sdk_s3::types::CompletedMultipartUpload::builder().parts(part).build();
        let complete = client.complete_multipart_upload().bucket(bucket).key(key).upload_id(upload);
        check(complete.multipart_upload(parts).send().await.unwrap().expiration());
    }
}
