//! Signals: SIGTERM and SIGINT end the process in order, SIGHUP has the TLS certificate read again.

use crate::runtime::Shutdown;
use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that this process listens to, from the moment that this is made.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    pub fn listen() -> anyhow::Result<Self> {
        let on = |kind: SignalKind| signal(kind).context("cannot listen to signals");
        Ok(Self {
            terminate: on(SignalKind::terminate())?,
            interrupt: on(SignalKind::interrupt())?,
            hang_up: on(SignalKind::hangup())?,
        })
    }

    /// Runs until the shutdown has begun: by a signal, which begins it, or by somebody else.
    pub async fn serve(mut self, shutdown: &Shutdown, mut reload: impl FnMut()) {
        loop {
            let name = tokio::select! {
                _ = self.terminate.recv() => "SIGTERM",
                _ = self.interrupt.recv() => "SIGINT",
                _ = self.hang_up.recv() => {
                    reload();
                    continue;
                }
                () = shutdown.cancelled() => return,
            };
            tracing::info!(signal = name, "stopping");
            shutdown.begin();
            return;
        }
    }
}
