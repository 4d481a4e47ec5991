//! TLS of the S3 address: certificate and key from PEM files, read again on demand. Connections that stand keep what
//! they began with.

use crate::s3::S3Settings;
use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio_rustls::TlsAcceptor;

#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{}: {reason}", .path.display())]
    Unreadable { path: PathBuf, reason: String },
    #[error("the certificate and the key don't work together: {0}")]
    Unusable(rustls::Error),
}

/// The certificate in use. Cheap to clone; all clones change together.
#[derive(Clone)]
pub struct TlsIdentity {
    cert: PathBuf,
    key: PathBuf,
    current: Arc<ArcSwap<ServerConfig>>,
}

impl TlsIdentity {
    /// What the settings name; `None` when they want no TLS.
    pub fn of(settings: &S3Settings) -> Result<Option<Self>, TlsError> {
        match (&settings.tls_cert, &settings.tls_key) {
            (Some(cert), Some(key)) => Self::load(cert, key).map(Some),
            _ => Ok(None),
        }
    }

    pub fn load(cert: &Path, key: &Path) -> Result<Self, TlsError> {
        let current = Arc::new(ArcSwap::from_pointee(read(cert, key)?));
        Ok(Self { cert: cert.to_owned(), key: key.to_owned(), current })
    }

    /// Reads the files again; on an error the old certificate stays in use.
    pub fn reload(&self) -> Result<(), TlsError> {
        self.current.store(Arc::new(read(&self.cert, &self.key)?));
        Ok(())
    }

    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.current.load_full())
    }
}

impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsIdentity").field("cert", &self.cert).finish_non_exhaustive()
    }
}

fn read(cert: &Path, key: &Path) -> Result<ServerConfig, TlsError> {
    let unreadable = |path: &Path, reason: String| TlsError::Unreadable { path: path.to_owned(), reason };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect)
        .map_err(|error| unreadable(cert, error.to_string()))?;
    if chain.is_empty() {
        return Err(unreadable(cert, "there is no certificate in it".into()));
    }
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, error.to_string()))?;
    let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let mut config = builder
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(TlsError::Unusable)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn write_identity(dir: &Path, name: &str) -> (PathBuf, PathBuf) {
        let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        let (cert, key) = (dir.join("cert.pem"), dir.join("key.pem"));
        fs::write(&cert, made.cert.pem()).unwrap();
        fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        (cert, key)
    }

    #[test]
    fn a_reload_takes_the_new_files_and_keeps_the_old_ones_when_they_are_broken() {
        let dir = tempfile::tempdir().unwrap();
        let (cert, key) = write_identity(dir.path(), "one.example");
        let identity = TlsIdentity::load(&cert, &key).unwrap();
        let first = identity.current.load_full();
        fs::write(&cert, "not a certificate").unwrap();
        assert!(identity.reload().is_err());
        assert!(Arc::ptr_eq(&first, &identity.current.load_full()));
        write_identity(dir.path(), "two.example");
        identity.reload().unwrap();
        assert!(!Arc::ptr_eq(&first, &identity.current.load_full()));
    }

    #[test]
    fn files_that_are_missing_or_belong_to_others_are_errors() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (cert, key) = write_identity(one.path(), "one.example");
        let (_, other_key) = write_identity(two.path(), "two.example");
        assert!(matches!(TlsIdentity::load(&cert, &one.path().join("absent")), Err(TlsError::Unreadable { .. })));
        assert!(matches!(TlsIdentity::load(&key, &key), Err(TlsError::Unreadable { .. })));
        assert!(matches!(TlsIdentity::load(&cert, &other_key), Err(TlsError::Unusable(_))));
    }
}
