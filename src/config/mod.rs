//! Composes the settings of all layers into one flat set of keys. A layer's `settings.rs` is the only definition of its
//! settings: the keys are the fields of its struct, the defaults are its `Default`, the documentation is its doc
//! comments (which `config/example.toml` repeats; a test holds it to that).
//!
//! Each value comes from the strongest source that gives it: a flag, else the variable `LARDER_` + the key in capitals,
//! else the file given by `--config` (or `LARDER_CONFIG`), else the default. A key that nobody knows is an error.
//!
//! - `introspection`: the field names of a settings struct
//! - `settings`: the list of layers, and what they make together
//! - `process`: the settings that belong to the process as a whole
//! - `load`: sources, precedence, where each value came from
//! - `flags`: the same keys as flags of the command line
//! - `reference`: the documentation of each key

mod error;
mod flags;
mod introspection;
mod load;
mod nearest;
mod process;
mod reference;
mod secret;
mod settings;

pub use error::ConfigError;
pub use flags::{AdminProcess, AnyProcess, Flags, GatewayProcess, NodeProcess, Process, ServerProcess};
pub use load::{Configuration, Origin, Setting, Sources, check_file};
pub use nearest::nearest;
pub use process::ProcessSettings;
pub use secret::Secret;
pub use settings::Settings;
