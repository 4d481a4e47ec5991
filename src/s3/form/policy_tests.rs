//! Policies: a table of what each condition lets pass, and properties.

use super::{fields::FormFields, policy::Policy};
use crate::{s3::error::S3Code, types::Timestamp};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use proptest::prelude::*;
use std::ops::RangeInclusive;

/// Before 2030.
const NOW: Timestamp = Timestamp::from_unix_millis(1_800_000_000_000);

fn fields(pairs: &[(&str, &str)]) -> FormFields {
    let mut fields = FormFields::default();
    for (name, value) in pairs {
        fields.add(name, value.as_bytes().to_vec()).unwrap();
    }
    fields
}

fn parse(json: &str) -> Result<Policy, S3Code> {
    Policy::parse(&BASE64.encode(json)).map_err(|error| error.code())
}

fn check(conditions: &str, pairs: &[(&str, &str)]) -> Result<RangeInclusive<u64>, String> {
    let json = format!(r#"{{"expiration":"2030-01-01T00:00:00Z","conditions":[{conditions}]}}"#);
    parse(&json).unwrap().check(&fields(pairs), NOW).map_err(|error| error.message().to_owned())
}

#[test]
fn each_condition_holds_or_not() {
    for (conditions, pairs, holds) in [
        (r#"{"acl":"private"}"#, &[("acl", "private")][..], true),
        (r#"{"AcL":"private"}"#, &[("aCl", "private")], true),
        (r#"{"acl":"private"}"#, &[("acl", "Private")], false),
        (r#"{"acl":"private"},{"bucket":"b"}"#, &[("acl", "private"), ("bucket", "b")], true),
        (r#"{"acl":"private"},{"bucket":"b"}"#, &[("acl", "private"), ("bucket", "c")], false),
        (r#"["eq","$acl","private"]"#, &[("acl", "private")], true),
        (r#"["StArTs-WiTh","$KeY","user/"]"#, &[("key", "user/x")], true),
        (r#"["starts-with","$key","user/"]"#, &[("key", "use")], false),
        (r#"["starts-with","$key",""]"#, &[("key", "anything")], true),
        (r#"["starts-with","$key",""]"#, &[], false),
        (r#"["eq","$x-amz-meta-a",""]"#, &[], false),
        (r#"["starts-with","$content-type","image/"]"#, &[("content-type", "image/png, image/gif")], true),
        (r#"["starts-with","$content-type","image/"]"#, &[("content-type", "image/png,text/html")], false),
        (r#"["starts-with","$key","a"],["eq","$key","ab"]"#, &[("key", "ab")], true),
        (r#"["starts-with","$key","a"],["eq","$key","ab"]"#, &[("key", "ac")], false),
    ] {
        let checked = check(conditions, pairs);
        assert_eq!(checked.is_ok(), holds, "{conditions} {pairs:?}: {checked:?}");
        assert!(holds || checked.unwrap_err().starts_with("Invalid according to Policy: Policy Condition failed: ["));
    }
}

#[test]
fn a_field_that_no_condition_is_about_is_refused() {
    let free =
        [("policy", "p"), ("signature", "s"), ("x-amz-signature", "s"), ("AWSAccessKeyId", "a"), ("x-ignore-me", "i")];
    assert!(check("", &free).is_ok());
    assert!(check("", &[("x-amz-checksum-crc32", "AAAAAA==")]).is_ok());
    for name in
        ["key", "acl", "bucket", "x-amz-meta-a", "x-amz-date", "x-amz-credential", "success_action_redirect", "tagging"]
    {
        let refused = check(r#"{"other":"x"}"#, &[("other", "x"), (name, "1")]).unwrap_err();
        assert_eq!(refused, format!("Invalid according to Policy: Extra input fields: {name}"));
    }
}

#[test]
fn the_narrowest_length_counts() {
    assert_eq!(check("", &[]).unwrap(), 0..=u64::MAX);
    assert_eq!(check(r#"["content-length-range",1,10]"#, &[]).unwrap(), 1..=10);
    assert_eq!(check(r#"["content-length-range","1","10"],["content-length-range",5,50]"#, &[]).unwrap(), 5..=10);
}

#[test]
fn an_expired_policy_is_refused() {
    for (expiration, is_over) in
        [("2027-01-15T08:00:00Z", true), ("2027-01-15T08:00:01Z", false), ("2027-01-15T08:00:01.999Z", false)]
    {
        let policy = parse(&format!(r#"{{"expiration":"{expiration}","conditions":[]}}"#)).unwrap();
        assert_eq!(policy.check(&FormFields::default(), NOW).is_err(), is_over, "{expiration}");
    }
}

#[test]
fn what_is_no_policy_is_invalid() {
    let with = |conditions: &str| format!(r#"{{"expiration":"2030-01-01T00:00:00Z","conditions":{conditions}}}"#);
    for json in [
        "",
        "[]",
        "{}",
        r#"{"conditions":[]}"#,
        r#"{"expiration":"2030-01-01T00:00:00Z"}"#,
        r#"{"EXPIRATION":"2030-01-01T00:00:00Z","conditions":[]}"#,
        r#"{"expiration":"2030-01-01T00:00:00Z","conditions":[],"more":1}"#,
        r#"{"expiration":"2030-01-01T00:00:00Z","expiration":"2031-01-01T00:00:00Z","conditions":[]}"#,
        r#"{"expiration":"2030-01-01 00:00:00Z","conditions":[]}"#,
        r#"{"expiration":"2030-01-01T00:00:00+00:00","conditions":[]}"#,
        r#"{"expiration":"tomorrow","conditions":[]}"#,
        r#"{"expiration":1,"conditions":[]}"#,
        &with("{}"),
        &with("[{}]"),
        &with("[[]]"),
        &with("[1]"),
        &with(r#"[{"acl":1}]"#),
        &with(r#"[{"acl":"private","bucket":"b"}]"#),
        &with(r#"[{"acl":"private","acl":"public-read"}]"#),
        &with(r#"[{"acl":"private","acl":"private"}]"#),
        &with(r#"[["eq","acl","x"]]"#),
        &with(r#"[["eq","$acl"]]"#),
        &with(r#"[["matches","$acl","x"]]"#),
        &with(r#"[["content-length-range",0]]"#),
        &with(r#"[["content-length-range",-1,0]]"#),
        &with(r#"[["content-length-range",0,1.5]]"#),
        &with(r#"[["content-length-range","","1"]]"#),
    ] {
        assert_eq!(parse(json).err(), Some(S3Code::InvalidPolicyDocument), "{json}");
    }
    assert_eq!(Policy::parse("%%%").unwrap_err().code(), S3Code::InvalidPolicyDocument);
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..80), json in "[\\[\\]{}\",:$a0-9 -]{0,60}") {
        let _ = Policy::parse(&BASE64.encode(&bytes));
        let _ = Policy::parse(&String::from_utf8_lossy(&bytes));
        let _ = parse(&json);
        let _ = parse(&format!(r#"{{"expiration":"2030-01-01T00:00:00Z","conditions":[{json}]}}"#));
    }

    /// Whatever passes was named by the policy, field by field.
    #[test]
    fn nothing_passes_that_was_not_signed(
        allowed in prop::collection::btree_map("[a-c]", "[xy]{0,2}", 0..3), sent in prop::collection::btree_map("[a-c]", "[xy]{0,2}", 0..3),
    ) {
        let conditions: Vec<String> = allowed.iter().map(|(name, value)| format!(r#"{{"{name}":"{value}"}}"#)).collect();
        let pairs: Vec<(&str, &str)> = sent.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        prop_assert_eq!(check(&conditions.join(","), &pairs).is_ok(), allowed == sent);
    }
}
