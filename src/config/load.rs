//! Sources of values, their precedence, and where each value came from.

use super::{
    ConfigError, Settings,
    nearest::nearest,
    settings::{Section, all_keys, find_key, is_secret},
};
use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};
use toml::{
    Table, Value,
    de::{DeTable, DeValue},
};

/// What a variable's name begins with.
const VARIABLE_PREFIX: &str = "LARDER_";

/// The one flag that is no key: the file itself.
const CONFIG_VARIABLE: &str = "LARDER_CONFIG";

/// Longest configuration file: a file with every setting and its documentation has 20 KiB.
const FILE_LENGTH_MAX: u64 = 1 << 20;

/// Where values may come from, from the strongest to the weakest.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Key and text; a key may stand several times when it takes a list.
    pub flags: Vec<(&'static str, String)>,
    /// The environment. Names that don't begin with `LARDER_` are passed over.
    pub variables: Vec<(String, String)>,
    /// From `--config`.
    pub file: Option<PathBuf>,
}

impl Sources {
    /// The environment of this process, and nothing else.
    pub fn environment() -> Self {
        let readable = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self { variables: std::env::vars_os().filter_map(readable).collect(), ..Self::default() }
    }
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Default,
    File { path: PathBuf, line: usize },
    Variable(String),
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) => f.write_str(name),
            Self::Flag(key) => write!(f, "--{}", key.replace('_', "-")),
        }
    }
}

/// A key, its effective value (absent: not set), and where that came from.
#[derive(Clone, PartialEq)]
pub struct Setting {
    pub key: &'static str,
    pub value: Option<Value>,
    pub origin: Origin,
}

impl Setting {
    /// For people: as it would stand in a file, secrets hidden.
    pub fn shown(&self) -> String {
        match &self.value {
            None => "(not set)".into(),
            Some(_) if is_secret(self.key) => "(redacted)".into(),
            Some(value) => value.to_string(),
        }
    }
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {} ({})", self.key, self.shown(), self.origin)
    }
}

/// The outcome of reading all sources.
#[derive(Clone, Debug)]
pub struct Configuration {
    settings: BTreeMap<&'static str, Setting>,
    /// Variables that look like settings and are none: told, not refused, because an environment is shared.
    pub warnings: Vec<String>,
}

