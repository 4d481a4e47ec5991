//! POST object: browsers' forms, signed by hand in both versions.

use crate::fixture::{Fixture, pattern};
use crate::raw::{RawResponse, element, exchange};
use aws_lc_rs::hmac;
use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};
use std::time::SystemTime;
use time::{OffsetDateTime, format_description::well_known::Rfc3339, macros::format_description};

const BOUNDARY: &str = "----larder";

#[derive(Clone, Copy)]
enum Version {
    V2,
    V4,
}

/// A form in the making: its fields in order, and what its policy allows.
struct Form<'a> {
    fixture: &'a Fixture,
    fields: Vec<(String, String)>,
    conditions: Vec<Value>,
    expires_in_seconds: i64,
    file_name: String,
    content: Vec<u8>,
}

impl<'a> Form<'a> {
    /// A file `x.txt`, and a policy that allows just what the fields say.
    fn new(fixture: &'a Fixture, fields: &[(&str, &str)]) -> Self {
        let mut form = Self {
            fixture,
            fields: Vec::new(),
            conditions: vec![json!({ "bucket": fixture.bucket })],
            expires_in_seconds: 600,
            file_name: "x.txt".into(),
            content: b"the file".to_vec(),
        };
        for (name, value) in fields {
            form = form.unsigned(name, value).condition(json!({ *name: value }));
        }
        form
    }

    fn condition(mut self, condition: Value) -> Self {
        self.conditions.push(condition);
        self
    }

    /// A field that no condition is about.
    fn unsigned(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    fn content(mut self, content: impl Into<Vec<u8>>) -> Self {
        self.content = content.into();
        self
    }

    fn sign(mut self, version: Version) -> Self {
        let now = OffsetDateTime::now_utc();
        let stamp = now.format(format_description!("[year][month][day]T[hour][minute][second]Z")).unwrap();
        let (access_key, secret) = (self.fixture.access_key().to_owned(), self.fixture.secret_key().to_owned());
        if matches!(version, Version::V4) {
            let credential = format!("{access_key}/{}/us-east-1/s3/aws4_request", &stamp[..8]);
            let of_signature =
                [("x-amz-algorithm", "AWS4-HMAC-SHA256"), ("x-amz-credential", &credential), ("x-amz-date", &stamp)];
            for (name, value) in of_signature {
                self = self.unsigned(name, value).condition(json!({ name: value }));
            }
        }
        let expires = now + time::Duration::seconds(self.expires_in_seconds);
        let expires = expires.replace_nanosecond(0).unwrap().format(&Rfc3339).unwrap();
        let policy = BASE64.encode(json!({ "expiration": expires, "conditions": self.conditions }).to_string());
        let signature = match version {
            Version::V4 => {
                let key = generate_signing_key(&secret, SystemTime::now(), "us-east-1", "s3");
                calculate_signature(key, policy.as_bytes())
            }
            Version::V2 => {
                self = self.unsigned("AWSAccessKeyId", &access_key);
                let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes());
                BASE64.encode(hmac::sign(&key, policy.as_bytes()))
            }
        };
        let name = if matches!(version, Version::V4) { "x-amz-signature" } else { "signature" };
        self.unsigned("policy", &policy).unsigned(name, &signature)
    }

    fn body(&self) -> Vec<u8> {
        let mut body = Vec::new();
        for (name, value) in &self.fields {
            let part = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
            body.extend_from_slice(part.as_bytes());
        }
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{}\"\r\nContent-Type: a/b\r\n\r\n",
            self.file_name
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(&self.content);
        body.extend_from_slice(format!("\r\n--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"submit\"\r\n\r\nUpload\r\n--{BOUNDARY}--\r\n").as_bytes());
        body
    }

    async fn send(&self) -> RawResponse {
        send_body(self.fixture, &self.body(), "").await
    }
}

/// `more` are further headers, each with its line end.
async fn send_body(fixture: &Fixture, body: &[u8], more: &str) -> RawResponse {
    let (authority, bucket, length) = (fixture.authority(), &fixture.bucket, body.len());
    let head = format!(
        "POST /{bucket} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\ncontent-length: {length}\r\n\
         content-type: multipart/form-data; boundary={BOUNDARY}\r\n{more}\r\n"
    );
    exchange(&authority, head.as_bytes(), body).await
}

