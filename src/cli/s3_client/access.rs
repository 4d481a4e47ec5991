//! Endpoint, region and credentials of the client verbs: flags, then the AWS variables, then profile files.
//! Source: AWS SDKs and Tools Reference Guide, "Settings reference".

use super::profile::Profile;
use anyhow::{Context, bail};
use clap::Args;
use object_store::aws::AwsCredential;
use std::{
    env, fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// The flags that every client verb has.
#[derive(Clone, Debug, Default, Args)]
pub struct AccessFlags {
    /// Address of the S3 server, such as http://127.0.0.1:9000 [default: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, the
    /// profile's endpoint_url, Amazon S3]
    #[arg(long, visible_alias = "endpoint", value_name = "URL")]
    pub endpoint_url: Option<String>,
    /// Region to sign for [default: AWS_REGION, AWS_DEFAULT_REGION, the profile's region, us-east-1]
    #[arg(long)]
    pub region: Option<String>,
    /// Profile of the AWS credentials and config files; wins over keys in variables [default: AWS_PROFILE, default]
    #[arg(long)]
    pub profile: Option<String>,
}

/// Where to go and as whom.
#[derive(Debug)]
pub struct Access {
    /// Without a slash at the end.
    pub endpoint: String,
    pub region: String,
    /// `None`: a role of the machine or container that `object_store` asks for keys.
    pub credential: Option<AwsCredential>,
}

/// Looks a variable up; tests pass a table.
type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Access {
    /// Reads the process's variables and the profile files.
    pub fn find(flags: &AccessFlags) -> anyhow::Result<Self> {
        let variables = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        let credentials = read_if_there(&file_path(&variables, "AWS_SHARED_CREDENTIALS_FILE", "credentials"))?;
        let config = read_if_there(&file_path(&variables, "AWS_CONFIG_FILE", "config"))?;
        Self::choose(flags, &variables, &credentials, &config)
    }

    fn choose(flags: &AccessFlags, variables: Variables<'_>, credentials: &str, config: &str) -> anyhow::Result<Self> {
        let named = flags.profile.clone().or_else(|| variables("AWS_PROFILE"));
        let name = named.as_deref().unwrap_or("default");
        let profile = Profile::read(credentials, config, name);
        if named.is_some() && profile.is_none() {
            bail!("the profile `{name}` is in neither the AWS credentials file nor the config file");
        }
        let profile = profile.unwrap_or_default();
        let of_profile = |setting: &str| profile.get(setting).map(str::to_owned);

        let region =
            flags.region.clone().or_else(|| variables("AWS_REGION")).or_else(|| variables("AWS_DEFAULT_REGION"));
        let region = region.or_else(|| of_profile("region")).unwrap_or_else(|| "us-east-1".to_owned());
        let endpoint = flags.endpoint_url.clone().or_else(|| variables("AWS_ENDPOINT_URL_S3"));
        let endpoint = endpoint.or_else(|| variables("AWS_ENDPOINT_URL")).or_else(|| of_profile("endpoint_url"));
        let endpoint = endpoint.unwrap_or_else(|| format!("https://s3.{region}.amazonaws.com"));
        if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
            bail!("the endpoint `{endpoint}` does not begin with http:// or https://");
        }
        let credential = match (&flags.profile, credential_of_variables(variables)?) {
            (None, Some(credential)) => Some(credential),
            _ => credential_of_profile(&profile, name)?,
        };
        if credential.is_none() && !role_is_configured(variables) {
            bail!(
                "no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile that has \
                 aws_access_key_id and aws_secret_access_key"
            );
        }
        Ok(Self { endpoint: endpoint.trim_end_matches('/').to_owned(), region, credential })
    }
}

fn credential_of_variables(variables: Variables<'_>) -> anyhow::Result<Option<AwsCredential>> {
    match (variables("AWS_ACCESS_KEY_ID"), variables("AWS_SECRET_ACCESS_KEY")) {
        (None, None) => Ok(None),
        (Some(key_id), Some(secret_key)) => {
            Ok(Some(AwsCredential { key_id, secret_key, token: variables("AWS_SESSION_TOKEN") }))
        }
        _ => bail!("only one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY is set"),
    }
}

