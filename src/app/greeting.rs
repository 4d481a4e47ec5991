//! What a person sees on standard output when a gateway has started: where it is, how to use it, what it does not do.

use super::credentials::{Origin, RootCredentials};
use std::{fmt, net::SocketAddr, path::Path};

/// Whether the S3 address speaks TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    Http,
    Https,
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "http",
            Self::Https => "https",
        })
    }
}

/// Everything that the greeting says.
#[derive(Debug)]
pub struct Greeting<'a> {
    pub scheme: Scheme,
    pub s3: SocketAddr,
    pub admin: SocketAddr,
    pub website: Option<SocketAddr>,
    pub data: &'a Path,
    pub credentials: &'a RootCredentials,
    /// Nodes inside this process, and how many copies there are.
    pub embedded: Option<Embedded>,
}

#[derive(Clone, Copy, Debug)]
pub struct Embedded {
    pub nodes: u32,
    pub replicas: u8,
}

impl fmt::Display for Greeting<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scheme, s3, admin, .. } = self;
        writeln!(f, "S3 endpoint      {scheme}://{s3}")?;
        writeln!(f, "Admin address    http://{admin}")?;
        if let Some(website) = self.website {
            writeln!(f, "Website address  {scheme}://{website}")?;
        }
        writeln!(f, "Data directory   {}", self.data.display())?;
        if let Some(Embedded { nodes, replicas }) = self.embedded {
            writeln!(f, "Storage          {replicas} copies on {nodes} nodes in this process")?;
            if replicas > 1 {
                writeln!(f, "                 All copies are in this data directory: they don't survive its disk.")?;
            }
        }
        writeln!(f)?;
        self.write_credentials(f)
    }
}

impl Greeting<'_> {
    fn write_credentials(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scheme, s3, credentials, .. } = self;
        let file = self.data.join("credentials");
        match credentials.origin {
            Origin::Configuration => {
                writeln!(f, "Root access key  {} (from the configuration)", credentials.access_key)?;
            }
            Origin::DataDirectory => {
                writeln!(f, "Root access key  {} (its secret is in {})", credentials.access_key, file.display())?;
                writeln!(f)?;
                writeln!(f, "    export AWS_SHARED_CREDENTIALS_FILE={}", file.display())?;
            }
            Origin::JustMade => {
                writeln!(f, "Root credentials were made. They are kept in {};", file.display())?;
                writeln!(f, "the secret is not shown again.")?;
                writeln!(f)?;
                writeln!(f, "    export AWS_ACCESS_KEY_ID={}", credentials.access_key)?;
                writeln!(f, "    export AWS_SECRET_ACCESS_KEY={}", credentials.secret_key.reveal())?;
            }
        }
        if credentials.origin != Origin::Configuration {
            writeln!(f, "    export AWS_REGION=us-east-1")?;
            writeln!(f, "    export AWS_ENDPOINT_URL={scheme}://{s3}")?;
            writeln!(f, "    aws s3 ls")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    fn greeting(origin: Origin) -> String {
        let secret_key = Secret::new("the-secret-key".into());
        let credentials = RootCredentials { access_key: "ROOT".into(), secret_key, origin };
        let greeting = Greeting {
            scheme: Scheme::Http,
            s3: "127.0.0.1:9000".parse().unwrap(),
            admin: "127.0.0.1:9001".parse().unwrap(),
            website: None,
            data: Path::new("/data"),
            credentials: &credentials,
            embedded: Some(Embedded { nodes: 3, replicas: 3 }),
        };
        greeting.to_string()
    }

    #[test]
    fn the_secret_is_shown_at_the_start_that_made_it_and_never_again() {
        assert!(greeting(Origin::JustMade).contains("AWS_SECRET_ACCESS_KEY=the-secret-key"));
        assert!(!greeting(Origin::DataDirectory).contains("the-secret-key"));
        assert!(!greeting(Origin::Configuration).contains("the-secret-key"));
    }

    #[test]
    fn it_says_what_copies_on_one_disk_are_worth() {
        assert!(greeting(Origin::DataDirectory).contains("don't survive its disk"));
    }
}
