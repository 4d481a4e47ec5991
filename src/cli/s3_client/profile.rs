//! Profile files of the AWS tools: `~/.aws/credentials` and `~/.aws/config`. Source: AWS SDKs and Tools Reference
//! Guide, "Shared config and credentials files".
//!
//! Only what names keys, region and endpoint is read. Roles, single sign-on and credential processes are not followed.

use std::collections::HashMap;

/// What a profile says. Values of the credentials file win over the config file's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    settings: HashMap<String, String>,
}

/// Which of the two files a text is: they write section names differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProfileFile {
    /// `[name]`
    Credentials,
    /// `[default]` and `[profile name]`
    Config,
}

impl Profile {
    /// The profile `name` of both texts; `None` when neither has it.
    pub fn read(credentials: &str, config: &str, name: &str) -> Option<Self> {
        let mut found = section(config, name, ProfileFile::Config);
        if let Some(stronger) = section(credentials, name, ProfileFile::Credentials) {
            found.get_or_insert_default().extend(stronger);
        }
        found.map(|settings| Self { settings })
    }

    pub fn get(&self, setting: &str) -> Option<&str> {
        self.settings.get(setting).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// All `name = value` lines of every section of that name. Indented lines belong to a nested setting that we don't use.
fn section(text: &str, name: &str, file: ProfileFile) -> Option<HashMap<String, String>> {
    let mut found: Option<HashMap<String, String>> = None;
    let mut inside = false;
    for line in text.lines() {
        if let Some(title) = line.trim().strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(title, _)| title)
        {
            inside = is_title_of(title, name, file);
            if inside {
                found.get_or_insert_default();
            }
        } else if inside
            && !line.starts_with([' ', '\t', '#', ';'])
            && let (Some(settings), Some((key, value))) = (found.as_mut(), line.split_once('='))
        {
            settings.insert(key.trim().to_ascii_lowercase(), without_comment(value).to_owned());
        }
    }
    found
}

fn is_title_of(title: &str, name: &str, file: ProfileFile) -> bool {
    let mut words = title.split_whitespace();
    match (file, words.next(), words.next(), words.next()) {
        (ProfileFile::Config, Some("profile"), Some(second), None) => second.trim_matches('"') == name,
        (ProfileFile::Config, Some("default"), None, None) => name == "default",
        (ProfileFile::Credentials, Some(first), None, None) => first == name,
        _ => false,
    }
}

/// A comment behind a value begins with white space and `#` or `;`.
fn without_comment(value: &str) -> &str {
    let end = [" #", "\t#", " ;", "\t;"].iter().filter_map(|mark| value.find(mark)).min().unwrap_or(value.len());
    value[..end].trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREDENTIALS: &str = "[default]\naws_access_key_id = AK\naws_secret_access_key=sec/ret+=#x\n\n[other]\n\
                               aws_access_key_id=OTHER # mine\nregion = eu-west-1\n";
    const CONFIG: &str = "# head\n[default]\nregion = us-west-2\ns3 =\n  addressing_style = path\n  region = nested\n\
                          [profile other]\nRegion=eu-north-1\nendpoint_url = http://localhost:9000\n[services x]\nregion=no\n";

    #[test]
    fn both_files_make_one_profile_and_the_credentials_file_wins() {
        let default = Profile::read(CREDENTIALS, CONFIG, "default").unwrap();
        assert_eq!(default.get("aws_access_key_id"), Some("AK"));
        assert_eq!(default.get("aws_secret_access_key"), Some("sec/ret+=#x"));
        assert_eq!(default.get("region"), Some("us-west-2"));
        let other = Profile::read(CREDENTIALS, CONFIG, "other").unwrap();
        assert_eq!(other.get("aws_access_key_id"), Some("OTHER"));
        assert_eq!(other.get("region"), Some("eu-west-1"));
        assert_eq!(other.get("endpoint_url"), Some("http://localhost:9000"));
        assert_eq!(other.get("addressing_style"), None);
    }

    #[test]
    fn a_profile_that_neither_file_has_is_absent() {
        assert_eq!(Profile::read(CREDENTIALS, CONFIG, "x"), None);
        assert_eq!(Profile::read("", "[other]\nregion=x\n", "other"), None, "the config file writes [profile other]");
        assert_eq!(Profile::read("", "", "default"), None);
    }
}
