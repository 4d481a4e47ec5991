//! What a form says about its own signature: fields of Version 4 (`x-amz-algorithm`, `x-amz-credential`, `x-amz-date`,
//! `x-amz-signature`) or of Version 2 (`AWSAccessKeyId`, `signature`), which boto3 still makes by itself as it does with URLs.
//! What is signed is the field `policy` as it stands; how long it counts and for what, the policy says.
//! Source: Amazon S3 API Reference, "Authenticating requests in browser-based uploads using POST".

use super::{
    claim::{ALGORITHM, CredentialScope},
    mechanism::two_mechanisms,
    request_time::RequestTime,
};
use crate::s3::{
    error::{S3Code, S3Error},
    form::{FormFields, missing_field},
};

const OF_V4: [&str; 4] = ["x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature"];
const OF_V2: [&str; 2] = ["awsaccesskeyid", "signature"];
const OF_BOTH: [&str; 2] = ["policy", "x-amz-security-token"];

/// Whether no field is about a signature.
pub fn says_nothing(fields: &FormFields) -> bool {
    !OF_V4.iter().chain(&OF_V2).chain(&OF_BOTH).any(|name| fields.get(name).is_some())
}

/// Complete and well-formed, before anything of it is believed.
#[derive(Clone, Debug)]
pub struct FormClaim<'a> {
    pub fields: &'a FormFields,
    /// As it stands: what is signed.
    pub policy: &'a str,
    pub signature: &'a str,
    pub key: FormKey<'a>,
}

/// What the policy was signed with.
#[derive(Clone, Debug)]
pub enum FormKey<'a> {
    /// The key of a day and a region.
    V4 { scope: CredentialScope<'a>, time: RequestTime },
    /// The secret itself.
    V2 { access_key: &'a str },
}

impl<'a> FormClaim<'a> {
    /// A form that says nothing of a signature is nobody's.
    pub fn parse(fields: &'a FormFields) -> Result<Self, S3Error> {
        if fields.get("x-amz-security-token").is_some() {
            return Err(S3Code::InvalidToken.into());
        }
        let has_any = |names: &[&str]| names.iter().any(|name| fields.get(name).is_some());
        let field = |name: &'static str| fields.get(name).ok_or_else(|| missing_field(name));
        match (has_any(&OF_V4), has_any(&OF_V2)) {
            (true, true) => Err(two_mechanisms()),
            (true, false) => {
                let key = v4_key(field(OF_V4[0])?, field(OF_V4[1])?, field(OF_V4[2])?)?;
                Ok(Self { fields, policy: field("policy")?, signature: field(OF_V4[3])?, key })
            }
            (false, true) => {
                let key = FormKey::V2 { access_key: field("awsaccesskeyid")? };
                Ok(Self { fields, policy: field("policy")?, signature: field("signature")?, key })
            }
            (false, false) if fields.get("policy").is_some() => Err(missing_field("signature")),
            (false, false) => Err(S3Code::AccessDenied.into()),
        }
    }

    pub fn access_key(&self) -> &'a str {
        match &self.key {
            FormKey::V4 { scope, .. } => scope.access_key,
            FormKey::V2 { access_key } => access_key,
        }
    }
}

fn v4_key<'a>(algorithm: &str, credential: &'a str, date: &str) -> Result<FormKey<'a>, S3Error> {
    let refused = |name: &str, value: &str, reason: String| Err(S3Error::invalid_argument(name, value, reason));
    if algorithm != ALGORITHM {
        return refused(OF_V4[0], algorithm, format!("{} only supports \"{ALGORITHM}\"", OF_V4[0]));
    }
    let scope = match CredentialScope::parse(credential) {
        Ok(scope) => scope,
        Err(reason) => return refused(OF_V4[1], credential, reason),
    };
    match RequestTime::parse_basic(date) {
        Some(time) if time.date() == scope.date => Ok(FormKey::V4 { scope, time }),
        Some(_) => refused(OF_V4[2], date, "The date is not that of the credential.".to_owned()),
        None => refused(OF_V4[2], date, "The date must have the form \"yyyyMMdd'T'HHmmss'Z'\".".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(pairs: &[(&str, &str)]) -> Option<S3Code> {
        let mut fields = FormFields::default();
        for (name, value) in pairs {
            fields.add(name, value.as_bytes().to_vec()).unwrap();
        }
        FormClaim::parse(&fields).err().map(|error| error.code())
    }

    #[test]
    fn a_form_is_signed_in_one_version_and_whole() {
        const POLICY: (&str, &str) = ("policy", "e30=");
        const V4: [(&str, &str); 4] = [
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
            ("X-Amz-Credential", "AK/20250101/eu-west-1/s3/aws4_request"),
            ("X-Amz-Date", "20250101T000000Z"),
            ("X-Amz-Signature", "s"),
        ];
        const V2: [(&str, &str); 2] = [("AWSAccessKeyId", "AK"), ("Signature", "s")];
        assert_eq!(code(&[&V4[..], &[POLICY]].concat()), None);
        assert_eq!(code(&[&V2[..], &[POLICY]].concat()), None);
        assert_eq!(code(&[&V2[..], &V4[..], &[POLICY]].concat()), Some(S3Code::InvalidArgument));
        assert_eq!(code(&[&V4[..], &[POLICY, ("x-amz-security-token", "t")]].concat()), Some(S3Code::InvalidToken));
        assert_eq!(code(&[("key", "k")]), Some(S3Code::AccessDenied));
        let mut fields = FormFields::default();
        fields.add("key", b"k".to_vec()).unwrap();
        assert!(says_nothing(&fields));
        for (name, _) in V4.iter().chain(&V2).chain(&[POLICY, ("x-amz-security-token", "")]) {
            let mut with_one = fields.clone();
            with_one.add(name, Vec::new()).unwrap();
            assert!(!says_nothing(&with_one), "{name}");
        }
        for whole in [&V4[..], &V2[..], &[]] {
            let all = [whole, &[POLICY]].concat();
            for left_out in 0..all.len() {
                let mut pairs = all.clone();
                pairs.remove(left_out);
                let expected = if pairs.is_empty() { S3Code::AccessDenied } else { S3Code::InvalidArgument };
                assert_eq!(code(&pairs), Some(expected), "{pairs:?}");
            }
        }
        for (at, value) in [(0, "AWS4-HMAC-SHA1"), (1, "AK/20250102/r/s3/aws4_request"), (1, "AK"), (2, "2025")] {
            let mut pairs = [&V4[..], &[POLICY]].concat();
            pairs[at].1 = value;
            assert_eq!(code(&pairs), Some(S3Code::InvalidArgument), "{value}");
        }
    }
}
