//! The root credentials and the cluster secret: given by the configuration, else kept in the data directory, else made.
//! There is no default that everybody knows.
//!
//! `DIR/credentials` has the format of an AWS credentials file, so that `AWS_SHARED_CREDENTIALS_FILE=DIR/credentials` is
//! all that an AWS client needs.

use super::{directories::write_private_file, usage::UsageError};
use crate::{
    config::{ProcessSettings, Secret},
    runtime::Random,
};
use anyhow::{Context, bail};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::{fs, io, path::Path};

/// Where credentials came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Configuration,
    DataDirectory,
    /// By this start: the only time that they are shown.
    JustMade,
}

/// The key pair that may do everything.
#[derive(Clone, Debug)]
pub struct RootCredentials {
    pub access_key: String,
    pub secret_key: Secret,
    pub origin: Origin,
}

const CREDENTIALS_FILE: &str = "credentials";
const SECRET_FILE: &str = "cluster-secret";

/// A made access key: 20 characters, as AWS's have, so that no client finds it odd.
const ACCESS_KEY_PREFIX: &str = "LARDER";
const ACCESS_KEY_RANDOM_CHARACTERS: usize = 14;

/// 30 bytes are 240 bits and 40 characters of base 64, the length of AWS's secret keys.
const SECRET_KEY_BYTES: usize = 30;

impl RootCredentials {
    /// Given or kept; `None` when there are none yet.
    pub fn find(settings: &ProcessSettings) -> anyhow::Result<Option<Self>> {
        if let (Some(access_key), Some(secret_key)) = (&settings.access_key, &settings.secret_key) {
            let (access_key, secret_key) = (access_key.clone(), secret_key.clone());
            return Ok(Some(Self { access_key, secret_key, origin: Origin::Configuration }));
        }
        let Some(data) = &settings.data else {
            return Ok(None);
        };
        let path = data.join(CREDENTIALS_FILE);
        let Some(text) = read_if_there(&path)? else {
            return Ok(None);
        };
        parse(&text).map(Some).with_context(|| format!("{} is not a credentials file", path.display()))
    }

    /// Given, kept, or made and kept.
    pub fn find_or_make(settings: &ProcessSettings, data: &Path, random: &dyn Random) -> anyhow::Result<Self> {
        if let Some(found) = Self::find(settings)? {
            return Ok(found);
        }
        let made = Self {
            access_key: random_access_key(random),
            secret_key: Secret::new(random_secret(random)),
            origin: Origin::JustMade,
        };
        let path = data.join(CREDENTIALS_FILE);
        write_private_file(&path, &made.render()).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(made)
    }

    fn render(&self) -> String {
        let (access_key, secret_key) = (&self.access_key, self.secret_key.reveal());
        format!("[default]\naws_access_key_id = {access_key}\naws_secret_access_key = {secret_key}\n")
    }
}

fn parse(text: &str) -> anyhow::Result<RootCredentials> {
    let value = |name: &str| {
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        let mut values = pairs.filter(|(key, _)| key.trim() == name).map(|(_, value)| value.trim());
        values.next().filter(|value| !value.is_empty()).with_context(|| format!("{name} is missing"))
    };
    Ok(RootCredentials {
        access_key: value("aws_access_key_id")?.to_owned(),
        secret_key: Secret::new(value("aws_secret_access_key")?.to_owned()),
        origin: Origin::DataDirectory,
    })
}

/// The cluster secret of a `server`: given, kept, or made and kept. A given one that differs from the kept one is
/// refused: the access keys in the database are sealed with the kept one.
pub fn find_or_make_cluster_secret(
    settings: &ProcessSettings,
    data: &Path,
    random: &dyn Random,
) -> anyhow::Result<Secret> {
    let path = data.join(SECRET_FILE);
    let kept = read_if_there(&path)?.map(|text| Secret::new(text.trim().to_owned()));
    match (&settings.cluster_secret, kept) {
        (Some(given), Some(kept)) if given.reveal() != kept.reveal() => bail!(
            "the given cluster secret is not the one in {}; with another secret the access keys in the database can't be \
             read. Remove the file if you mean it",
            path.display()
        ),
        (Some(given), _) => Ok(given.clone()),
        (None, Some(kept)) => Ok(kept),
        (None, None) => {
            let made = random_secret(random);
            write_private_file(&path, &format!("{made}\n"))
                .with_context(|| format!("cannot write {}", path.display()))?;
            Ok(Secret::new(made))
        }
    }
}