impl Configuration {
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        let mut loaded = Self { settings: defaults(), warnings: Vec::new() };
        let variable = |name: &str| sources.variables.iter().find(|(found, _)| found == name).map(|(_, value)| value);
        let file = sources.file.clone().or_else(|| variable(CONFIG_VARIABLE).map(PathBuf::from));
        if let Some(file) = file {
            loaded.read_file(&file)?;
        }
        loaded.read_variables(&sources.variables)?;
        loaded.read_flags(&sources.flags)?;
        Ok(loaded)
    }

    /// All layers' settings, typed and checked in their combination.
    pub fn settings(&self) -> Result<Settings, ConfigError> {
        let mut values = Table::new();
        for setting in self.settings.values() {
            if let Some(value) = &setting.value {
                values.insert(setting.key.to_owned(), value.clone());
            }
        }
        let settings = Settings::from_table(&values).map_err(ConfigError::Contradiction)?;
        self.check_heartbeats(&settings)?;
        Ok(settings)
    }

    /// The default fits every `suspect_after`, since the gateway asks each node itself several times within that; but who chose
    /// to have fewer heartbeats than that believes that they are what keeps a node from being suspect.
    fn check_heartbeats(&self, settings: &Settings) -> Result<(), ConfigError> {
        let (interval, silence) = (settings.node.heartbeat_interval, settings.cluster.suspect_after);
        if interval < silence || !self.is_set("heartbeat_interval") {
            return Ok(());
        }
        Err(ConfigError::Contradiction(format!(
            "heartbeat_interval ({interval}) must be shorter than suspect_after ({silence}): a node would be suspect between \
             two heartbeats"
        )))
    }

    /// Every setting in the order of the example file.
    pub fn all(&self) -> impl Iterator<Item = &Setting> {
        all_keys().filter_map(|key| self.settings.get(key))
    }

    /// Whether somebody set the key, in whatever way.
    pub fn is_set(&self, key: &str) -> bool {
        self.settings.get(key).is_some_and(|setting| setting.origin != Origin::Default)
    }

    fn read_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let text = read_bounded(path)?;
        let line_of = |offset: usize| text[..offset.min(text.len())].matches('\n').count() + 1;
        let table = DeTable::parse(&text).map_err(|error| ConfigError::Syntax {
            path: path.to_owned(),
            line: line_of(error.span().map_or(0, |span| span.start)),
            message: error.message().to_owned(),
        })?;
        for (name, value) in table.into_inner() {
            let line = line_of(name.span().start);
            let Some((section, key)) = find_key(name.get_ref()) else {
                let nearest = nearest(name.get_ref(), all_keys());
                let key = name.get_ref().to_string();
                return Err(ConfigError::UnknownKey { path: path.to_owned(), line, key, nearest });
            };
            let origin = Origin::File { path: path.to_owned(), line };
            let value = plain_value(value.into_inner());
            self.take(section, key, vec![value], origin)?;
        }
        Ok(())
    }

    fn read_variables(&mut self, variables: &[(String, String)]) -> Result<(), ConfigError> {
        for (name, text) in variables {
            let Some(suffix) = name.strip_prefix(VARIABLE_PREFIX).filter(|_| name != CONFIG_VARIABLE) else {
                continue;
            };
            let Some((section, key)) = find_key(&suffix.to_ascii_lowercase()) else {
                self.warnings.push(unknown_variable(name, suffix));
                continue;
            };
            // An empty variable is how a compose file or a unit file says "not set".
            if !text.is_empty() {
                let parts: Vec<&str> = text.split(',').map(str::trim).collect();
                self.take(section, key, readings(text, &parts), Origin::Variable(name.clone()))?;
            }
        }
        Ok(())
    }

    fn read_flags(&mut self, flags: &[(&'static str, String)]) -> Result<(), ConfigError> {
        let mut by_key: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (key, text) in flags {
            by_key.entry(key).or_default().push(text);
        }
        for (name, texts) in by_key {
            let (section, key) = find_key(name).expect("flags are made from the keys");
            // The last one counts where a single value is wanted; a list takes them all.
            let last = texts.last().copied().unwrap_or_default();
            self.take(section, key, readings(last, &texts), Origin::Flag(key))?;
        }
        Ok(())
    }

    /// Takes the first reading that has the type of the key. When none has, the first one's refusal is told.
    fn take(
        &mut self,
        section: &Section,
        key: &'static str,
        readings: Vec<Value>,
        origin: Origin,
    ) -> Result<(), ConfigError> {
        let mut refusal = None;
        for value in readings {
            match (section.check_types)(Table::from_iter([(key.to_owned(), value.clone())])) {
                Ok(()) => {
                    self.settings.insert(key, Setting { key, value: Some(value), origin });
                    return Ok(());
                }
                Err(message) => refusal = refusal.or(Some(message)),
            }
        }
        let message = refusal.unwrap_or_default().trim().to_owned();
        Err(ConfigError::Value { place: origin.to_string(), key, message })
    }
}

/// Reads a file as `--config` would, with nothing else, and says what is wrong with it.
pub fn check_file(path: &Path) -> Result<(), ConfigError> {
    let sources = Sources { file: Some(path.to_owned()), ..Sources::default() };
    Configuration::load(&sources)?.settings().map(drop)
}

fn defaults() -> BTreeMap<&'static str, Setting> {
    all_keys()
        .filter_map(find_key)
        .map(|(section, key)| {
            let value = section.defaults.get(key).cloned();
            (key, Setting { key, value, origin: Origin::Default })
        })
        .collect()
}

