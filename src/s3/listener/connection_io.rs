//! The stream under a connection: watched for ambiguous requests (`strict_head`), and bounded in time in each state.
//!
//! | waits for | bound |
//! | --- | --- |
//! | a request | `idle_timeout` since the last byte in either direction |
//! | the rest of a head | `header_timeout` since its first byte, then it is refused |
//! | the rest of a body | none here: `body/source.rs` answers `RequestTimeout` |
//! | the client to take bytes | `stall_timeout` without any, or slower than `slow_body_rate` while others wait |

use super::strict_head::{StrictHead, Waiting};
use crate::s3::{
    body::{BodyRules, Direction, Pace, PaceMeter},
    refused_head::RefusedHead,
};
use std::{
    future::Future as _,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep},
};

#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    pub header_timeout: Duration,
    pub idle_timeout: Duration,
}

pub struct ConnectionIo<S> {
    stream: S,
    watch: StrictHead,
    limits: ConnectionLimits,
    rules: Arc<BodyRules>,
    /// Behind a head that was refused: hyper was told that the stream ends here.
    is_end_told: bool,
    last_progress: Instant,
    head_began: Option<Instant>,
    write_meter: PaceMeter,
    write_blocked: Option<Instant>,
    read_alarm: Alarm,
    write_alarm: Alarm,
}

impl<S> ConnectionIo<S> {
    pub fn new(stream: S, limits: ConnectionLimits, rules: Arc<BodyRules>) -> Self {
        Self {
            stream,
            watch: StrictHead::new(),
            limits,
            write_meter: PaceMeter::new(rules.pace),
            rules,
            is_end_told: false,
            last_progress: Instant::now(),
            head_began: None,
            write_blocked: None,
            read_alarm: Alarm::default(),
            write_alarm: Alarm::default(),
        }
    }

    /// A head that was refused, if the connection got as far: then its answer is what may be written next. hyper asks for what
    /// comes behind a request only when it has answered that, and not at all when an answer failed or was the last one.
    pub fn refused(&self) -> Option<RefusedHead> {
        self.watch.refused().filter(|_| self.is_end_told)
    }

    /// Whether the last request came to its end, and nothing of another one has come.
    pub fn is_between_requests(&self) -> bool {
        self.watch.waiting() == Waiting::Request
    }

    /// The stream below, without what watches it.
    pub fn into_stream(self) -> S {
        self.stream
    }

    /// How many of the bytes go on to hyper.
    fn received(&mut self, bytes: &mut [u8]) -> usize {
        let now = Instant::now();
        self.last_progress = now;
        let passed = self.watch.inspect(bytes);
        match self.watch.waiting() {
            Waiting::Head => self.head_began = self.head_began.or(Some(now)),
            Waiting::Request | Waiting::Body => self.head_began = None,
        }
        passed
    }

    /// Nothing is read behind a head that was refused: hyper sees the end of the stream there, once the stream has taken
    /// what came before; `poll_written` wakes it then.
    fn poll_end(&mut self) -> Poll<io::Result<()>> {
        if self.write_blocked.is_some() {
            return Poll::Pending;
        }
        self.is_end_told = true;
        Poll::Ready(Ok(()))
    }

    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.read_deadline() {
            Some(deadline) if self.read_alarm.has_rung(deadline, cx) => {
                if self.watch.give_up_head() {
                    self.poll_end()
                } else {
                    Poll::Ready(Err(too_slow()))
                }
            }
            _ => Poll::Pending,
        }
    }

    fn read_deadline(&self) -> Option<Instant> {
        match self.watch.waiting() {
            Waiting::Request => Some(self.last_progress + self.limits.idle_timeout),
            Waiting::Head => Some(self.head_began.unwrap_or(self.last_progress) + self.limits.header_timeout),
            Waiting::Body => None,
        }
    }

    fn wrote(&mut self, bytes: usize) {
        self.last_progress = Instant::now();
        self.write_meter.received(bytes);
    }

    /// What came of an attempt to write, or to write out what the stream itself keeps (TLS does).
    fn poll_written<T>(&mut self, outcome: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        match outcome {
            Poll::Ready(result) => {
                self.write_is_open(cx);
                Poll::Ready(result)
            }
            Poll::Pending => {
                self.write_is_blocked(cx)?;
                Poll::Pending
            }
        }
    }

    /// The stream takes no bytes now: an error when that has lasted too long.
    fn write_is_blocked(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let now = Instant::now();
        let since = *self.write_blocked.get_or_insert(now);
        if !self.write_alarm.has_rung(since + self.write_meter.patience(), cx) {
            return Ok(());
        }
        self.write_blocked = Some(Instant::now());
        match self.write_meter.waited(since.elapsed()) {
            Pace::Silent => Err(too_slow()),
            Pace::Slow if (self.rules.has_waiters)(Direction::ToClient) => Err(too_slow()),
            // Looks at the alarm again, which sets it for the next time.
            Pace::Slow | Pace::Fine => self.write_is_blocked(cx),
        }
    }

    fn write_is_open(&mut self, cx: &Context<'_>) {
        if let Some(since) = self.write_blocked.take() {
            let _ = self.write_meter.waited(since.elapsed());
            if self.watch.refused().is_some() {
                cx.waker().wake_by_ref();
            }
        }
    }
}