fn credential_of_profile(profile: &Profile, name: &str) -> anyhow::Result<Option<AwsCredential>> {
    match (profile.get("aws_access_key_id"), profile.get("aws_secret_access_key")) {
        (None, None) => Ok(None),
        (Some(key_id), Some(secret_key)) => Ok(Some(AwsCredential {
            key_id: key_id.to_owned(),
            secret_key: secret_key.to_owned(),
            token: profile.get("aws_session_token").map(str::to_owned),
        })),
        _ => bail!("the profile `{name}` has only one of aws_access_key_id and aws_secret_access_key"),
    }
}

/// Whether a container or web identity gives keys; the variables are those that `object_store` follows.
fn role_is_configured(variables: Variables<'_>) -> bool {
    ["AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"]
        .iter()
        .any(|name| variables(name).is_some())
}

fn file_path(variables: Variables<'_>, variable: &str, name: &str) -> PathBuf {
    match variables(variable) {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(variables("HOME").unwrap_or_default()).join(".aws").join(name),
    }
}

fn read_if_there(path: &Path) -> anyhow::Result<String> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREDENTIALS: &str =
        "[default]\naws_access_key_id=FILE\naws_secret_access_key=s\n[half]\naws_access_key_id=x\n";
    const CONFIG: &str = "[default]\nregion=eu-west-3\nendpoint_url=http://file:1/\n";

    fn choose(flags: &AccessFlags, variables: &[(&str, &str)]) -> anyhow::Result<Access> {
        let find = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Access::choose(flags, &find, CREDENTIALS, CONFIG)
    }

    fn key_id(access: &Access) -> &str {
        &access.credential.as_ref().unwrap().key_id
    }

    #[test]
    fn a_flag_wins_over_a_variable_and_a_variable_over_the_profile() {
        let of_file = choose(&AccessFlags::default(), &[]).unwrap();
        assert_eq!((of_file.endpoint.as_str(), of_file.region.as_str()), ("http://file:1", "eu-west-3"));
        assert_eq!(key_id(&of_file), "FILE");

        let variables = [
            ("AWS_ACCESS_KEY_ID", "VAR"),
            ("AWS_SECRET_ACCESS_KEY", "s"),
            ("AWS_ENDPOINT_URL", "http://var:1"),
            ("AWS_REGION", "r1"),
        ];
        let of_variables = choose(&AccessFlags::default(), &variables).unwrap();
        assert_eq!((of_variables.endpoint.as_str(), of_variables.region.as_str()), ("http://var:1", "r1"));
        assert_eq!(key_id(&of_variables), "VAR");

        let flags = AccessFlags {
            endpoint_url: Some("https://flag".to_owned()),
            region: Some("r2".to_owned()),
            profile: Some("default".to_owned()),
        };
        let of_flags = choose(&flags, &variables).unwrap();
        assert_eq!((of_flags.endpoint.as_str(), of_flags.region.as_str()), ("https://flag", "r2"));
        assert_eq!(key_id(&of_flags), "FILE");
    }

    #[test]
    fn half_of_a_key_pair_an_unknown_profile_and_a_bare_host_are_refused() {
        let profile = |name: &str| AccessFlags { profile: Some(name.to_owned()), ..AccessFlags::default() };
        for (flags, variables) in [
            (AccessFlags::default(), vec![("AWS_ACCESS_KEY_ID", "VAR")]),
            (AccessFlags::default(), vec![("AWS_PROFILE", "nobody")]),
            (AccessFlags::default(), vec![("AWS_ENDPOINT_URL", "localhost:9000")]),
            (profile("half"), vec![]),
            (profile("nobody"), vec![]),
        ] {
            assert!(choose(&flags, &variables).is_err(), "{flags:?} {variables:?}");
        }
        let nothing = |_: &str| None;
        assert!(Access::choose(&AccessFlags::default(), &nothing, "", "").is_err());
    }
}