/// What a text from outside a file may mean: itself, a whole number, a truth value, a list.
fn readings(text: &str, parts: &[&str]) -> Vec<Value> {
    let mut readings = vec![Value::String(text.to_owned())];
    readings.extend(text.trim().parse().map(Value::Integer));
    readings.extend(text.trim().parse().map(Value::Boolean));
    readings.push(Value::Array(parts.iter().map(|part| Value::String((*part).to_owned())).collect()));
    readings
}

fn unknown_variable(name: &str, suffix: &str) -> String {
    match nearest(&suffix.to_ascii_lowercase(), all_keys()) {
        Some(key) => {
            format!(
                "{name} is no setting and has no effect; did you mean {VARIABLE_PREFIX}{}?",
                key.to_ascii_uppercase()
            )
        }
        None => format!("{name} is no setting and has no effect"),
    }
}

fn read_bounded(path: &Path) -> Result<String, ConfigError> {
    let unreadable = |error| ConfigError::Unreadable { path: path.to_owned(), error };
    let length = std::fs::metadata(path).map_err(unreadable)?.len();
    if length > FILE_LENGTH_MAX {
        return Err(unreadable(std::io::Error::other(format!("longer than {FILE_LENGTH_MAX} bytes"))));
    }
    std::fs::read_to_string(path).map_err(unreadable)
}