/// The cluster secret of a `gateway` or `node`, which have to be given one.
pub fn require_cluster_secret(settings: &ProcessSettings) -> Result<Secret, UsageError> {
    settings.cluster_secret.clone().ok_or(UsageError::NoClusterSecret)
}

fn read_if_there(path: &Path) -> anyhow::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

fn random_access_key(random: &dyn Random) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut bytes = [0; ACCESS_KEY_RANDOM_CHARACTERS];
    random.fill(&mut bytes);
    let characters = bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
    ACCESS_KEY_PREFIX.chars().chain(characters).collect()
}

fn random_secret(random: &dyn Random) -> String {
    let mut bytes = [0; SECRET_KEY_BYTES];
    random.fill(&mut bytes);
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::SystemRandom;
    use std::os::unix::fs::PermissionsExt;

    fn in_directory(data: &Path) -> ProcessSettings {
        ProcessSettings { data: Some(data.to_owned()), ..ProcessSettings::default() }
    }

    #[test]
    fn credentials_are_made_once_and_only_their_owner_reads_them() {
        let data = tempfile::tempdir().unwrap();
        let settings = in_directory(data.path());
        assert!(RootCredentials::find(&settings).unwrap().is_none());
        let made = RootCredentials::find_or_make(&settings, data.path(), &SystemRandom).unwrap();
        assert_eq!(made.origin, Origin::JustMade);
        assert_eq!((made.access_key.len(), made.secret_key.reveal().len()), (20, 40));
        let kept = RootCredentials::find_or_make(&settings, data.path(), &SystemRandom).unwrap();
        assert_eq!(kept.origin, Origin::DataDirectory);
        assert_eq!((&kept.access_key, &kept.secret_key), (&made.access_key, &made.secret_key));
        let mode = fs::metadata(data.path().join("credentials")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn two_directories_have_nothing_in_common() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let make = |data: &Path| RootCredentials::find_or_make(&in_directory(data), data, &SystemRandom).unwrap();
        let (one, other) = (make(one.path()), make(other.path()));
        assert_ne!(one.access_key, other.access_key);
        assert_ne!(one.secret_key, other.secret_key);
    }

    #[test]
    fn given_credentials_win_and_are_not_written_down() {
        let data = tempfile::tempdir().unwrap();
        let settings = ProcessSettings {
            access_key: Some("GIVEN".into()),
            secret_key: Some(Secret::new("0123456789abcdef".into())),
            ..in_directory(data.path())
        };
        let found = RootCredentials::find_or_make(&settings, data.path(), &SystemRandom).unwrap();
        assert_eq!((found.access_key.as_str(), found.origin), ("GIVEN", Origin::Configuration));
        assert!(!data.path().join("credentials").exists());
    }

    #[test]
    fn a_damaged_credentials_file_is_an_error_and_is_left_alone() {
        let data = tempfile::tempdir().unwrap();
        fs::write(data.path().join("credentials"), "[default]\naws_access_key_id = A\n").unwrap();
        let error = RootCredentials::find_or_make(&in_directory(data.path()), data.path(), &SystemRandom).unwrap_err();
        assert!(format!("{error:#}").contains("aws_secret_access_key is missing"), "{error:#}");
    }

    #[test]
    fn a_servers_cluster_secret_is_kept_and_another_one_is_refused() {
        let data = tempfile::tempdir().unwrap();
        let settings = in_directory(data.path());
        let made = find_or_make_cluster_secret(&settings, data.path(), &SystemRandom).unwrap();
        assert_eq!(find_or_make_cluster_secret(&settings, data.path(), &SystemRandom).unwrap(), made);
        let other = ProcessSettings { cluster_secret: Some(Secret::new("another secret!!".into())), ..settings };
        let error = find_or_make_cluster_secret(&other, data.path(), &SystemRandom).unwrap_err();
        assert!(error.to_string().contains("not the one in"), "{error}");
        assert!(require_cluster_secret(&in_directory(data.path())).is_err());
    }
}
