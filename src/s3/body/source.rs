//! The bytes of a request as they come off the connection, with the rule about slow bodies.
//!
//! `Expect: 100-continue` is answered by hyper when the body is polled for the first time, that is when an operation
//! begins to read; a request that is refused before gets its refusal without a 100. A body that nobody read to its end
//! is drained for a while when it is dropped, so that a client that is still sending sees the answer and not a reset.

use super::{
    pace::{Direction, Pace, PaceLimits, PaceMeter},
    room::Room,
};
use crate::objects::BodyError;
use bytes::Bytes;
use futures_util::future::poll_immediate;
use http_body::Body as _;
use http_body_util::{BodyExt, combinators::BoxBody};
use std::{fmt, sync::Arc, time::Duration};
use tokio::time::Instant;

/// How much of an unread body is thrown away before the connection is closed instead: a part of usual size.
const DRAIN_MAX_BYTES: u64 = 16 << 20;
const DRAIN_MAX_TIME: Duration = Duration::from_secs(5);

/// Memory for signed chunks that are longer than usual, of all requests together, in KiB.
const CHUNK_ROOM_KIB: usize = 64 << 10;

/// Memory for documents that are longer than usual, of all requests together, in KiB. What an operation makes of its
/// document is several times as long. A list of 10 000 parts has 1 to 3 MiB, one of 1000 keys 1 MiB where each is as long as
/// keys may be: 5 of the former and 15 of the latter are worked on at once, and the metadata does not do more at a time. It
/// holds two documents of the greatest length, so that none of them waits for an empty room.
const DOCUMENT_ROOM_KIB: usize = 16 << 10;

/// How long a request waits for either: as long as a client waits for an answer anyway.
const ROOM_WAIT: Duration = Duration::from_secs(30);

/// Asks whether others wait for memory of that kind.
pub type HasWaiters = Box<dyn Fn(Direction) -> bool + Send + Sync>;

/// What all bodies of a listener share.
pub struct BodyRules {
    pub pace: PaceLimits,
    /// Whether others wait for the memory that a slow body holds on its way.
    pub has_waiters: HasWaiters,
    /// See `aws_chunked::SIGNED_CHUNK_MAX_BYTES`.
    pub chunk_room: Room,
    pub document_room: Room,
}

impl BodyRules {
    pub fn new(pace: PaceLimits, has_waiters: impl Fn(Direction) -> bool + Send + Sync + 'static) -> Self {
        let (chunk_room, document_room) =
            (Room::new(CHUNK_ROOM_KIB, ROOM_WAIT), Room::new(DOCUMENT_ROOM_KIB, ROOM_WAIT));
        Self { pace, has_waiters: Box::new(has_waiters), chunk_room, document_room }
    }

    /// Whether others wait for memory that a body on its way from its client may hold.
    fn has_waiters_for_bodies(&self) -> bool {
        (self.has_waiters)(Direction::FromClient) || self.chunk_room.has_waiters() || self.document_room.has_waiters()
    }
}

impl fmt::Debug for BodyRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyRules").field("pace", &self.pace).finish_non_exhaustive()
    }
}

/// Whether the client waits for `100 Continue` before it sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expectation {
    None,
    Continue,
}

type FrameBody = BoxBody<Bytes, BodyError>;

/// What a body gives next; `None` at its end.
type NextFrame = Option<Result<http_body::Frame<Bytes>, BodyError>>;

pub struct BodySource {
    body: FrameBody,
    meter: PaceMeter,
    rules: Arc<BodyRules>,
    /// The client has not been told to send yet.
    is_unasked: bool,
}

impl BodySource {
    pub fn new(body: FrameBody, expectation: Expectation, rules: Arc<BodyRules>) -> Self {
        let meter = PaceMeter::new(rules.pace);
        Self { body, meter, rules, is_unasked: expectation == Expectation::Continue }
    }

    /// A body of no bytes.
    pub fn empty(rules: Arc<BodyRules>) -> Self {
        Self::new(FrameBody::default(), Expectation::None, rules)
    }

