//! Settings of the process as a whole: where it keeps its data, where it listens, who it trusts, how it logs.

use super::Secret;
use crate::runtime::{LogFormat, LogSettings, check_level};
use serde::{Deserialize, Serialize};
use std::{net::Ipv6Addr, path::PathBuf};

#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct ProcessSettings {
    /// Directory for everything that this process keeps. It is made when it does not exist. `server`, `gateway` and
    /// `node` refuse to start without it.
    pub data: Option<PathBuf>,

    /// Address and port to listen on: of the S3 endpoint for `server` and `gateway`, of the storage protocol for `node`.
    /// Loopback by default, so that nothing is reachable from outside before somebody decides it. Port 0 takes a free
    /// port, which is shown at the start; a node keeps its port in its data directory. `node` has no default.
    pub address: String,

    /// Address and port of the operator's side of `server` and `gateway`: health, metrics, `larder admin`, and the
    /// registration of nodes. It speaks plain HTTP: leave it on loopback or in a network that you trust.
    pub admin_address: String,

    /// Address and port at which `server` and `gateway` show buckets that have a website configuration as websites, to everybody who
    /// reaches it and without a signature. Absent by default: nothing is shown. It speaks TLS where the S3 address does.
    pub website_address: Option<String>,

    /// Storage nodes inside a `server` process. Each has a directory of its own below `data`. Fewer than `replicas` makes
    /// every write fail; more spreads the data over more directories. The number may grow; it may not shrink.
    pub nodes: u32,

    /// URL of the gateway's admin address that a `node` registers with, such as `http://10.0.0.1:9001`.
    pub gateway: Option<String>,

    /// Address and port at which the gateway and other nodes reach a `node`, when that is not the address that it listens
    /// on (a container, a translated network).
    pub advertise: Option<String>,

    /// The rack, room or site that a `node` stands in. Copies of one object lie in different zones. Without it each node is
    /// a zone of its own, which is right when every node is a machine of its own.
    pub zone: Option<String>,

    /// Directories of a `node`'s volumes, one on each of its disks; several are allowed. None by default: one volume in the
    /// data directory. Each is frozen, filled and lost on its own. A directory that is left out takes its copies along.
    pub volumes: Vec<PathBuf>,

    /// Access key of the root credentials. Without it one is made at the first start and kept in the data directory. It is
    /// taken from the variable or the file, not from a flag.
    pub access_key: Option<String>,

    /// Secret key of the root credentials; goes together with `access_key`. At least 8 characters. It is taken from the
    /// variable or the file, not from a flag: other users of a machine see the flags of a process.
    pub secret_key: Option<Secret>,

    /// What gateway and nodes prove to each other, and what seals the secrets of access keys in the database: the same on
    /// every machine of a cluster, at least 16 characters. `server` makes its own at the first start; `gateway` and `node`
    /// refuse to start without it. From the variable or the file, not from a flag. Whoever changes it loses the access keys
    /// that were sealed with the old one.
    pub cluster_secret: Option<Secret>,

    /// A backup made by `larder admin metadata backup` to start from. Refused when the data directory holds metadata already.
    /// Afterwards nothing is reclaimed until `larder admin metadata confirm`.
    pub restore: Option<PathBuf>,

    /// Make the metadata, which is gone, anew of what the nodes keep of it: the command log, and everything that was acknowledged with
    /// it. Refused when the data directory holds metadata, and when something acknowledged may be missing. A `server` asks its own
    /// nodes, a `gateway` those of `recover_from`; the others follow from what is recovered. It belongs to one start.
    pub recover: bool,

    /// Addresses (HOST:PORT, several with commas between them) of nodes, at which `recover` asks for the metadata: of a `gateway` at least
    /// one. Those that don't answer count as missing.
    pub recover_from: Vec<String>,

    /// As `recover`, but content with what there is: where nodes don't answer, or acknowledged changes are known to be missing. If
    /// they may be, nothing is reclaimed afterwards until `larder admin metadata confirm`. It belongs to one start.
    pub recover_incomplete: bool,

    /// Take the nodes over from whichever gateway they follow, which then stops. Without it a gateway with restored, copied or
    /// moved metadata does not start while another gateway of its cluster is alive. It belongs to one start: of two gateways
    /// that are started with it again and again, each stops the other.
    pub take_over: bool,

    /// How a line of the log looks: `text` for people, `json` for machines.
    pub log_format: LogFormat,

    /// What is logged: `error`, `warn`, `info`, `debug` or `trace`, or a list such as `info,larder::volume=debug`.
    pub log_level: String,

    /// Directory for log files, beside standard error: one file a day for each component, kept for 14 days.
    pub log_dir: Option<PathBuf>,
}

