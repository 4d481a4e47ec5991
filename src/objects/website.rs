//! A bucket as a website: what a request for a path means, by the bucket's configuration alone. Pure but for the last part.
//! Source: Amazon S3 User Guide, "Configuring an index document", "Configuring a custom error document", "(Optional) Configuring
//! advanced webpage redirects".
//!
//! Whoever reaches the website address may read what is in a bucket that has a configuration, and only there: the
//! configuration is the owner's word for it. A redirect goes nowhere but where the owner sent it: a path of the request stands behind a
//! host that the owner named or the request came to, percent-encoded, and never in the place of one.

use super::{ObjectError, Objects, handle::unexpected};
use crate::{
    metadata::{Command, Outcome},
    types::{BucketName, Redirect, ReplacedKey, RoutingRule, Site, WebProtocol, WebsiteConfiguration},
};

/// Where a redirect leads, before it is a header: every piece is still as it was stored or decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirection {
    pub code: u16,
    /// As the request came where absent.
    pub protocol: Option<WebProtocol>,
    pub host: Option<String>,
    /// The key behind the slash, not encoded.
    pub key: String,
}

/// 301, as S3 answers where the rule says nothing.
const MOVED_PERMANENTLY: u16 = 301;
/// To the directory of an index document.
const FOUND: u16 = 302;

/// The first step: what is redirected whatever is there. `path_key`: the path without its first slash, decoded.
pub fn redirect_first(website: &WebsiteConfiguration, path_key: &str) -> Option<Redirection> {
    match website {
        WebsiteConfiguration::RedirectAll { host, protocol } => Some(Redirection {
            code: MOVED_PERMANENTLY,
            protocol: *protocol,
            host: Some(host.as_str().to_owned()),
            key: path_key.to_owned(),
        }),
        WebsiteConfiguration::Site(site) => {
            let rule = site.rules.iter().find(|rule| rule.condition.error_code.is_none() && begins(rule, path_key))?;
            Some(redirection(rule, path_key))
        }
    }
}

/// After an error: the first rule for it.
pub fn redirect_error(site: &Site, path_key: &str, error_code: u16) -> Option<Redirection> {
    let fits = |rule: &&RoutingRule| rule.condition.error_code == Some(error_code) && begins(rule, path_key);
    site.rules.iter().find(fits).map(|rule| redirection(rule, path_key))
}

fn begins(rule: &RoutingRule, path_key: &str) -> bool {
    rule.condition.key_prefix.as_deref().is_none_or(|prefix| path_key.starts_with(prefix))
}

fn redirection(rule: &RoutingRule, path_key: &str) -> Redirection {
    let Redirect { protocol, host, code, key } = &rule.redirect;
    let prefix = rule.condition.key_prefix.as_deref().unwrap_or("");
    let key = match key {
        None => path_key.to_owned(),
        Some(ReplacedKey::Whole(key)) => key.clone(),
        Some(ReplacedKey::Prefix(with)) => [with, path_key.strip_prefix(prefix).unwrap_or(path_key)].concat(),
    };
    let host = host.as_ref().map(|host| host.as_str().to_owned());
    Redirection { code: code.unwrap_or(MOVED_PERMANENTLY), protocol: *protocol, host, key }
}

/// The object that a path means: of a directory its index document.
pub fn object_of(site: &Site, path_key: &str) -> String {
    match path_key.is_empty() || path_key.ends_with('/') {
        true => [path_key, site.index_suffix.as_str()].concat(),
        false => path_key.to_owned(),
    }
}

/// The index document of the directory that a path without a slash at its end may mean, when nothing else is there.
pub fn index_of_directory(site: &Site, path_key: &str) -> Option<String> {
    let is_file = !path_key.is_empty() && !path_key.ends_with('/');
    is_file.then(|| [path_key, "/", site.index_suffix.as_str()].concat())
}

/// To that directory.
pub fn to_directory(path_key: &str) -> Redirection {
    Redirection { code: FOUND, protocol: None, host: None, key: [path_key, "/"].concat() }
}

impl Objects {
    pub async fn bucket_website(&self, name: &BucketName) -> Result<WebsiteConfiguration, ObjectError> {
        self.bucket(name).await?;
        self.metadata.bucket_website(name).await?.ok_or(ObjectError::NoSuchWebsiteConfiguration)
    }

    /// `None` removes it.
    pub async fn set_bucket_website(
        &self,
        name: &BucketName,
        website: Option<WebsiteConfiguration>,
    ) -> Result<(), ObjectError> {
        let bucket = self.bucket(name).await?;
        match self.propose(Command::SetBucketWebsite { bucket: bucket.id, website }).await? {
            Outcome::Done => Ok(()),
            other => Err(unexpected(&other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(json: &str) -> Site {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn directories_mean_their_index_documents() {
        let site = site(r#"{"index_suffix":"index.html"}"#);
        for (path, object, directory) in [
            ("", "index.html", None),
            ("a/", "a/index.html", None),
            ("a", "a", Some("a/index.html")),
            ("a/b.html", "a/b.html", Some("a/b.html/index.html")),
            ("/", "/index.html", None),
        ] {
            assert_eq!(object_of(&site, path), object);
            assert_eq!(index_of_directory(&site, path).as_deref(), directory);
        }
        assert_eq!(to_directory("a b").key, "a b/");
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        let site = site(
            r#"{"index_suffix":"i","rules":[
                {"condition":{"key_prefix":"docs/"},"redirect":{"key":{"Prefix":"documents/"}}},
                {"condition":{"key_prefix":"images/"},"redirect":{"key":{"Whole":"gone.html"},"code":302}},
                {"condition":{"error_code":404,"key_prefix":"blog/"},"redirect":{"host":"old.example","protocol":"https"}},
                {"condition":{"error_code":404},"redirect":{"key":{"Prefix":"404/"}}}]}"#,
        );
        let website = WebsiteConfiguration::Site(site.clone());
        let first = |path| redirect_first(&website, path).map(|to| (to.code, to.key));
        assert_eq!(first("docs/a"), Some((301, "documents/a".into())));
        assert_eq!(first("images/a/b"), Some((302, "gone.html".into())));
        assert_eq!(first("blog/a"), None, "that one waits for an error");
        let on_error = |path, code| redirect_error(&site, path, code);
        assert_eq!(on_error("blog/a", 404).unwrap().host.as_deref(), Some("old.example"));
        assert_eq!(on_error("x", 404).unwrap().key, "404/x");
        assert_eq!(on_error("x", 403), None);
    }
}
