//! Logs. Every line goes to standard error; with a directory also to one file a day for each component, which is the
//! layer that wrote the line (`s3`, `cluster`, `volume`, ...). What is logged in the scope of a request has the request's id
//! on it (`log_line`).

use super::log_line::{JsonLine, TextLine};
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};
use tracing::{Metadata, Subscriber};
use tracing_appender::rolling::{InitError, RollingFileAppender, Rotation};
use tracing_subscriber::{
    Layer, Registry,
    filter::{LevelFilter, Targets},
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// How a line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people: time, level, request, message, fields.
    #[default]
    Text,
    /// For machines: one JSON object a line.
    Json,
}

/// What the log should be.
#[derive(Clone, Debug)]
pub struct LogSettings {
    pub format: LogFormat,
    /// A level, or directives such as `info,larder::volume=debug`.
    pub level: String,
    /// Daily files go here as well.
    pub directory: Option<PathBuf>,
}

#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error("`{0}` is not a log level; write error, warn, info, debug or trace, or directives: info,larder::s3=debug")]
    Level(String),
    #[error("cannot make the directory for log files: {0}")]
    Directory(#[from] io::Error),
    #[error("cannot write log files: {0}")]
    Files(#[from] InitError),
    #[error("the log was started twice")]
    StartedTwice,
}

/// Components with a file of their own. Lines from elsewhere (outside crates, tests) go to `other`.
const COMPONENTS: [&str; 11] =
    ["admin", "app", "cluster", "identity", "metadata", "node", "objects", "runtime", "s3", "tasks", "volume"];
const OTHER: &str = "other";

/// Days that log files are kept: two weeks hold what happened before somebody noticed.
const LOG_FILES_KEPT: usize = 14;

/// Starts the log of this process. Called once, before anything that logs.
pub fn start_log(settings: &LogSettings) -> Result<(), TelemetryError> {
    let to_stderr = lines(settings.format, io::stderr);
    let to_files = match &settings.directory {
        Some(directory) => Some(lines(settings.format, ComponentFiles::open(directory)?)),
        None => None,
    };
    tracing_subscriber::registry()
        .with(to_stderr.and_then(to_files).with_filter(parse_level(&settings.level)?))
        .try_init()
        .map_err(|_| TelemetryError::StartedTwice)
}

/// Reads a level or directives; used to check settings before anything starts.
pub fn check_level(level: &str) -> Result<(), TelemetryError> {
    parse_level(level).map(drop)
}

/// By hand: to the crate a bare word that is no level is the name of a module, and silences everything else; nothing is a
/// level to it.
fn parse_level(level: &str) -> Result<Targets, TelemetryError> {
    let invalid = || TelemetryError::Level(level.to_owned());
    let known = |word: &str| -> Result<LevelFilter, TelemetryError> {
        Some(word.trim()).filter(|word| !word.is_empty()).and_then(|word| word.parse().ok()).ok_or_else(invalid)
    };
    level.split(',').try_fold(Targets::new(), |targets, directive| match directive.split_once('=') {
        Some((target, level)) => Ok(targets.with_target(target.trim(), known(level)?)),
        None => Ok(targets.with_default(known(directive)?)),
    })
}

fn lines<W>(format: LogFormat, writer: W) -> Box<dyn Layer<Registry> + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
    Registry: Subscriber,
{
    match format {
        LogFormat::Text => fmt::layer().with_ansi(false).event_format(TextLine).with_writer(writer).boxed(),
        LogFormat::Json => fmt::layer().json().event_format(JsonLine::default()).with_writer(writer).boxed(),
    }
}

/// One daily file for each component: `s3.2026-05-01.log`.
struct ComponentFiles {
    files: BTreeMap<&'static str, RollingFileAppender>,
    other: RollingFileAppender,
}

impl ComponentFiles {
    fn open(directory: &Path) -> Result<Self, TelemetryError> {
        // The appender looks for old files first, and complains on standard error when there is no directory.
        fs::create_dir_all(directory)?;
        let open = |component: &'static str| {
            RollingFileAppender::builder()
                .rotation(Rotation::DAILY)
                .filename_prefix(component)
                .filename_suffix("log")
                .max_log_files(LOG_FILES_KEPT)
                .build(directory)
        };
        let files = COMPONENTS.into_iter().map(|component| Ok((component, open(component)?)));
        Ok(Self { files: files.collect::<Result<_, InitError>>()?, other: open(OTHER)? })
    }

    fn file_of(&self, target: &str) -> &RollingFileAppender {
        component_of(target).and_then(|component| self.files.get(component)).unwrap_or(&self.other)
    }
}