#[tokio::test]
async fn a_form_of_either_version_stores_its_file() {
    let fixture = Fixture::new().await;
    for (version, key) in [(Version::V4, "four/ü"), (Version::V2, "two")] {
        let bytes = pattern(5 << 20, 3);
        let form = Form::new(&fixture, &[("key", key), ("acl", "private")]).content(bytes.clone()).sign(version);
        let answer = form.send().await;
        assert_eq!((answer.status, answer.body.len()), (204, 0), "{}", answer.text());
        assert!(answer.header("etag").is_some() && answer.header("location").is_some());
        assert_eq!(fixture.get(key).await, bytes);
    }
}

#[tokio::test]
async fn fields_say_what_headers_would() {
    let fixture = Fixture::new().await;
    let tags = "<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>";
    let form = Form::new(
        &fixture,
        &[
            ("key", "dir/${filename}"),
            ("Content-Type", "text/plain"),
            ("Cache-Control", "no-store"),
            ("x-amz-meta-colour", "blue"),
            ("x-amz-storage-class", "STANDARD"),
            ("tagging", tags),
        ],
    );
    // What the user names is put in before the conditions are looked at.
    let mut form =
        Form { conditions: form.conditions.into_iter().filter(|one| one.get("key").is_none()).collect(), ..form };
    form.file_name = r"C:\pictures\a b.txt".into();
    let form = form.condition(json!(["starts-with", "$key", "dir/a"])).unsigned("x-ignore-this", "x");
    let answer = form.sign(Version::V4).send().await;
    assert_eq!(answer.status, 204, "{}", answer.text());
    let head = fixture.client.head_object().bucket(&fixture.bucket).key("dir/a b.txt").send().await.unwrap();
    assert_eq!((head.content_type(), head.cache_control()), (Some("text/plain"), Some("no-store")));
    assert_eq!(head.metadata().unwrap()["colour"], "blue");
    let tags = fixture.client.get_object_tagging().bucket(&fixture.bucket).key("dir/a b.txt").send().await.unwrap();
    assert_eq!((tags.tag_set()[0].key(), tags.tag_set()[0].value()), ("a", "1"));
}

#[tokio::test]
async fn the_answer_is_the_one_that_the_form_asks_for() {
    let fixture = Fixture::new().await;
    let post = |fields: &'static [(&str, &str)]| {
        let form = Form::new(&fixture, &[&[("key", "a b")][..], fields].concat()).sign(Version::V4);
        async move { form.send().await }
    };
    for (status, expected) in [("200", 200), ("204", 204), ("404", 204)] {
        let fields: &'static [(&str, &str)] = Box::leak(Box::new([("success_action_status", status)]));
        let answer = post(fields).await;
        assert_eq!((answer.status, answer.body.len()), (expected, 0));
    }
    let created = post(&[("success_action_status", "201")]).await;
    assert_eq!((created.status, created.header("content-type")), (201, Some("application/xml")));
    let text = created.text();
    let location = format!("http://{}/{}/a%20b", fixture.authority(), fixture.bucket);
    assert_eq!(element(&text, "Location").as_ref(), Some(&location), "{text}");
    assert_eq!(element(&text, "Bucket").as_ref(), Some(&fixture.bucket));
    assert_eq!(element(&text, "Key").as_deref(), Some("a b"));
    let etag = created.header("etag").unwrap().trim_matches('"').to_owned();
    let next =
        post(&[("success_action_redirect", "http://page.example/done?x=y"), ("success_action_status", "201")]).await;
    let expected = format!("http://page.example/done?x=y&bucket={}&key=a%20b&etag=%22{etag}%22", fixture.bucket);
    assert_eq!((next.status, next.header("location")), (303, Some(expected.as_str())));
    let nowhere = post(&[("success_action_redirect", "javascript:alert(1)")]).await;
    assert_eq!(nowhere.status, 204);
}

