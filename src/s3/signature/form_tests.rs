//! Forms: the one that Amazon's page signed passes, and nothing that was changed afterwards.
//! Source of the form, its policy and its signature: Amazon S3 API Reference, "Example: Browser-Based Upload using HTTP POST
//! (Using AWS Signature Version 4)".

use super::{tests::verifier_of, verifier::Authenticated, *};
use crate::{
    s3::{
        error::{S3Code, S3Error},
        form::FormFields,
        operation::Scope,
        query::Query,
    },
    types::Timestamp,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const POLICY: &str = "eyAiZXhwaXJhdGlvbiI6ICIyMDE1LTEyLTMwVDEyOjAwOjAwLjAwMFoiLA0KICAiY29uZGl0aW9ucyI6IFsNCiAgICB7ImJ1Y2\
                      tldCI6ICJzaWd2NGV4YW1wbGVidWNrZXQifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRrZXkiLCAidXNlci91c2VyMS8iXSwNCiAgICB7ImFj\
                      bCI6ICJwdWJsaWMtcmVhZCJ9LA0KICAgIHsic3VjY2Vzc19hY3Rpb25fcmVkaXJlY3QiOiAiaHR0cDovL3NpZ3Y0ZXhhbXBsZWJ1Y2tldC5zMy\
                      5hbWF6b25hd3MuY29tL3N1Y2Nlc3NmdWxfdXBsb2FkLmh0bWwifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRDb250ZW50LVR5cGUiLCAiaW1h\
                      Z2UvIl0sDQogICAgeyJ4LWFtei1tZXRhLXV1aWQiOiAiMTQzNjUxMjM2NTEyNzQifSwNCiAgICB7IngtYW16LXNlcnZlci1zaWRlLWVuY3J5cH\
                      Rpb24iOiAiQUVTMjU2In0sDQogICAgWyJzdGFydHMtd2l0aCIsICIkeC1hbXotbWV0YS10YWciLCAiIl0sDQoNCiAgICB7IngtYW16LWNyZWRl\
                      bnRpYWwiOiAiQUtJQUlPU0ZPRE5ON0VYQU1QTEUvMjAxNTEyMjkvdXMtZWFzdC0xL3MzL2F3czRfcmVxdWVzdCJ9LA0KICAgIHsieC1hbXotYW\
                      xnb3JpdGhtIjogIkFXUzQtSE1BQy1TSEEyNTYifSwNCiAgICB7IngtYW16LWRhdGUiOiAiMjAxNTEyMjlUMDAwMDAwWiIgfQ0KICBdDQp9";

const FIELDS: [(&str, &str); 12] = [
    ("key", "user/user1/photo.jpg"),
    ("acl", "public-read"),
    ("success_action_redirect", "http://sigv4examplebucket.s3.amazonaws.com/successful_upload.html"),
    ("Content-Type", "image/jpeg"),
    ("x-amz-meta-uuid", "14365123651274"),
    ("x-amz-server-side-encryption", "AES256"),
    ("X-Amz-Credential", "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request"),
    ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
    ("X-Amz-Date", "20151229T000000Z"),
    ("x-amz-meta-tag", ""),
    ("Policy", POLICY),
    ("X-Amz-Signature", "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e"),
];

/// The last second of the policy: noon of the 30th of December 2015.
const LAST_SECOND: i64 = 1_451_476_799;

struct Form {
    fields: Vec<(&'static str, String)>,
    bucket: &'static str,
    headers: HeaderMap,
    region: Option<&'static str>,
    at_unix_seconds: i64,
}

impl Form {
    fn published() -> Self {
        Self {
            fields: FIELDS.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
            bucket: "sigv4examplebucket",
            headers: HeaderMap::new(),
            region: None,
            at_unix_seconds: LAST_SECOND,
        }
    }

    fn verify(&self) -> Result<Authenticated, S3Error> {
        let mut fields = FormFields::default();
        for (name, value) in &self.fields {
            fields.add(name, value.as_bytes().to_vec()).unwrap();
        }
        fields.set_bucket(&self.bucket.parse().unwrap());
        let request = IncomingRequest {
            method: &Method::POST,
            scope: Scope::Bucket,
            path: "/",
            raw_path: "/",
            host_bucket: Some(self.bucket),
            query: &Query::default(),
            headers: &self.headers,
            form: Some(&fields),
        };
        let verifier = verifier_of("AKIAIOSFODNN7EXAMPLE", SECRET, self.region, SignatureV2::Accepted);
        let at = Timestamp::from_unix_millis(self.at_unix_seconds * 1000);
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(verifier.verify(&request, at))
    }

    fn refusal(&self) -> S3Code {
        self.verify().unwrap_err().code()
    }
}

#[test]
fn the_published_form_passes() {
    let authenticated = Form::published().verify().unwrap();
    assert_eq!(authenticated.principal.access_key(), "AKIAIOSFODNN7EXAMPLE");
    assert!(matches!(authenticated.payload, Payload::File(lengths) if lengths == (0..=u64::MAX)));
    assert!(Form { region: Some("us-east-1"), ..Form::published() }.verify().is_ok());
}

#[test]
fn it_counts_until_it_says_for_its_bucket_and_region() {
    let late = Form { at_unix_seconds: LAST_SECOND + 1, ..Form::published() };
    assert_eq!(late.refusal(), S3Code::AccessDenied);
    let elsewhere = Form { bucket: "sigv4examplebucket2", ..Form::published() };
    assert_eq!(elsewhere.refusal(), S3Code::AccessDenied);
    let abroad = Form { region: Some("eu-west-1"), ..Form::published() };
    assert_eq!(abroad.refusal(), S3Code::InvalidArgument);
}

/// Whatever field is changed, left out or put in.
#[test]
fn a_changed_form_does_not_pass() {
    for (at, (name, _)) in FIELDS.into_iter().enumerate() {
        let mut changed = Form::published();
        changed.fields[at].1.insert(0, 'x');
        let expected = match name {
            "Policy" | "X-Amz-Signature" => &[S3Code::SignatureDoesNotMatch][..],
            "X-Amz-Credential" => &[S3Code::InvalidAccessKeyId],
            "X-Amz-Algorithm" | "X-Amz-Date" => &[S3Code::InvalidArgument],
            // Any text begins with nothing.
            "x-amz-meta-tag" => &[],
            _ => &[S3Code::AccessDenied],
        };
        let refusal = changed.verify().err().map(|error| error.code());
        assert_eq!(refusal.as_slice(), expected, "{name}");
        let mut without = Form::published();
        without.fields.remove(at);
        assert!(without.verify().is_err(), "without {name}");
    }
    let mut more = Form::published();
    more.fields.push(("x-amz-meta-more", "1".to_owned()));
    assert_eq!(more.refusal(), S3Code::AccessDenied);
}

#[test]
fn what_stands_beside_a_form_counts_for_nothing_and_is_refused() {
    for (name, value, code) in [
        ("authorization", "AWS4-HMAC-SHA256 Credential=x", S3Code::InvalidArgument),
        ("x-amz-acl", "private", S3Code::AccessDenied),
        ("x-amz-security-token", "t", S3Code::InvalidToken),
    ] {
        let mut form = Form::published();
        form.headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        assert_eq!(form.refusal(), code, "{name}");
    }
}