/// The layer in a target such as `larder::s3::listener`.
fn component_of(target: &str) -> Option<&str> {
    let path = target.strip_prefix("larder::")?;
    path.split("::").next()
}

impl<'a> MakeWriter<'a> for ComponentFiles {
    type Writer = <RollingFileAppender as MakeWriter<'a>>::Writer;

    fn make_writer(&'a self) -> Self::Writer {
        self.other.make_writer()
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> Self::Writer {
        self.file_of(meta.target()).make_writer()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{runtime::RequestScope, types::RequestId};
    use tracing::Level;

    #[test]
    fn levels_and_directives_are_read_and_nonsense_is_refused() {
        for level in ["info", "debug", "warn,larder::volume=trace", "off", "info, larder::s3 = debug"] {
            check_level(level).unwrap_or_else(|error| panic!("{level}: {error}"));
        }
        for level in ["", " ", "loud", "info,", "info,loud", "larder", "larder=", "larder=loud", "larder=info=debug"] {
            assert!(check_level(level).is_err(), "{level}");
        }
    }

    #[test]
    fn a_directive_holds_for_its_module_and_what_is_in_it() {
        let filter = parse_level("warn, larder::volume=debug,larder::volume::scrub=off").unwrap();
        for (target, level, expected) in [
            ("larder::s3", Level::WARN, true),
            ("larder::s3", Level::INFO, false),
            ("larder::volume", Level::DEBUG, true),
            ("larder::volume::writer", Level::DEBUG, true),
            ("larder::volume::writer", Level::TRACE, false),
            ("larder::volume::scrub", Level::ERROR, false),
        ] {
            assert_eq!(filter.would_enable(target, &level), expected, "{target} {level}");
        }
    }

    #[test]
    fn a_line_belongs_to_the_layer_that_wrote_it() {
        assert_eq!(component_of("larder::s3::listener"), Some("s3"));
        assert_eq!(component_of("larder::volume"), Some("volume"));
        assert_eq!(component_of("hyper::proto"), None);
    }

    #[test]
    fn each_component_gets_its_own_daily_file() {
        let directory = tempfile::tempdir().unwrap();
        let writer = ComponentFiles::open(directory.path()).unwrap();
        let subscriber = tracing_subscriber::registry().with(lines(LogFormat::Json, writer));
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(target: "larder::volume::writer", bytes = 7, "appended");
        });
        let written = |component: &str| {
            let entries = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path());
            let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
            let mut files = entries.filter(|path| name(path).starts_with(&format!("{component}.")));
            std::fs::read_to_string(files.next().expect("the component has a file")).unwrap()
        };
        assert!(written("volume").contains("appended"));
        assert_eq!(written("s3"), "");
    }

    /// What one event becomes, in the scope of a request and outside.
    fn logged(format: LogFormat) -> [String; 2] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let writer = std::sync::Mutex::new(fs::File::create(&path).unwrap());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines(format, writer)), || {
            let log = || tracing::warn!(target: "larder::volume", bytes = 7, "it is \"{}\"", "full");
            RequestScope::new(RequestId::from_number(0xABC)).enter(log);
            log();
        });
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.try_into().unwrap()
    }

    #[test]
    fn a_line_for_people_names_the_request() {
        let [in_request, outside] = logged(LogFormat::Text);
        let behind_time = |line: &str| line.split_once(' ').unwrap().1.to_owned();
        let rest = "larder::volume: it is \"full\" bytes=7";
        assert_eq!(behind_time(&in_request), format!(" WARN request{{id=0000000000000ABC}}: {rest}"));
        assert_eq!(behind_time(&outside), format!(" WARN {rest}"));
    }

    #[test]
    fn a_line_for_machines_names_the_request() {
        let [in_request, outside] = logged(LogFormat::Json);
        let [mut in_request, outside] =
            [in_request, outside].map(|line| serde_json::from_str::<serde_json::Value>(&line).unwrap());
        for line in [&in_request, &outside] {
            assert_eq!((&line["level"], &line["message"]), (&"WARN".into(), &"it is \"full\"".into()));
            assert_eq!((&line["target"], &line["bytes"]), (&"larder::volume".into(), &7.into()));
        }
        let id = in_request.as_object_mut().unwrap().remove("request_id");
        assert_eq!(id, Some("0000000000000ABC".into()));
        assert_eq!(in_request.as_object().unwrap().len(), outside.as_object().unwrap().len());
    }
}