#[tokio::test]
async fn what_the_policy_does_not_allow_is_refused_and_stores_nothing() {
    let fixture = Fixture::new().await;
    let form = || Form::new(&fixture, &[("key", "k"), ("acl", "private")]);
    let expired = Form { expires_in_seconds: -1, ..form() };
    let other_bucket =
        Form { conditions: vec![json!({"bucket": "other"}), json!({"key": "k"}), json!({"acl": "private"})], ..form() };
    let no_bucket = Form { conditions: vec![json!({"key": "k"}), json!({"acl": "private"})], ..form() };
    for (form, words) in [
        (form().unsigned("x-amz-meta-a", "1"), "Extra input fields: x-amz-meta-a"),
        (form().unsigned("success_action_redirect", "http://a/"), "Extra input fields: success_action_redirect"),
        (form().condition(json!(["starts-with", "$key", "other/"])), "Policy Condition failed"),
        (form().condition(json!(["eq", "$x-amz-meta-a", ""])), "Policy Condition failed"),
        (expired, "Policy expired"),
        (other_bucket, "Policy Condition failed"),
        (no_bucket, "Extra input fields: bucket"),
    ] {
        let answer = form.sign(Version::V4).send().await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "AccessDenied"), "{}", answer.text());
        assert!(answer.text().contains(&format!("Invalid according to Policy: {words}")), "{}", answer.text());
    }
    let short = form().condition(json!(["content-length-range", 9, 100])).sign(Version::V4).send().await;
    assert_eq!((short.status, short.code().as_str()), (400, "EntityTooSmall"));
    let long = form().condition(json!(["content-length-range", 0, 7])).sign(Version::V4).send().await;
    assert_eq!((long.status, long.code().as_str()), (400, "EntityTooLarge"));
    for strange in [json!(["matches", "$key", ".*"]), json!({"key": "k", "acl": "private"})] {
        let strange = form().condition(strange).sign(Version::V4).send().await;
        assert_eq!((strange.status, strange.code().as_str()), (400, "InvalidPolicyDocument"), "{}", strange.text());
    }
    assert!(fixture.keys().await.is_empty());
    let fits = form().condition(json!(["content-length-range", 8, 8])).sign(Version::V2).send().await;
    assert_eq!(fits.status, 204, "{}", fits.text());
}

/// Such a field was passed over, and what was to be kept was replaced.
#[tokio::test]
async fn a_condition_in_a_form_is_refused_as_on_every_write_that_reads_none() {
    let fixture = Fixture::new().await;
    for name in ["If-None-Match", "if-match", "if-modified-since", "if-unmodified-since"] {
        let answer = Form::new(&fixture, &[("key", "k"), (name, "*")]).sign(Version::V4).send().await;
        assert_eq!((answer.status, answer.code().as_str()), (501, "NotImplemented"), "{name}: {}", answer.text());
    }
    assert!(fixture.keys().await.is_empty());
}

/// A form brings its file; what names another source was passed over.
#[tokio::test]
async fn a_copy_in_a_form_is_refused() {
    let fixture = Fixture::new().await;
    let source = format!("/{}/other", fixture.bucket);
    for (name, value) in [("x-amz-copy-source", source.as_str()), ("x-amz-copy-source-if-match", "*")] {
        let answer = Form::new(&fixture, &[("key", "k"), (name, value)]).sign(Version::V4).send().await;
        assert_eq!((answer.status, answer.code().as_str()), (501, "NotImplemented"), "{name}: {}", answer.text());
    }
    assert!(fixture.keys().await.is_empty());
}

/// A form is signed in its fields, whole, and nothing beside them counts.
#[tokio::test]
async fn what_is_not_signed_so_is_refused() {
    let fixture = Fixture::new().await;
    let form = || Form::new(&fixture, &[("key", "k")]);
    let nobody = form().send().await;
    assert_eq!((nobody.status, nobody.code().as_str()), (403, "AccessDenied"));
    for version in [Version::V2, Version::V4] {
        for (change, status, code) in [
            ("signature", 403, "SignatureDoesNotMatch"),
            ("policy", 403, "SignatureDoesNotMatch"),
            ("credential", 403, "InvalidAccessKeyId"),
            ("no signature", 400, "InvalidArgument"),
        ] {
            let mut form = form().sign(version);
            let is_named = |name: &str| match change {
                "credential" => ["AWSAccessKeyId", "x-amz-credential"].contains(&name),
                "policy" => name == "policy",
                _ => ["signature", "x-amz-signature"].contains(&name),
            };
            if change == "no signature" {
                form.fields.retain(|(name, _)| !is_named(name));
            } else {
                let field = form.fields.iter_mut().find(|(name, _)| is_named(name)).unwrap();
                let first = if field.1.starts_with('A') { "B" } else { "A" };
                field.1.replace_range(..1, first);
            }
            let answer = form.send().await;
            assert_eq!((answer.status, answer.code().as_str()), (status, code), "{change}: {}", answer.text());
        }
    }
    let signed = form().sign(Version::V4).body();
    let acl = send_body(&fixture, &signed, "x-amz-acl: private\r\n").await;
    assert_eq!((acl.status, acl.code().as_str()), (403, "AccessDenied"), "no policy is about a header");
    let twice = send_body(&fixture, &signed, "authorization: AWS4-HMAC-SHA256 x\r\n").await;
    assert_eq!((twice.status, twice.code().as_str()), (400, "InvalidArgument"));
    assert!(fixture.keys().await.is_empty());
}

