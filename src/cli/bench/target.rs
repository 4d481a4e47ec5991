//! The server that is measured: where it listens and who asks.

use super::{options::Bench, signer::Identity};
use crate::{cli::s3_client::Access, types::BucketName};
use anyhow::{Context, anyhow, bail, ensure};
use http::Uri;

/// Shared by all workers.
pub struct Target {
    /// The value of the Host header; also what is connected to, when it has a port.
    pub host: String,
    /// `host:port`
    pub address: String,
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
        let (host, address) = host_and_address(&access.endpoint)?;
        let identity = Identity {
            key_id: credential.key_id.clone(),
            secret: credential.secret_key.clone(),
            session_token: credential.token.clone(),
            region: access.region,
        };
        Ok(Self { host, address, bucket_path: bucket_path(&bench.bucket), identity })
    }
}

fn bucket_path(bucket: &BucketName) -> String {
    format!("/{bucket}")
}

fn host_and_address(endpoint: &str) -> anyhow::Result<(String, String)> {
    let uri: Uri = endpoint.parse().with_context(|| format!("`{endpoint}` is no address"))?;
    if uri.scheme_str() == Some("https") {
        bail!("the bench speaks plain HTTP only, so that it measures the server and not the client's TLS");
    }
    ensure!(matches!(uri.path(), "" | "/"), "the endpoint `{endpoint}` has a path");
    let authority = uri.authority().ok_or_else(|| anyhow!("`{endpoint}` names no host"))?;
    let address = match authority.port() {
        Some(_) => authority.to_string(),
        None => format!("{authority}:80"),
    };
    Ok((authority.to_string(), address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_defaults_to_80_and_the_host_header_stays_as_written() {
        assert_eq!(host_and_address("http://a").unwrap(), ("a".to_owned(), "a:80".to_owned()));
        assert_eq!(host_and_address("http://[::1]:9000/").unwrap(), ("[::1]:9000".to_owned(), "[::1]:9000".to_owned()));
        for bad in ["https://a", "http://a/b", "http://", "a b"] {
            assert!(host_and_address(bad).is_err(), "{bad}");
        }
    }
}