impl Default for ProcessSettings {
    fn default() -> Self {
        Self {
            data: None,
            address: "127.0.0.1:9000".into(),
            admin_address: "127.0.0.1:9001".into(),
            website_address: None,
            nodes: 3,
            gateway: None,
            advertise: None,
            zone: None,
            volumes: Vec::new(),
            access_key: None,
            secret_key: None,
            cluster_secret: None,
            restore: None,
            recover: false,
            recover_from: Vec::new(),
            recover_incomplete: false,
            take_over: false,
            log_format: LogFormat::Text,
            log_level: "info".into(),
            log_dir: None,
        }
    }
}

/// Shortest secret key that is accepted: shorter ones are guessed from one recorded request.
const SECRET_KEY_LENGTH_MIN: usize = 8;

/// Shortest cluster secret: 16 characters of base 64 are 96 bits.
const CLUSTER_SECRET_LENGTH_MIN: usize = 16;

/// Most nodes inside one process: each has threads and open files of its own, and they share one machine anyway.
const EMBEDDED_NODES_MAX: u32 = 64;

impl ProcessSettings {
    pub fn validate(&self) -> Result<(), String> {
        if self.nodes == 0 || self.nodes > EMBEDDED_NODES_MAX {
            return Err(format!("nodes: must be 1 to {EMBEDDED_NODES_MAX}"));
        }
        self.validate_addresses()?;
        if self.restore.is_some() && (self.recover || self.recover_incomplete) {
            return Err("restore and recover: a start does one of them".into());
        }
        check_level(&self.log_level).map_err(|error| format!("log_level: {error}"))?;
        if self.access_key.is_some() != self.secret_key.is_some() {
            return Err("access_key and secret_key go together: give both or neither".into());
        }
        if self.access_key.as_ref().is_some_and(|key| !is_access_key(key)) {
            return Err("access_key: must be 3 to 128 letters, digits, `-`, `_` or `.`".into());
        }
        for (name, secret, length_min) in [
            ("secret_key", &self.secret_key, SECRET_KEY_LENGTH_MIN),
            ("cluster_secret", &self.cluster_secret, CLUSTER_SECRET_LENGTH_MIN),
        ] {
            if secret.as_ref().is_some_and(|secret| secret.reveal().len() < length_min) {
                return Err(format!("{name}: must have at least {length_min} characters"));
            }
        }
        Ok(())
    }

    fn validate_addresses(&self) -> Result<(), String> {
        for (name, address) in [("address", &self.address), ("admin_address", &self.admin_address)] {
            if port_of(address).is_none() {
                return Err(format!("{name}: `{address}` is not HOST:PORT"));
            }
        }
        if let Some(wrong) = self.recover_addresses().find(|one| port_of(one).is_none_or(|port| port == 0)) {
            return Err(format!("recover_from: `{wrong}` is not HOST:PORT"));
        }
        if let Some(advertise) = &self.advertise
            && port_of(advertise).is_none_or(|port| port == 0)
        {
            return Err(format!("advertise: `{advertise}` is not HOST:PORT"));
        }
        if let Some(gateway) = &self.gateway
            && port_of(gateway.strip_prefix("http://").unwrap_or(gateway)).is_none_or(|port| port == 0)
        {
            return Err(format!("gateway: `{gateway}` is no admin address: write http://HOST:PORT"));
        }
        Ok(())
    }

