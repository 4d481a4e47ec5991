//! RenameObject, and the same of a whole prefix.

use crate::fixture::{Fixture, code, pattern};

#[tokio::test]
async fn an_object_gets_another_key_and_stays_what_it_was() {
    let fixture = Fixture::new().await;
    let body = pattern(3_000_000, 1);
    let put = fixture.client.put_object().bucket(&fixture.bucket).key("a b/ü+").metadata("m", "1").tagging("t=1");
    put.body(body.clone().into()).send().await.unwrap();
    fixture.put("new", "what was here").await;
    let head = async |key: &str| {
        let head = fixture.client.head_object().bucket(&fixture.bucket).key(key).send().await.unwrap();
        (head.e_tag().map(str::to_owned), head.last_modified().copied(), head.metadata().cloned())
    };
    let before = head("a b/ü+").await;
    let source = format!("{}/a%20b/%C3%BC%2B", fixture.bucket);
    fixture.client.rename_object().bucket(&fixture.bucket).key("new").rename_source(source).send().await.unwrap();
    assert_eq!(fixture.keys().await, ["new"]);
    assert_eq!(head("new").await, before);
    assert!(fixture.get("new").await == body);
    let tags = fixture.client.get_object_tagging().bucket(&fixture.bucket).key("new").send().await.unwrap();
    assert_eq!(tags.tag_set()[0].key(), "t");
}

#[tokio::test]
async fn conditions_on_both_keys_hold_or_refuse() {
    let fixture = Fixture::new().await;
    let (from, to) = (fixture.put("from", "1").await, fixture.put("to", "2").await);
    let rename = |name: &str, value: &str| {
        let source = format!("/{}/from", fixture.bucket);
        fixture.raw("PUT", "/to?renameObject").header("x-amz-rename-source", source).header(name, value).send()
    };
    let (old, future) = ("Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 2099 07:28:00 GMT");
    for (name, value) in [
        ("if-match", from.as_str()),
        ("if-none-match", to.as_str()),
        ("if-none-match", "*"),
        ("if-modified-since", future),
        ("if-unmodified-since", old),
        ("x-amz-rename-source-if-match", to.as_str()),
        ("x-amz-rename-source-if-none-match", from.as_str()),
        ("x-amz-rename-source-if-none-match", "*"),
        ("x-amz-rename-source-if-modified-since", future),
        ("x-amz-rename-source-if-unmodified-since", old),
    ] {
        let refused = rename(name, value).await;
        assert_eq!((refused.status, refused.code().as_str()), (412, "PreconditionFailed"), "{name}: {value}");
    }
    assert_eq!(fixture.keys().await, ["from", "to"]);
    assert_eq!(rename("x-amz-rename-source-if-match", &from).await.status, 200);
    fixture.put("from", "3").await;
    assert_eq!(rename("if-match", &from).await.status, 200, "the tag went along");
    fixture.put("from", "4").await;
    assert_eq!(rename("if-modified-since", old).await.status, 200);
    assert_eq!(fixture.get("to").await, b"4");
}

#[tokio::test]
async fn a_repeated_request_with_the_same_token_is_one_rename() {
    let fixture = Fixture::new().await;
    fixture.put("from", "1").await;
    let rename = |key: &str| {
        let rename = fixture.client.rename_object().bucket(&fixture.bucket).key(key).client_token("token-1");
        rename.rename_source(format!("{}/from", fixture.bucket)).send()
    };
    rename("to").await.unwrap();
    rename("to").await.expect("it was done");
    assert_eq!(code(rename("elsewhere").await), "IdempotencyParameterMismatch");
    for name in ["if-match", "if-none-match", "x-amz-rename-source-if-match", "x-amz-rename-source-if-none-match"] {
        let other = fixture.raw("PUT", "/to?renameObject").header("x-amz-client-token", "token-1");
        let other = other.header("x-amz-rename-source", format!("{}/from", fixture.bucket)).header(name, "\"zz\"");
        let other = other.send().await;
        assert_eq!((other.status, other.code().as_str()), (400, "IdempotencyParameterMismatch"), "{name}");
    }
    assert_eq!(fixture.keys().await, ["to"]);
    for token in ["", "a b", &"x".repeat(65)] {
        let refused = fixture.raw("PUT", "/x?renameObject").header("x-amz-client-token", token);
        let refused = refused.header("x-amz-rename-source", format!("{}/to", fixture.bucket)).send().await;
        assert_eq!((refused.status, refused.code().as_str()), (400, "InvalidArgument"), "{token}");
    }
}

#[tokio::test]
async fn of_renames_that_race_to_a_free_key_one_wins() {
    let fixture = Fixture::new().await;
    let renames = (0..6).map(|number| {
        let fixture = &fixture;
        async move {
            let from = format!("from-{number}");
            fixture.put(&from, from.clone()).await;
            let rename =
                fixture.client.rename_object().bucket(&fixture.bucket).key("to").destination_if_none_match("*");
            rename.rename_source(format!("{}/{from}", fixture.bucket)).send().await
        }
    });
    let answers = futures_util::future::join_all(renames).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert_eq!(fixture.keys().await.len(), 6);
}

