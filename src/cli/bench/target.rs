//! The server that is measured: where it listens and who asks.

use super::{options::Bench, signer::Identity, tls::Tls};
use crate::{cli::s3_client::Access, types::BucketName};
use anyhow::{Context, anyhow, ensure};
use http::Uri;

/// Shared by all workers.
pub struct Target {
    /// The value of the Host header.
    pub host: String,
    /// `host:port`
    pub address: String,
    /// `None` for http endpoints.
    pub tls: Option<Tls>,
    /// `/bucket`
    pub bucket_path: String,
    pub identity: Identity,
}

impl Target {
    pub fn find(bench: &Bench) -> anyhow::Result<Self> {
        let access = Access::find(&bench.access)?;
        let credential = access.credential.ok_or_else(|| {
            anyhow!("the bench signs with keys of its own: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
        })?;
        let Endpoint { host, address, tls } = Endpoint::parse(&access.endpoint)?;
        let identity = Identity {
            key_id: credential.key_id.clone(),
            secret: credential.secret_key.clone(),
            session_token: credential.token.clone(),
            region: access.region,
        };
        Ok(Self { host, address, tls, bucket_path: bucket_path(&bench.bucket), identity })
    }
}

fn bucket_path(bucket: &BucketName) -> String {
    format!("/{bucket}")
}

/// What an endpoint's URL says.
struct Endpoint {
    host: String,
    address: String,
    tls: Option<Tls>,
}

impl Endpoint {
    fn parse(endpoint: &str) -> anyhow::Result<Self> {
        let uri: Uri = endpoint.parse().with_context(|| format!("`{endpoint}` is no address"))?;
        let authority = uri.authority().ok_or_else(|| anyhow!("`{endpoint}` names no host"))?;
        ensure!(matches!(uri.path(), "" | "/"), "the endpoint `{endpoint}` has a path");
        let (tls, port) = match uri.scheme_str() {
            Some("https") => (Some(Tls::for_host(authority.host())?), 443),
            _ => (None, 80),
        };
        let address = match authority.port() {
            Some(_) => authority.to_string(),
            None => format!("{authority}:{port}"),
        };
        Ok(Self { host: authority.to_string(), address, tls })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_defaults_to_the_schemes_and_the_host_header_stays_as_written() {
        let parsed = |text: &str| Endpoint::parse(text).map(|endpoint| (endpoint.host, endpoint.address));
        let pair = |host: &str, address: &str| (host.to_owned(), address.to_owned());
        assert_eq!(parsed("http://a").unwrap(), pair("a", "a:80"));
        assert_eq!(parsed("http://[::1]:9000/").unwrap(), pair("[::1]:9000", "[::1]:9000"));
        for bad in ["http://a/b", "http://", "a b"] {
            assert!(parsed(bad).is_err(), "{bad}");
        }
    }
}