fn too_slow() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the client was too slow")
}

impl<S: AsyncRead + Unpin> AsyncRead for ConnectionIo<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.watch.refused().is_some() {
            return this.poll_end();
        }
        if this.watch.is_spoiled() {
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        match Pin::new(&mut this.stream).poll_read(cx, buf) {
            // TLS ended without a farewell, as many clients end it. HTTP itself says where a request ends, so one that was cut
            // off is known as such.
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => Poll::Ready(Ok(())),
            Poll::Ready(result) => {
                result?;
                let passed = this.received(&mut buf.filled_mut()[before..]);
                let is_end = passed == 0 && this.watch.refused().is_some();
                buf.set_filled(before + passed);
                if is_end { this.poll_end() } else { Poll::Ready(Ok(())) }
            }
            Poll::Pending => this.poll_deadline(cx),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ConnectionIo<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, buf);
        let outcome = self.poll_written(outcome, cx);
        outcome.map_ok(|bytes| {
            self.wrote(bytes);
            bytes
        })
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        let outcome = self.poll_written(outcome, cx);
        outcome.map_ok(|bytes| {
            self.wrote(bytes);
            bytes
        })
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_flush(cx);
        self.poll_written(outcome, cx)
    }

    /// The stream below is shut down by `connection.rs`, behind the answer to a head that hyper did not see.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

/// A timer that is made when it is needed for the first time and moved when it rings too early, so that a deadline
/// that is pushed on by every byte costs nothing.
#[derive(Default)]
struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// Whether `deadline` is over; otherwise the task is woken when it is, or before.
    fn has_rung(&mut self, deadline: Instant, cx: &mut Context<'_>) -> bool {
        let sleep = self.0.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        while sleep.as_mut().poll(cx).is_ready() {
            if Instant::now() >= deadline {
                return true;
            }
            sleep.as_mut().reset(deadline);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3::{body::PaceLimits, head_rules::HeadFault};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, BufWriter};

    const SOON: Duration = Duration::from_millis(30);
    const LATE: Duration = Duration::from_secs(3600);

    fn connection(
        header_timeout: Duration,
        idle_timeout: Duration,
        silence_max: Duration,
    ) -> (ConnectionIo<tokio::io::DuplexStream>, tokio::io::DuplexStream) {
        let (server, client) = tokio::io::duplex(64);
        let pace = PaceLimits { window: LATE, bytes_per_second_min: 1, silence_max };
        let rules = Arc::new(BodyRules::new(pace, |_| false));
        (ConnectionIo::new(server, ConnectionLimits { header_timeout, idle_timeout }, rules), client)
    }

    #[tokio::test]
    async fn an_idle_connection_ends_after_the_idle_timeout() {
        let (mut server, _client) = connection(LATE, SOON, LATE);
        assert_eq!(server.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_head_that_does_not_end_is_cut_and_its_bytes_buy_no_time() {
        let (mut server, mut client) = connection(SOON, LATE, LATE);
        client.write_all(b"G").await.unwrap();
        server.read_u8().await.unwrap();
        let deadline = server.read_deadline();
        server.received(&mut b"ET /".to_owned());
        assert_eq!(server.read_deadline(), deadline);
        assert_eq!(server.read_u8().await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(server.refused().unwrap().fault, HeadFault::TooSlow);
    }

    #[tokio::test]
    async fn a_body_has_no_bound_here() {
        let (mut server, mut client) = connection(SOON, SOON, LATE);
        client.write_all(b"PUT / HTTP/1.1\r\nContent-Length: 3\r\n\r\n").await.unwrap();
        let mut head = [0; 37];
        server.read_exact(&mut head).await.unwrap();
        assert!(tokio::time::timeout(SOON * 3, server.read_u8()).await.is_err());
    }

    #[tokio::test]
    async fn a_client_that_takes_nothing_is_cut() {
        let (mut server, _client) = connection(LATE, LATE, SOON);
        let written = server.write_all(&[0; 1000]).await;
        assert_eq!(written.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    /// TLS takes more than the stream below it.
    #[tokio::test]
    async fn a_client_that_takes_nothing_is_cut_though_the_stream_has_room_itself() {
        let (server, _client) = tokio::io::duplex(64);
        let pace = PaceLimits { window: LATE, bytes_per_second_min: 1, silence_max: SOON };
        let limits = ConnectionLimits { header_timeout: LATE, idle_timeout: LATE };
        let rules = Arc::new(BodyRules::new(pace, |_| false));
        let mut server = ConnectionIo::new(BufWriter::new(server), limits, rules);
        server.write_all(&[0; 1000]).await.unwrap();
        assert_eq!(server.flush().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
