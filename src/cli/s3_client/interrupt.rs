//! SIGINT and SIGTERM while something is under way that must not stay half done: the work is dropped, what called it
//! clears up, and the process ends with the code that a shell gives. Where nothing is to be cleared up, the signals
//! keep their own effect.

use std::future::Future;
use tokio::signal::unix::{SignalKind, signal};

/// A shell's code for a program that a signal ended is this and the signal's number.
const EXIT_CODE_BASE: i32 = 128;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted {
    signal_number: i32,
}

impl Interrupted {
    fn by(kind: SignalKind) -> Self {
        Self { signal_number: kind.as_raw_value() }
    }

    pub fn exit_code(self) -> u8 {
        u8::try_from(EXIT_CODE_BASE + self.signal_number).unwrap_or(u8::MAX)
    }
}

/// The work's result, or `Interrupted` when a signal comes first: then the work was dropped where it was.
pub async fn unless_interrupted<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let (interrupt, terminate) = (SignalKind::interrupt(), SignalKind::terminate());
    let (mut interrupts, mut terminates) = (signal(interrupt)?, signal(terminate)?);
    tokio::select! {
        result = work => result,
        _ = interrupts.recv() => Err(Interrupted::by(interrupt).into()),
        _ = terminates.recv() => Err(Interrupted::by(terminate).into()),
    }
}
