//! The keys as flags: `heartbeat_interval` is `--heartbeat-interval`. Which flags a verb has follows from the part of
//! Larder that it runs, so a flag that would have no effect is a usage error. (A file and the environment may be shared
//! between processes: there, keys of other processes are checked and otherwise passed over.)

use super::{
    Sources,
    reference::documentation,
    settings::{Part, SECTIONS, Section, all_keys, is_basic},
};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, builder::ValueParser};
use std::{collections::HashMap, fmt, marker::PhantomData, path::PathBuf, sync::LazyLock};
use toml::Value;

/// A verb's flags, for the parts of Larder that `P` runs.
pub struct Flags<P> {
    sources: Sources,
    parts: PhantomData<P>,
}

/// What a verb runs.
pub trait Process {
    const PARTS: &'static [Part];
    /// Whether the flags belong to a verb with sub-verbs: then they may stand before or behind those.
    const HAS_SUBVERBS: bool = false;
}

/// Gateway and nodes in one process.
#[derive(Debug)]
pub struct ServerProcess;

impl Process for ServerProcess {
    const PARTS: &'static [Part] = &[Part::Gateway, Part::Storage, Part::Embedded];
}

/// A gateway alone.
#[derive(Debug)]
pub struct GatewayProcess;

impl Process for GatewayProcess {
    const PARTS: &'static [Part] = &[Part::Gateway];
}

/// A node alone.
#[derive(Debug)]
pub struct NodeProcess;

impl Process for NodeProcess {
    const PARTS: &'static [Part] = &[Part::Storage, Part::Remote];
}

/// `larder admin`: finds the gateway and the credentials.
#[derive(Debug)]
pub struct AdminProcess;

impl Process for AdminProcess {
    const PARTS: &'static [Part] = &[Part::Operator];
    const HAS_SUBVERBS: bool = true;
}

/// `larder config show`: whatever can be set.
#[derive(Debug)]
pub struct AnyProcess;

impl Process for AnyProcess {
    const PARTS: &'static [Part] = &[Part::Gateway, Part::Storage, Part::Embedded, Part::Remote, Part::Operator];
}

impl<P> Flags<P> {
    /// The flags together with this process's environment.
    pub fn into_sources(self) -> Sources {
        self.sources
    }
}

impl<P> fmt::Debug for Flags<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flags").field("flags", &self.sources.flags).field("file", &self.sources.file).finish()
    }
}

impl<P: Process> FromArgMatches for Flags<P> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut sources = Sources { file: matches.get_one::<PathBuf>("config").cloned(), ..Sources::environment() };
        for (_, key) in keys_of::<P>() {
            let texts = matches.get_many::<String>(key).into_iter().flatten();
            sources.flags.extend(texts.map(|text| (key, text.clone())));
        }
        Ok(Self { sources, parts: PhantomData })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl<P: Process> Args for Flags<P> {
    fn augment_args(command: Command) -> Command {
        let config = Arg::new("config")
            .long("config")
            .value_name("FILE")
            .value_parser(ValueParser::path_buf())
            .help("TOML file with settings; see config/example.toml");
        let flags = std::iter::once(config).chain(keys_of::<P>().map(|(section, key)| flag(section, key)));
        command.args(flags.map(|flag| flag.global(P::HAS_SUBVERBS)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn keys_of<P: Process>() -> impl Iterator<Item = (&'static Section, &'static str)> {
    let keys = SECTIONS.iter().flat_map(|section| section.keys.iter().map(move |key| (section, *key)));
    keys.filter(|(section, key)| (section.parts_of)(key).iter().any(|part| P::PARTS.contains(part)))
}

fn flag(section: &'static Section, key: &'static str) -> Arg {
    let default = section.defaults.get(key);
    let documentation = documentation(key);
    let sentence = documentation.split_inclusive(". ").next().unwrap_or(documentation).trim().trim_end_matches('.');
    let arg = Arg::new(key)
        .long(flag_name(key))
        .value_name(value_name(default))
        .help(match default {
            Some(value) => format!("{sentence} [default: {}]", value.to_string().trim_matches('"')),
            None => sentence.to_owned(),
        })
        .long_help(documentation.to_owned())
        .hide_short_help(!is_basic(section, key));
    match default {
        Some(Value::Array(_)) => arg.action(ArgAction::Append),
        Some(Value::Boolean(_)) => arg.num_args(0..=1).default_missing_value("true").require_equals(true),
        _ => arg.action(ArgAction::Set),
    }
}

/// `chunk_size` → `chunk-size`, kept for the life of the process as clap wants it.
fn flag_name(key: &'static str) -> &'static str {
    static NAMES: LazyLock<HashMap<&str, String>> =
        LazyLock::new(|| all_keys().map(|key| (key, key.replace('_', "-"))).collect());
    NAMES.get(key).map_or(key, String::as_str)
}

fn value_name(default: Option<&Value>) -> &'static str {
    match default {
        Some(Value::Integer(_)) => "NUMBER",
        Some(Value::Boolean(_)) => "BOOL",
        _ => "VALUE",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse<P: Process>(arguments: &[&str]) -> Result<Sources, clap::Error> {
        let command = Flags::<P>::augment_args(Command::new("verb").no_binary_name(true));
        let matches = command.try_get_matches_from(arguments)?;
        Ok(Flags::<P>::from_arg_matches(&matches)?.into_sources())
    }

    #[test]
    fn a_key_is_a_flag_with_dashes() {
        let sources = parse::<ServerProcess>(&["--admin-address", "127.0.0.1:1", "--config", "f.toml"]).unwrap();
        assert_eq!(sources.flags, [("admin_address", "127.0.0.1:1".to_owned())]);
        assert_eq!(sources.file, Some("f.toml".into()));
    }

    #[test]
    fn a_flag_of_another_process_is_refused() {
        parse::<ServerProcess>(&["--nodes", "3"]).unwrap();
        parse::<NodeProcess>(&["--gateway", "http://127.0.0.1:9001"]).unwrap();
        assert!(parse::<NodeProcess>(&["--nodes", "3"]).is_err());
        assert!(parse::<GatewayProcess>(&["--gateway", "http://127.0.0.1:9001"]).is_err());
    }

    #[test]
    fn secrets_are_no_flags() {
        for flag in ["--secret-key", "--cluster-secret", "--access-key"] {
            assert!(parse::<AnyProcess>(&[flag, "0123456789abcdef"]).is_err(), "{flag}");
        }
    }
}