    /// What `recover_from` names.
    pub fn recover_addresses(&self) -> impl Iterator<Item = &str> {
        self.recover_from.iter().flat_map(|several| several.split(',')).map(str::trim)
    }

    pub fn log(&self) -> LogSettings {
        LogSettings { format: self.log_format, level: self.log_level.clone(), directory: self.log_dir.clone() }
    }
}

/// The port of `HOST:PORT`, where the host is a name, an IPv4 address, or an IPv6 address in brackets.
fn port_of(text: &str) -> Option<u16> {
    let (host, port) = text.rsplit_once(':')?;
    let is_host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(v6) => v6.parse::<Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)),
    };
    port.parse().ok().filter(|_| is_host && port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// What fits into a credential scope and a header: no `/`, `,`, `=` or space.
fn is_access_key(text: &str) -> bool {
    (3..=128).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid() {
        ProcessSettings::default().validate().unwrap();
    }

    #[test]
    fn addresses_are_a_host_and_a_port() {
        for good in ["127.0.0.1:0", "[::1]:9000", "node-1.example:65535", "localhost:9001"] {
            ProcessSettings { address: good.into(), ..Default::default() }.validate().unwrap();
        }
        for bad in ["foo", "foo:", ":9000", "1:2:3", "::1:9000", "[x]:1", "host:65536", "host:+1", "http://host:1", ""]
        {
            assert!(ProcessSettings { admin_address: bad.into(), ..Default::default() }.validate().is_err(), "{bad}");
            assert!(ProcessSettings { advertise: Some(bad.into()), ..Default::default() }.validate().is_err(), "{bad}");
            let recover_from = vec!["10.0.0.1:9002".to_owned(), format!("10.0.0.2:9002,{bad}")];
            assert!(ProcessSettings { recover_from, ..Default::default() }.validate().is_err(), "{bad}");
        }
        for bad in ["ftp://host:1", "https://host:1", "http://host:0", "http://host", "http://host:1/x"] {
            assert!(ProcessSettings { gateway: Some(bad.into()), ..Default::default() }.validate().is_err(), "{bad}");
        }
        let recover_from = vec!["10.0.0.1:9002, node-2:9002".to_owned(), "node-3:9002".to_owned()];
        let several = ProcessSettings { recover_from, ..Default::default() };
        several.validate().unwrap();
        assert!(several.recover_addresses().eq(["10.0.0.1:9002", "node-2:9002", "node-3:9002"]));
        ProcessSettings { gateway: Some("http://10.0.0.1:9001".into()), ..Default::default() }.validate().unwrap();
    }

    #[test]
    fn a_start_restores_or_recovers() {
        let restore = ProcessSettings { restore: Some("backup".into()), ..Default::default() };
        restore.validate().unwrap();
        ProcessSettings { recover: true, ..Default::default() }.validate().unwrap();
        assert!(ProcessSettings { recover: true, ..restore.clone() }.validate().is_err());
        assert!(ProcessSettings { recover_incomplete: true, ..restore }.validate().is_err());
    }

    #[test]
    fn half_credentials_short_secrets_and_odd_keys_are_refused() {
        let with = |access: Option<&str>, secret: Option<&str>| ProcessSettings {
            access_key: access.map(str::to_owned),
            secret_key: secret.map(|text| Secret::new(text.to_owned())),
            ..ProcessSettings::default()
        };
        with(Some("AKIAEXAMPLE"), Some("0123456789abcdef")).validate().unwrap();
        for (access, secret) in [
            (Some("AKIAEXAMPLE"), None),
            (None, Some("0123456789abcdef")),
            (Some("AKIAEXAMPLE"), Some("short")),
            (Some("a/b"), Some("0123456789abcdef")),
        ] {
            assert!(with(access, secret).validate().is_err(), "{access:?}");
        }
    }
}
