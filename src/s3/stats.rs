//! Counters of the wire, plain numbers that only grow but for the open connections.

use super::operation::Operation;
use http::StatusCode;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What happened since the start of the process.
#[derive(Debug)]
pub struct S3Stats {
    /// By position in `Operation::ALL`.
    requests: Vec<AtomicU64>,
    unrouted: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    panics: AtomicU64,
    connections: AtomicU64,
    connections_ended: AtomicU64,
}

impl S3Stats {
    pub(super) fn new() -> Self {
        Self {
            requests: Operation::ALL.iter().map(|_| AtomicU64::new(0)).collect(),
            unrouted: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            panics: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            connections_ended: AtomicU64::new(0),
        }
    }

    /// Requests by operation, those that had any.
    pub fn requests(&self) -> Vec<(Operation, u64)> {
        let counts =
            Operation::ALL.iter().zip(&self.requests).map(|(operation, count)| (*operation, count.load(Relaxed)));
        counts.filter(|(_, count)| *count > 0).collect()
    }

    /// Requests that were refused before their operation was known.
    pub fn unrouted(&self) -> u64 {
        self.unrouted.load(Relaxed)
    }

    /// Answers with a status of 400 to 499.
    pub fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    /// Answers with a status of 500 and above.
    pub fn failed(&self) -> u64 {
        self.failed.load(Relaxed)
    }

    /// Requests that ended by a panic; each is a bug.
    pub fn panics(&self) -> u64 {
        self.panics.load(Relaxed)
    }

    pub fn open_connections(&self) -> u64 {
        self.connections.load(Relaxed).saturating_sub(self.connections_ended.load(Relaxed))
    }

    pub(super) fn answered(&self, operation: Option<Operation>, status: StatusCode) {
        match operation.and_then(|operation| self.requests.get(operation as usize)) {
            Some(count) => count.fetch_add(1, Relaxed),
            None => self.unrouted.fetch_add(1, Relaxed),
        };
        if status.is_client_error() {
            self.refused.fetch_add(1, Relaxed);
        } else if status.is_server_error() {
            self.failed.fetch_add(1, Relaxed);
        }
    }

    pub(super) fn panicked(&self) {
        self.panics.fetch_add(1, Relaxed);
    }

    pub(super) fn connection_began(&self) {
        self.connections.fetch_add(1, Relaxed);
    }

    pub(super) fn connection_ended(&self) {
        self.connections_ended.fetch_add(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_by_operation_and_status() {
        let stats = S3Stats::new();
        stats.answered(Some(Operation::GetObject), StatusCode::OK);
        stats.answered(Some(Operation::GetObject), StatusCode::NOT_FOUND);
        stats.answered(None, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(stats.requests(), [(Operation::GetObject, 2)]);
        assert_eq!((stats.unrouted(), stats.refused(), stats.failed()), (1, 1, 1));
        assert!(Operation::ALL.iter().enumerate().all(|(i, operation)| *operation as usize == i));
    }
}