    /// Number of bytes on the wire where HTTP says it: `None` with `Transfer-Encoding: chunked`.
    pub fn wire_length(&self) -> Option<u64> {
        self.body.size_hint().exact()
    }

    pub fn rules(&self) -> &Arc<BodyRules> {
        &self.rules
    }

    /// The next bytes, not empty; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        self.is_unasked = false;
        loop {
            let frame = match poll_immediate(self.body.frame()).await {
                Some(frame) => frame,
                None => match self.wait().await? {
                    Some(frame) => frame,
                    None => continue,
                },
            };
            let Some(frame) = frame else { return Ok(None) };
            // Trailers of HTTP itself mean nothing in S3; aws-chunked has its own inside the body.
            if let Ok(bytes) = frame?.into_data()
                && !bytes.is_empty()
            {
                self.meter.received(bytes.len());
                return Ok(Some(bytes));
            }
        }
    }

    /// Waits for the client as long as the meter has patience; `None` when that ended without a verdict against it.
    async fn wait(&mut self) -> Result<Option<NextFrame>, BodyError> {
        let began = Instant::now();
        let frame = tokio::time::timeout(self.meter.patience(), self.body.frame()).await.ok();
        match self.meter.waited(began.elapsed()) {
            Pace::Silent if frame.is_none() => Err(BodyError::TooSlow),
            Pace::Slow if self.rules.has_waiters_for_bodies() => Err(BodyError::TooSlow),
            Pace::Fine | Pace::Slow | Pace::Silent => Ok(frame),
        }
    }
}

impl Drop for BodySource {
    fn drop(&mut self) {
        if self.is_unasked || self.body.is_end_stream() {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let body = std::mem::take(&mut self.body);
            runtime.spawn(async move {
                let _ = tokio::time::timeout(DRAIN_MAX_TIME, drain(body)).await;
            });
        }
    }
}

async fn drain(mut body: FrameBody) {
    let mut drained = 0;
    while let Some(Ok(frame)) = body.frame().await {
        drained += frame.data_ref().map_or(0, |bytes| bytes.len() as u64);
        if drained > DRAIN_MAX_BYTES {
            return;
        }
    }
}

impl fmt::Debug for BodySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodySource").field("wire_length", &self.wire_length()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use http_body::Frame;
    use http_body_util::StreamBody;
    use std::sync::atomic::{AtomicBool, Ordering};

    const LIMITS: PaceLimits = PaceLimits {
        window: Duration::from_millis(20),
        bytes_per_second_min: 1 << 20,
        silence_max: Duration::from_secs(600),
    };

    /// A body that gives one byte and then nothing for ever.
    fn stalled() -> FrameBody {
        let first = stream::iter([Ok(Frame::data(Bytes::from_static(b"a")))]);
        StreamBody::new(futures_util::StreamExt::chain(first, stream::pending())).boxed()
    }

    #[tokio::test]
    async fn a_stalled_body_ends_when_others_wait_and_not_before() {
        let waiting = Arc::new(AtomicBool::new(false));
        let seen = waiting.clone();
        let rules =
            Arc::new(BodyRules::new(LIMITS, move |way| way == Direction::FromClient && seen.load(Ordering::Relaxed)));
        let mut source = BodySource::new(stalled(), Expectation::None, rules);
        assert_eq!(source.next().await.unwrap().unwrap(), "a");
        assert!(tokio::time::timeout(LIMITS.window * 3, source.next()).await.is_err());
        waiting.store(true, Ordering::Relaxed);
        assert_eq!(source.next().await, Err(BodyError::TooSlow));
    }

    #[tokio::test]
    async fn a_silent_body_ends_in_any_case() {
        let limits = PaceLimits { silence_max: Duration::from_millis(30), ..LIMITS };
        let rules = Arc::new(BodyRules::new(limits, |_| false));
        let mut source = BodySource::new(stalled(), Expectation::None, rules);
        assert_eq!(source.next().await.unwrap().unwrap(), "a");
        assert_eq!(source.next().await, Err(BodyError::TooSlow));
    }
}
