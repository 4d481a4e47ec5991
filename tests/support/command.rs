//! One run of the binary to its end.

use std::{
    path::Path,
    process::{Command, Output},
};

/// The binary under test, in an environment without settings.
pub fn larder() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("LARDER_")) {
            command.env_remove(name);
        }
    }
    command
}

/// What came of a run.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().expect("the binary was not killed"),
            stdout: String::from_utf8(output.stdout).expect("standard output is text"),
            stderr: String::from_utf8(output.stderr).expect("standard error is text"),
        }
    }
}

/// Runs the binary with these arguments.
pub fn run(arguments: &[&str]) -> Ran {
    larder().args(arguments).output().expect("the binary runs").into()
}

/// A path as text.
pub fn text(path: &Path) -> &str {
    path.to_str().expect("test paths are text")
}
