//! What clients were told when the server could not do what they asked: to come again, and why. A 500 says neither.

use std::sync::{Mutex, PoisonError};

#[derive(Debug, Default)]
pub struct Refusals {
    unclear: Mutex<Vec<String>>,
}

impl Refusals {
    /// An answer with a status from 500 on.
    pub fn note(&self, status: u16, code: &str, message: &str) {
        let is_clear = match status {
            503 => matches!(code, "SlowDown" | "ServiceUnavailable") && !message.is_empty(),
            507 => true,
            _ => false,
        };
        if !is_clear {
            let mut unclear = self.unclear.lock().unwrap_or_else(PoisonError::into_inner);
            unclear.push(format!("{status} {code}: {message}"));
        }
    }

    /// Those that did not help, since the last call.
    pub fn take_unclear(&self) -> Vec<String> {
        std::mem::take(&mut self.unclear.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
