//! The list of layers that have settings, and what they make together. A layer is added by one line in `sections!`.

use super::{introspection::field_names, process::ProcessSettings};
use crate::{
    cluster::ClusterSettings,
    metadata::MetadataSettings,
    node::NodeSettings,
    objects::ObjectsSettings,
    s3::S3Settings,
    types::ByteSize,
    volume::{CHUNK_LENGTH_MAX, VolumeSettings},
};
use serde::Serialize;
use std::sync::LazyLock;
use toml::{Table, Value};

/// What of Larder a setting is for: it decides which verbs have it as a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The S3 side with its metadata.
    Gateway,
    /// A storage node, wherever it runs.
    Storage,
    /// Only nodes inside a server.
    Embedded,
    /// Only nodes that are processes.
    Remote,
    /// `larder admin`.
    Operator,
}

/// One layer's settings struct, seen as keys and values.
pub struct Section {
    /// Its heading in `config/example.toml`, which a test writes.
    #[cfg(test)]
    pub title: &'static str,
    /// The file that defines it: that test reads the documentation there.
    #[cfg(test)]
    pub source: &'static str,
    pub keys: &'static [&'static str],
    /// Keys that have no default are absent.
    pub defaults: Table,
    /// What a key of this section is for; empty: it is no flag.
    pub parts_of: fn(&str) -> &'static [Part],
    /// Whether these values (the rest at their defaults) are of the right types.
    pub check_types: fn(Table) -> Result<(), String>,
}

macro_rules! sections {
    ($($field:ident: $type:ty, $source:literal, $title:literal, $parts:expr;)+) => {
        /// Everything that can be set, typed and valid.
        #[derive(Clone, Debug, PartialEq)]
        pub struct Settings {
            $(pub $field: $type,)+
        }

        /// In the order of the example file.
        pub static SECTIONS: LazyLock<Vec<Section>> = LazyLock::new(|| vec![$(
            Section {
                #[cfg(test)]
                title: $title,
                #[cfg(test)]
                source: $source,
                keys: field_names::<$type>(),
                defaults: defaults_of(&<$type>::default()),
                parts_of: $parts,
                check_types: |table| table.try_into::<$type>().map(drop).map_err(|error| error.message().to_owned()),
            },
        )+]);

        impl Settings {
            /// Takes each layer's keys out of the flat table. Values were checked one by one when they were read, so what
            /// is refused here is a combination.
            pub fn from_table(values: &Table) -> Result<Self, String> {
                $(
                    let table = subset(values, field_names::<$type>());
                    let $field: $type = table.try_into().map_err(|error: toml::de::Error| error.message().to_owned())?;
                    $field.validate()?;
                )+
                let settings = Self { $($field,)+ };
                settings.check_together()?;
                Ok(settings)
            }
        }
    };
}

sections! {
    process: ProcessSettings, "src/config/process.rs", "Process: data, addresses, credentials, logs", parts_of_process;
    metadata: MetadataSettings, "src/metadata/settings.rs", "Metadata: the gateway's database", |_| &[Part::Gateway];
    volume: VolumeSettings, "src/volume/settings.rs", "Volume: one data directory of a node", |_| &[Part::Storage];
    node: NodeSettings, "src/node/settings.rs", "Nodes: connections, deadlines, bounds", |_| &[Part::Gateway, Part::Storage];
    cluster: ClusterSettings, "src/cluster/settings.rs", "Cluster: copies, placement, liveness, memory", |_| &[Part::Gateway];
    s3: S3Settings, "src/s3/settings.rs", "S3: names, TLS, connections, slow clients", |_| &[Part::Gateway];
    objects: ObjectsSettings, "src/objects/settings.rs", "Objects: hashing", |_| &[Part::Gateway];
}

/// Settings of a layer that a verb's short help shows beside those of the process; the rest is in its long help.
const BASIC_LAYER_KEYS: [&str; 7] = ["capacity", "domain", "region", "replicas", "tls_cert", "tls_key", "write_acks"];

pub fn is_basic(section: &Section, key: &str) -> bool {
    section.keys.contains(&"data") || BASIC_LAYER_KEYS.contains(&key)
}

/// The keys of the process are the only ones that differ among themselves.
fn parts_of_process(key: &str) -> &'static [Part] {
    use Part::{Embedded, Gateway, Operator, Remote, Storage};
    match key {
        "data" => &[Gateway, Storage, Operator],
        "admin_address" => &[Gateway, Operator],
        "address" | "log_format" | "log_level" | "log_dir" => &[Gateway, Storage],
        "restore" | "recover" | "recover_from" | "recover_incomplete" | "take_over" | "website_address" => &[Gateway],
        "nodes" => &[Embedded],
        "gateway" | "advertise" | "zone" | "volumes" => &[Remote],
        // Credentials and secrets: other users of a machine see the flags of a process.
        _ => &[],
    }
}

impl Settings {
    /// What no layer can check alone.
    fn check_together(&self) -> Result<(), String> {
        let chunk_size_max = u64::from(CHUNK_LENGTH_MAX);
        if self.cluster.chunk_size.bytes() > chunk_size_max {
            return Err(format!("chunk_size: a volume takes chunks of at most {}", ByteSize(chunk_size_max)));
        }
        Ok(())
    }
}

/// Keys whose values `larder config show` does not print.
const SECRET_KEYS: [&str; 2] = ["secret_key", "cluster_secret"];

pub fn is_secret(key: &str) -> bool {
    SECRET_KEYS.contains(&key)
}

/// Every key of every layer.
pub fn all_keys() -> impl Iterator<Item = &'static str> {
    SECTIONS.iter().flat_map(|section| section.keys.iter().copied())
}

/// The section that a key belongs to, with the key as the static text of its struct.
pub fn find_key(name: &str) -> Option<(&'static Section, &'static str)> {
    SECTIONS.iter().find_map(|section| section.keys.iter().find(|key| **key == name).map(|key| (section, *key)))
}

fn defaults_of<T: Serialize>(settings: &T) -> Table {
    Table::try_from(settings).expect("a settings struct holds only what TOML can write")
}

fn subset(values: &Table, keys: &[&str]) -> Table {
    let pairs = keys.iter().filter_map(|key| values.get(*key).map(|value| ((*key).to_owned(), value.clone())));
    pairs.collect::<toml::map::Map<String, Value>>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_layers_have_a_key_in_common() {
        let mut seen = BTreeSet::new();
        for key in all_keys() {
            assert!(seen.insert(key), "{key} is defined twice");
        }
        assert!(seen.contains("admin_address"), "keys were found");
    }

    #[test]
    fn the_defaults_of_all_layers_are_valid_together() {
        Settings::from_table(&Table::new()).unwrap();
    }

    #[test]
    fn what_only_two_layers_together_can_refuse_is_refused() {
        let too_large: Table = "chunk_size = \"64MiB\"\nmemory_budget = \"1GiB\"".parse().unwrap();
        assert!(Settings::from_table(&too_large).unwrap_err().contains("chunk_size"));
    }

    #[test]
    fn secret_keys_exist() {
        for key in SECRET_KEYS {
            assert!(find_key(key).is_some(), "{key}");
        }
    }
}
