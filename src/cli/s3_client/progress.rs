//! How far a transfer is: a bar on a terminal, plain lines otherwise. Standard error only, so that bytes may go to
//! standard output.

use crate::types::ByteSize;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{
    io::{IsTerminal, stderr},
    sync::Mutex,
    time::{Duration, Instant},
};

/// Rare enough for a log file, often enough to see that a long transfer lives.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// Shared by the tasks of one transfer.
pub struct Progress {
    bar: ProgressBar,
    what: String,
    began: Instant,
    /// When the last plain line was written; `None` where a bar is drawn instead.
    last_line: Option<Mutex<Instant>>,
}

impl Progress {
    /// `total` is not known of a pipe.
    pub fn begin(what: String, total: Option<u64>) -> Self {
        let began = Instant::now();
        let on_terminal = stderr().is_terminal();
        let target = if on_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(total, target).with_style(style(total)).with_message(what.clone());
        Self { bar, what, began, last_line: (!on_terminal).then(|| Mutex::new(began)) }
    }

    pub fn add(&self, bytes: u64) {
        self.bar.inc(bytes);
        let Some(last_line) = &self.last_line else { return };
        let mut last_line = last_line.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if last_line.elapsed() >= LINE_INTERVAL {
            *last_line = Instant::now();
            eprintln!("{}: {}", self.what, self.state());
        }
    }

    /// Takes the bar away and says what was moved and how fast.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
        let seconds = self.began.elapsed().as_secs_f64();
        let rate = ByteSize((self.bar.position() as f64 / seconds.max(0.001)) as u64);
        let moved = ByteSize(self.bar.position()).to_human();
        eprintln!("{}: {moved} in {seconds:.1} s ({}/s)", self.what, rate.to_human());
    }

    fn state(&self) -> String {
        let moved = ByteSize(self.bar.position()).to_human();
        match self.bar.length() {
            Some(total) => format!("{moved} of {}", ByteSize(total).to_human()),
            None => moved,
        }
    }
}

fn style(total: Option<u64>) -> ProgressStyle {
    let template = match total {
        Some(_) => "{msg} [{wide_bar}] {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}",
        None => "{msg} {spinner} {binary_bytes} {binary_bytes_per_sec}",
    };
    ProgressStyle::with_template(template).expect("the templates above are well formed").progress_chars("=> ")
}