/// A parsed value without its positions.
fn plain_value(value: DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::String(text.into_owned()),
        DeValue::Boolean(truth) => Value::Boolean(truth),
        DeValue::Datetime(time) => Value::Datetime(time),
        DeValue::Integer(number) => {
            // What doesn't fit is kept as text, which no number's type accepts.
            let parsed = i64::from_str_radix(number.as_str(), number.radix());
            parsed.map_or_else(|_| Value::String(number.to_string()), Value::Integer)
        }
        DeValue::Float(number) => {
            number.as_str().parse().map_or_else(|_| Value::String(number.to_string()), Value::Float)
        }
        DeValue::Array(values) => {
            Value::Array(values.into_iter().map(|value| plain_value(value.into_inner())).collect())
        }
        DeValue::Table(table) => Value::Table(
            table
                .into_iter()
                .map(|(key, value)| (key.get_ref().to_string(), plain_value(value.into_inner())))
                .collect(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::ByteSize;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_flag_beats_a_variable_beats_the_file_beats_the_default() {
        let file = file("nodes = 4\naddress = \"0.0.0.0:1\"\nadmin_address = \"0.0.0.0:2\"\n");
        let sources = Sources {
            flags: vec![("nodes", "6".into())],
            variables: variables(&[("LARDER_NODES", "5"), ("LARDER_ADDRESS", "0.0.0.0:3"), ("HOME", "/")]),
            file: Some(file.path().to_owned()),
        };
        let loaded = Configuration::load(&sources).unwrap();
        let settings = loaded.settings().unwrap().process;
        assert_eq!(settings.nodes, 6);
        assert_eq!(settings.address, "0.0.0.0:3");
        assert_eq!(settings.admin_address, "0.0.0.0:2");
        assert_eq!(settings.log_level, "info");
        let origin = |key: &str| loaded.all().find(|setting| setting.key == key).unwrap().origin.to_string();
        assert_eq!(origin("nodes"), "--nodes");
        assert_eq!(origin("address"), "LARDER_ADDRESS");
        assert_eq!(origin("admin_address"), format!("{}:3", file.path().display()));
        assert_eq!(origin("log_level"), "default");
    }

    #[test]
    fn the_file_may_be_named_by_a_variable() {
        let file = file("nodes = 4\n");
        let path = file.path().to_str().unwrap();
        let sources = Sources { variables: variables(&[("LARDER_CONFIG", path)]), ..Sources::default() };
        assert_eq!(Configuration::load(&sources).unwrap().settings().unwrap().process.nodes, 4);
    }

    #[test]
    fn an_unknown_key_names_file_line_and_nearest_key() {
        let file = file("# comment\n\nadress = \"0.0.0.0:1\"\n");
        let error = check_file(file.path()).unwrap_err().to_string();
        assert_eq!(error, format!("{}:3: unknown key `adress`; did you mean `address`?", file.path().display()));
    }

    #[test]
    fn what_is_wrong_in_a_file_is_told_with_its_line() {
        for (text, expected) in [
            ("nodes = 4\nnodes = 5\n", ":2: "),
            ("\nnodes = \"many\"\n", ":2: nodes: "),
            ("nodes = \n", ":1: "),
            ("nodes = 0\n", "nodes: must be 1"),
            ("capacity = 5\n", ":1: capacity: "),
            ("capacity = \"5 parsecs\"\n", "is not a size"),
            ("[process]\nnodes = 3\n", ":1: unknown key `process`"),
        ] {
            let file = file(text);
            let error = check_file(file.path()).unwrap_err().to_string();
            assert!(error.contains(expected), "{text:?} gave {error}");
        }
    }

    #[test]
    fn values_that_contradict_each_other_are_told_with_both_keys() {
        for (text, keys) in [
            ("heartbeat_interval = \"20s\"\n", ["heartbeat_interval (20s)", "suspect_after (15s)"]),
            ("heartbeat_interval = \"5s\"\nsuspect_after = \"5s\"\n", ["heartbeat_interval", "suspect_after"]),
            ("suspect_after = \"10s\"\nreplace_after = \"10s\"\n", ["replace_after", "suspect_after"]),
            ("capacity = \"128MiB\"\n", ["capacity", "disk_reserve"]),
            ("segment_size_max = \"1MiB\"\n", ["segment_size_max", "segment_size_min"]),
            ("metadata_log_limit = \"1MiB\"\n", ["metadata_log_limit", "metadata_checkpoint_at"]),
            ("tls_cert = \"cert.pem\"\n", ["tls_cert", "tls_key"]),
        ] {
            let file = file(text);
            let error = check_file(file.path()).unwrap_err().to_string();
            assert!(keys.iter().all(|key| error.contains(key)), "{text:?} gave {error}");
        }
        // Probes keep these alive.
        let file = file("suspect_after = \"3s\"\n");
        check_file(file.path()).unwrap();
    }

    #[test]
    fn text_takes_the_type_of_its_key() {
        let sources = Sources {
            variables: variables(&[("LARDER_CAPACITY", "5GiB"), ("LARDER_ZONE", "7"), ("LARDER_NODES", "")]),
            ..Sources::default()
        };
        let settings = Configuration::load(&sources).unwrap().settings().unwrap();
        assert_eq!(settings.volume.capacity, Some(ByteSize::gib(5)));
        assert_eq!(settings.process.zone.as_deref(), Some("7"), "a number is a fine name for a zone");
        assert_eq!(settings.process.nodes, 3, "an empty variable is not set");
        let wrong = Sources { variables: variables(&[("LARDER_CAPACITY", "big")]), ..Sources::default() };
        let error = Configuration::load(&wrong).unwrap_err().to_string();
        assert!(error.starts_with("LARDER_CAPACITY: capacity: `big` is not a size"), "{error}");
    }

    #[test]
    fn a_variable_that_is_no_setting_is_told() {
        let sources = Sources { variables: variables(&[("LARDER_ADRESS", "x")]), ..Sources::default() };
        let loaded = Configuration::load(&sources).unwrap();
        assert_eq!(loaded.warnings, ["LARDER_ADRESS is no setting and has no effect; did you mean LARDER_ADDRESS?"]);
    }

    #[test]
    fn secrets_are_not_shown() {
        let secret = "0123456789abcdef0123";
        let sources = Sources {
            variables: variables(&[("LARDER_ACCESS_KEY", "AKIAEXAMPLE"), ("LARDER_SECRET_KEY", secret)]),
            ..Sources::default()
        };
        let loaded = Configuration::load(&sources).unwrap();
        assert!(loaded.all().all(|setting| !setting.shown().contains(secret)));
        assert!(!format!("{:?}", loaded.settings().unwrap()).contains(secret));
    }
}
