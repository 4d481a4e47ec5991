//! Shims between a process and the system, in C, made by the compiler that Larder's own build needs.

use crate::support::command::text;
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// Compiles a source of this folder to a library that a process can be started with; the error says what this machine lacks.
pub fn make(source: &str, to: &Path) -> Result<PathBuf, String> {
    let source = format!("{}/tests/faults/{source}", env!("CARGO_MANIFEST_DIR"));
    let arguments = ["-shared", "-fPIC", "-O1", "-o", text(to), &source, "-ldl"];
    let output = Command::new("cc").args(arguments).output().map_err(|error| format!("cc: {error}"))?;
    match output.status.success() {
        true => Ok(to.to_owned()),
        false => Err(format!("cc: {}", String::from_utf8_lossy(&output.stderr))),
    }
}

/// Has the process to be started load these.
pub fn preload<'a>(shims: impl IntoIterator<Item = &'a Path>, command: &mut Command) {
    let shims: Vec<&str> = shims.into_iter().map(text).collect();
    if !shims.is_empty() {
        command.env("LD_PRELOAD", shims.join(":"));
    }
}
