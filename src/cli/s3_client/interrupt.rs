//! SIGINT and SIGTERM while something is under way that must not stay half done: the work is dropped, what called it
//! clears up, and the process ends with the code that a shell gives. Where nothing is to be cleared up, the signals
//! keep their own effect.

use std::future::Future;
use tokio::signal::unix::{Signal, SignalKind, signal};

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

/// Both signals, listened for from the moment that this is made: one that comes between two pieces of work ends the second.
#[derive(Debug)]
pub struct Interrupts {
    interrupts: Signal,
    terminates: Signal,
}

impl Interrupts {
    pub fn listen() -> anyhow::Result<Self> {
        Ok(Self { interrupts: signal(SignalKind::interrupt())?, terminates: signal(SignalKind::terminate())? })
    }

    /// The work's result, or `Interrupted` when a signal comes first: then the work was dropped where it was, or waits to be
    /// gone on with when a reference to it was passed.
    pub async fn unless<T>(&mut self, work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
        tokio::select! {
            result = work => result,
            _ = self.interrupts.recv() => Err(Interrupted::by(SignalKind::interrupt()).into()),
            _ = self.terminates.recv() => Err(Interrupted::by(SignalKind::terminate()).into()),
        }
    }
}