#[tokio::test]
async fn what_can_not_be_renamed_says_so() {
    let fixture = Fixture::new().await;
    fixture.put("from", "1").await;
    let bucket = &fixture.bucket;
    for (target, source, status, expected) in [
        ("/to?renameObject", format!("{bucket}/none"), 404, "NoSuchKey"),
        ("/from?renameObject", format!("{bucket}/from"), 400, "InvalidRequest"),
        ("/to?renameObject", "another-bucket/from".to_owned(), 400, "InvalidArgument"),
        ("/to?renameObject", format!("{bucket}/from?versionId=null"), 400, "InvalidArgument"),
        ("/to?renameObject", "from".to_owned(), 400, "InvalidArgument"),
        ("/to?renameObject", format!("{bucket}/%zz"), 400, "InvalidArgument"),
        ("/to?renameObject&larder-prefix=yes", format!("{bucket}/from"), 400, "InvalidArgument"),
        ("/fr?renameObject&larder-prefix", format!("{bucket}/from"), 400, "InvalidRequest"),
        ("/to?renameObject&larder-prefix", format!("{bucket}/none/"), 404, "NoSuchKey"),
        ("?renameObject", format!("{bucket}/from"), 405, "MethodNotAllowed"),
    ] {
        let refused = fixture.raw("PUT", target).header("x-amz-rename-source", source.clone()).send().await;
        assert_eq!((refused.status, refused.code().as_str()), (status, expected), "{target} {source}");
    }
    assert_eq!(fixture.raw("PUT", "/to?renameObject").send().await.code(), "InvalidArgument");
    assert_eq!(fixture.keys().await, ["from"]);
    let enabled = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    assert_eq!(fixture.raw("PUT", "?versioning").body(enabled).send().await.status, 200);
    for target in ["/to?renameObject", "/to?renameObject&larder-prefix"] {
        let refused = fixture.raw("PUT", target).header("x-amz-rename-source", format!("{bucket}/from")).send().await;
        assert_eq!((refused.status, refused.code().as_str()), (409, "InvalidBucketState"), "{target}");
    }
}

#[tokio::test]
async fn a_prefix_is_renamed_at_once() {
    let fixture = Fixture::new().await;
    for key in ["a/1", "a/2", "a/deep/3", "ab", "c"] {
        fixture.put(key, key).await;
    }
    let rename = |to: &str, name: &str, value: String| {
        let request = fixture.raw("PUT", &format!("/{to}?renameObject&larder-prefix"));
        request.header("x-amz-rename-source", format!("{}/a/", fixture.bucket)).header(name, value).send()
    };
    let refused = rename("c", "x-nothing", String::new()).await;
    assert_eq!((refused.status, refused.code().as_str()), (412, "PreconditionFailed"));
    for name in ["if-match", "x-amz-rename-source-if-match", "x-amz-client-token"] {
        assert_eq!(rename("new/", name, "*".into()).await.code(), "InvalidArgument", "{name}");
    }
    let renamed = rename("new/", "x-nothing", String::new()).await;
    assert_eq!((renamed.status, renamed.header("x-larder-renamed-keys")), (200, Some("3")));
    assert_eq!(fixture.keys().await, ["ab", "c", "new/1", "new/2", "new/deep/3"]);
    assert_eq!(fixture.get("new/deep/3").await, b"a/deep/3");
}

/// From outside: without `renameObject` it stored an object in the place of renaming, and answered 200.
#[tokio::test]
async fn what_a_rename_can_not_do_is_not_ignored() {
    let fixture = Fixture::new().await;
    fixture.put("a/1", "1").await;
    let source = format!("{}/a/", fixture.bucket);
    let meant = fixture.raw("PUT", "/b/?larder-prefix").header("x-amz-rename-source", &source).send().await;
    assert!((400..=501).contains(&meant.status), "{}", meant.status);
    for (name, value, expected) in [
        ("x-amz-acl", "public-read", "InvalidRequest"),
        ("x-amz-acl", "private", "InvalidRequest"),
        ("x-amz-grant-read", "id=larder", "InvalidRequest"),
        ("x-amz-storage-class", "GLACIER", "InvalidStorageClass"),
        ("x-amz-meta-a", "1", "InvalidRequest"),
        ("x-amz-tagging", "a=1", "InvalidRequest"),
        ("x-amz-website-redirect-location", "/elsewhere", "InvalidRequest"),
        ("cache-control", "no-store", "InvalidRequest"),
        ("x-amz-copy-source", "/elsewhere/key", "NotImplemented"),
        ("x-amz-copy-source-if-match", "\"a\"", "NotImplemented"),
    ] {
        let source = format!("{}/a/1", fixture.bucket);
        let rename = fixture.raw("PUT", "/b?renameObject").header("x-amz-rename-source", source);
        assert_eq!(rename.header(name, value).send().await.code(), expected);
    }
    // Without the parameter it would be a write like any other.
    let write = fixture.raw("PUT", "/b").header("x-amz-rename-source", format!("{}/a/1", fixture.bucket)).send().await;
    assert_eq!((write.status, write.code().as_str()), (501, "NotImplemented"));
    let write = fixture.raw("PUT", "/b").header("x-amz-copy-source-if-match", "\"a\"").send().await;
    assert_eq!((write.status, write.code().as_str()), (501, "NotImplemented"));
    assert_eq!(fixture.keys().await, ["a/1"]);
}
