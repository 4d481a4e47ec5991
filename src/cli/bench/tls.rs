//! TLS for https endpoints. Certificates are checked against AWS_CA_BUNDLE or else the system's authorities.

use anyhow::{Context, bail, ensure};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use std::{
    env,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio_rustls::TlsConnector;

/// Where Linux distributions keep the system's authorities: Debian, Fedora, Alpine and openSUSE.
const SYSTEM_BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
];

/// What a connection needs to speak TLS to one server.
#[derive(Clone)]
pub struct Tls {
    pub connector: TlsConnector,
    pub server_name: ServerName<'static>,
}

impl Tls {
    pub fn for_host(host: &str) -> anyhow::Result<Self> {
        let mut roots = RootCertStore::empty();
        let bundle = bundle_path()?;
        let certificates = CertificateDer::pem_file_iter(&bundle)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .with_context(|| format!("cannot read certificates of {}", bundle.display()))?;
        let (added, _) = roots.add_parsable_certificates(certificates);
        ensure!(added > 0, "{} holds no certificate", bundle.display());

        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        // Of an address in brackets the certificate names what is inside.
        let name = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let server_name = ServerName::try_from(name).with_context(|| format!("{host} is no name of a server"))?;
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), server_name })
    }
}

fn bundle_path() -> anyhow::Result<PathBuf> {
    if let Some(path) = env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty()) {
        return Ok(PathBuf::from(path));
    }
    match SYSTEM_BUNDLES.iter().find(|path| Path::new(path).exists()) {
        Some(path) => Ok(PathBuf::from(path)),
        None => bail!("no certificates of authorities found; set AWS_CA_BUNDLE to a PEM file"),
    }
}