#[tokio::test]
async fn broken_forms_are_refused_and_store_nothing() {
    let fixture = Fixture::new().await;
    let signed = |form: Form<'_>| form.sign(Version::V4).body();
    let whole = signed(Form::new(&fixture, &[("key", "k")]));
    let without_end = &whole[..whole.len() - 4];
    let in_the_file = &whole[..whole.windows(8).position(|window| window == b"the file").unwrap() + 4];
    let no_key = signed(Form::new(&fixture, &[]));
    let twice = signed(Form::new(&fixture, &[("key", "k")]).unsigned("KEY", "other"));
    let long = signed(Form::new(&fixture, &[("key", "k"), ("x-amz-meta-a", &"x".repeat(21 << 10))]));
    let smuggled = signed(Form::new(&fixture, &[("key", "k"), ("x-amz-meta-a", "1\r\nx-amz-meta-b: 2")]));
    let checksum = signed(Form::new(&fixture, &[("key", "k")]).unsigned("x-amz-checksum-crc32", "AAAAAA=="));
    let unknown_acl = signed(Form::new(&fixture, &[("key", "k"), ("acl", "open-to-all")]));
    let no_file =
        format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nk\r\n--{BOUNDARY}--\r\n");
    for (body, code) in [
        (&b""[..], "MalformedPOSTRequest"),
        (b"not a form", "MalformedPOSTRequest"),
        (without_end, "MalformedPOSTRequest"),
        (in_the_file, "MalformedPOSTRequest"),
        (&no_key, "InvalidArgument"),
        (&twice, "InvalidArgument"),
        (&long, "MaxPostPreDataLengthExceeded"),
        (&smuggled, "InvalidArgument"),
        (&checksum, "BadDigest"),
        (&unknown_acl, "InvalidArgument"),
        (no_file.as_bytes(), "InvalidArgument"),
    ] {
        let answer = send_body(&fixture, body, "").await;
        assert_eq!((answer.status, answer.code().as_str()), (400, code), "{}", answer.text());
    }
    let plain = fixture.raw("POST", "").body("x").send().await;
    assert_eq!((plain.status, plain.code().as_str()), (412, "PreconditionFailed"));
    assert!(fixture.keys().await.is_empty());
    assert_eq!(send_body(&fixture, &whole, "").await.status, 204, "whole it is stored");
}

#[tokio::test]
async fn a_form_locks_its_file_when_its_policy_says_so() {
    let fixture = Fixture::with_locks().await;
    let (mode, until) = (("x-amz-object-lock-mode", "COMPLIANCE"), "x-amz-object-lock-retain-until-date");
    let until = (until, "2040-01-01T00:00:00.000Z");
    let md5 = ("Content-MD5", "kUTaJra1jII3md1KiohPJg==");
    let fields = [("key", "key"), mode, until];
    let unvouched = Form::new(&fixture, &fields).sign(Version::V4).send().await;
    assert_eq!((unvouched.status, unvouched.code().as_str()), (400, "InvalidRequest"), "{}", unvouched.text());
    let unsaid = Form::new(&fixture, &[("key", "key"), md5]).unsigned(mode.0, mode.1).unsigned(until.0, until.1);
    assert_eq!(unsaid.sign(Version::V4).send().await.code(), "AccessDenied", "the policy says nothing of a lock");
    assert!(fixture.keys().await.is_empty());
    let posted = Form::new(&fixture, &[fields[0], mode, until, md5]).sign(Version::V4).send().await;
    assert_eq!(posted.status, 204, "{}", posted.text());
    let head = fixture.raw("HEAD", "/key").send().await;
    assert_eq!((head.header(mode.0), head.header(until.0)), (Some(mode.1), Some(until.1)));
}
