//! Signatures of benchmark requests. Source: AWS General Reference, "Create a signed AWS API request".
//!
//! The AWS crates' own request signer copies and sorts a whole request; here the parts are known to be in canonical
//! form already, so that a signature is two hashes.

use super::content::sha256_hex;
use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use std::time::SystemTime;
use time::OffsetDateTime;

/// Hash of an empty body.
pub const EMPTY_PAYLOAD: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Who signs.
#[derive(Clone)]
pub struct Identity {
    pub key_id: String,
    pub secret: String,
    pub session_token: Option<String>,
    pub region: String,
}

/// What is signed. All parts are in canonical form: percent-encoded, the query sorted by name.
#[derive(Clone, Copy, Debug)]
pub struct ToSign<'a> {
    pub method: &'a str,
    pub host: &'a str,
    pub path: &'a str,
    pub query: &'a str,
    pub payload_hash: &'a str,
}

/// The two headers that the signer adds, beside `x-amz-content-sha256` and `x-amz-security-token`.
#[derive(Debug, PartialEq, Eq)]
pub struct Signature {
    pub amz_date: String,
    pub authorization: String,
}

/// Signs, and keeps the day's key.
pub struct Signer {
    identity: Identity,
    /// The day (`20260102`) and its key.
    key: Option<(String, Vec<u8>)>,
}

impl Signer {
    pub fn new(identity: Identity) -> Self {
        Self { identity, key: None }
    }

    pub fn session_token(&self) -> Option<&str> {
        self.identity.session_token.as_deref()
    }

    pub fn sign(&mut self, request: ToSign<'_>, now: SystemTime) -> Signature {
        let amz_date = amz_date(now);
        let day = amz_date[..8].to_owned();
        let scope = format!("{day}/{}/s3/aws4_request", self.identity.region);
        let (names, token_line) = match &self.identity.session_token {
            Some(token) => (";x-amz-security-token", format!("x-amz-security-token:{token}\n")),
            None => ("", String::new()),
        };
        let signed_headers = format!("host;x-amz-content-sha256;x-amz-date{names}");
        let ToSign { method, host, path, query, payload_hash } = request;
        let canonical = format!(
            "{method}\n{path}\n{query}\nhost:{host}\nx-amz-content-sha256:{payload_hash}\nx-amz-date:{amz_date}\n\
             {token_line}\n{signed_headers}\n{payload_hash}"
        );
        let hash = sha256_hex(canonical.as_bytes());
        let text = format!("AWS4-HMAC-SHA256\n{amz_date}\n{scope}\n{hash}");
        let signature = calculate_signature(self.key_of(&day, now), text.as_bytes());
        let key_id = &self.identity.key_id;
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={key_id}/{scope}, SignedHeaders={signed_headers}, Signature={signature}"
        );
        Signature { amz_date, authorization }
    }

    fn key_of(&mut self, day: &str, now: SystemTime) -> &[u8] {
        if self.key.as_ref().is_none_or(|(made_for, _)| made_for != day) {
            let key = generate_signing_key(&self.identity.secret, now, &self.identity.region, "s3");
            self.key = Some((day.to_owned(), key.as_ref().to_vec()));
        }
        self.key.as_ref().map_or(&[], |(_, key)| key)
    }
}

/// `20260102T030405Z`
fn amz_date(now: SystemTime) -> String {
    let at = OffsetDateTime::from(now);
    let (date, time) = (at.date(), at.time());
    format!(
        "{:04}{:02}{:02}T{:02}{:02}{:02}Z",
        date.year(),
        u8::from(date.month()),
        date.day(),
        time.hour(),
        time.minute(),
        time.second()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Amazon S3 API Reference, "Signature Calculations for the Authorization Header", example "GET Bucket Lifecycle":
    /// the one example whose signed headers are the ones that this signer signs.
    #[test]
    fn the_example_of_amazon_has_amazons_signature() {
        let mut signer = Signer::new(Identity {
            key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
            session_token: None,
            region: "us-east-1".to_owned(),
        });
        let request = ToSign {
            method: "GET",
            host: "examplebucket.s3.amazonaws.com",
            path: "/",
            query: "lifecycle=",
            payload_hash: EMPTY_PAYLOAD,
        };
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_369_353_600);
        let signature = signer.sign(request, at);
        assert_eq!(signature.amz_date, "20130524T000000Z");
        let expected = "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543";
        assert!(signature.authorization.ends_with(&format!("Signature={expected}")), "{}", signature.authorization);
        assert_eq!(signer.sign(request, at), signature, "the kept key signs alike");
    }

    #[test]
    fn the_next_day_has_another_key() {
        let identity = |token: Option<&str>| Identity {
            key_id: "k".to_owned(),
            secret: "s".to_owned(),
            session_token: token.map(str::to_owned),
            region: "r".to_owned(),
        };
        let request = ToSign { method: "GET", host: "h", path: "/", query: "", payload_hash: EMPTY_PAYLOAD };
        let day = |days: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(days * 86_400);
        let mut signer = Signer::new(identity(None));
        signer.sign(request, day(1));
        let kept = signer.sign(request, day(2));
        assert_eq!(kept, Signer::new(identity(None)).sign(request, day(2)));
        let with_token = Signer::new(identity(Some("t"))).sign(request, day(2));
        assert!(with_token.authorization.contains("x-amz-date;x-amz-security-token,"));
    }
}
