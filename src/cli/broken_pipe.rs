//! `larder ls s3://bucket | head`: when the reader has gone, the writer ends quietly, as other programs do.
//!
//! Rust ignores SIGPIPE, so printing to a closed pipe panics. This turns that one panic into the exit code that a shell
//! gives for SIGPIPE.

use std::{panic, process};

/// 128 + 13, the number of SIGPIPE.
const EXIT_CODE: i32 = 141;

/// Installed before any verb runs.
pub fn end_quietly() {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let message = info.payload_as_str().unwrap_or_default();
        if message.starts_with("failed printing to stdout") && message.contains("Broken pipe") {
            process::exit(EXIT_CODE);
        }
        report(info);
    }));
}
