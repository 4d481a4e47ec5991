//! Settings of the S3 wire: names under which it is reached, TLS, what connections and bodies may cost.

use super::signature::{AnonymousAccess, Mechanisms, SignatureV2};
use crate::types::{ByteSize, HumanDuration};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct S3Settings {
    /// The region that requests must be signed for, and that GetBucketLocation answers. Absent by default: any region
    /// that a client signs with is accepted. Wrong: every request fails with `AuthorizationHeaderMalformed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,

    /// Whether Signature Version 2 is taken beside Version 4: in headers, presigned URLs and forms. Off by default: it is weaker, signs
    /// neither host nor body, and its URLs may live for ever. Off: clients that still make it (boto3 and version 1 of aws-cli presign so
    /// in us-east-1 unless told otherwise, `s3cmd signurl` always) get `InvalidRequest`. On: whoever gets hold of such a URL keeps it.
    pub signature_v2: bool,

    /// Whether requests without any credentials are looked at: they may do what access control lists give everybody. On by default: a
    /// new bucket gives nobody anything, so only what somebody made public is. Off: lists are kept and shown, and nobody unnamed
    /// gets in, also not to what was made public; websites and browsers' preflights stay as they are.
    pub anonymous_access: bool,

    /// Host names under which buckets are reached as `BUCKET.DOMAIN`; several are allowed. None by default: buckets stand
    /// in the path alone, which all clients can be told to do. The name itself needs a wildcard in the DNS.
    pub domain: Vec<String>,

    /// Host names under which buckets are websites as `BUCKET.DOMAIN` at the `website_address`; several are allowed. None by
    /// default: there the host is the name of the bucket itself. The name needs a wildcard in the DNS.
    pub website_domain: Vec<String>,

    /// PEM file with the certificate chain of the S3 address. With `tls_key` it turns TLS on; SIGHUP reads both again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_cert: Option<PathBuf>,

    /// PEM file with the private key that belongs to `tls_cert`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_key: Option<PathBuf>,

    /// Connections that the S3 address holds; further ones wait to be accepted. Default 16384. Too low: idle keep-alive
    /// connections of clients keep others out. Too high: more descriptors and memory than there are: about 10 KiB each, and
    /// up to 64 KiB more of one that stalls in an upload, 128 KiB in an XML document, 16 KiB of one that does not take its
    /// download (80 KiB with TLS).
    pub connections: u32,

    /// How long a client may take from the first byte of a request's head to its last, the TLS handshake likewise. Default
    /// 30s. Too low: clients on bad links fail. Too high: slow-header attacks hold connections longer.
    pub header_timeout: HumanDuration,

    /// How long a connection may rest between requests. Default 10m. Too low: clients connect again and again. Too high:
    /// dead clients hold connections.
    pub idle_timeout: HumanDuration,

    /// How long a client may neither send nor take a byte in the middle of a request or answer. Default 2m. Too low:
    /// clients that pause (a laptop that sleeps) fail. Too high: stalled transfers hold memory while nobody else needs it.
    pub stall_timeout: HumanDuration,

    /// While others wait for memory, a body that is slower than this a second, measured over `slow_body_window`, ends: an
    /// upload with RequestTimeout, a download with its connection. Default 64KiB. Too low: slow clients can starve others. Too high: honest ones on thin links fail.
    pub slow_body_rate: ByteSize,

    /// Over how much waiting for a client its rate is measured. Default 20s. Too low: one pause ends an upload. Too high:
    /// a stalled transfer keeps its memory that long from others.
    pub slow_body_window: HumanDuration,
}

impl Default for S3Settings {
    fn default() -> Self {
        Self {
            region: None,
            signature_v2: false,
            anonymous_access: true,
            domain: Vec::new(),
            website_domain: Vec::new(),
            tls_cert: None,
            tls_key: None,
            connections: 16_384,
            header_timeout: HumanDuration::from_secs(30),
            idle_timeout: HumanDuration::from_secs(600),
            stall_timeout: HumanDuration::from_secs(120),
            slow_body_rate: ByteSize::kib(64),
            slow_body_window: HumanDuration::from_secs(20),
        }
    }
}

impl S3Settings {
    pub fn validate(&self) -> Result<(), String> {
        if self.tls_cert.is_some() != self.tls_key.is_some() {
            return Err("tls_cert and tls_key belong together: give both or neither".into());
        }
        if self.region.as_deref().is_some_and(|region| !is_label(region)) {
            return Err("region must be letters, digits and hyphens".into());
        }
        if let Some(domain) = self.domain.iter().find(|domain| !domain.split('.').all(is_label)) {
            return Err(format!("domain `{domain}` is not a host name without port"));
        }
        if let Some(domain) = self.website_domain.iter().find(|domain| !domain.split('.').all(is_label)) {
            return Err(format!("website_domain `{domain}` is not a host name without port"));
        }
        if self.connections == 0 {
            return Err("connections must be at least 1".into());
        }
        let times = [
            ("header_timeout", self.header_timeout),
            ("idle_timeout", self.idle_timeout),
            ("stall_timeout", self.stall_timeout),
            ("slow_body_window", self.slow_body_window),
        ];
        match times.iter().find(|(_, time)| time.0.is_zero()) {
            Some((name, _)) => Err(format!("{name} must be more than 0s")),
            None => Ok(()),
        }
    }
}

impl S3Settings {
    pub(super) fn mechanisms(&self) -> Mechanisms {
        Mechanisms {
            version_2: if self.signature_v2 { SignatureV2::Accepted } else { SignatureV2::Refused },
            anonymous: if self.anonymous_access { AnonymousAccess::Accepted } else { AnonymousAccess::Refused },
        }
    }
}

fn is_label(text: &str) -> bool {
    !text.is_empty() && text.len() <= 63 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_halves_of_a_pair_are_not() {
        assert_eq!(S3Settings::default().validate(), Ok(()));
        let half = S3Settings { tls_cert: Some("cert.pem".into()), ..Default::default() };
        assert!(half.validate().is_err());
        for domain in ["", "a..b", "a:9000", "http://a"] {
            let wrong = S3Settings { domain: vec![domain.into()], ..Default::default() };
            assert!(wrong.validate().is_err(), "{domain}");
            let wrong = S3Settings { website_domain: vec![domain.into()], ..Default::default() };
            assert!(wrong.validate().is_err(), "{domain}");
        }
        let zero = S3Settings { stall_timeout: HumanDuration::from_secs(0), ..Default::default() };
        assert!(zero.validate().is_err());
    }
}
