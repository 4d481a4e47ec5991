//! Counts what a connection has still to answer, so that nothing else is written before that.

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use http_body::{Body, Frame, SizeHint};
use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

/// Answers of one connection that hyper has taken to their ends. Shared by the stream below hyper, which sees the requests
/// come in, and the service above it.
#[derive(Clone, Debug, Default)]
pub struct Answered(Arc<State>);

#[derive(Debug, Default)]
struct State {
    count: AtomicU64,
    waiting: AtomicWaker,
}

impl Answered {
    pub fn count(&self) -> u64 {
        self.0.count.load(Ordering::Acquire)
    }

    /// Has the task woken when the count changes. To be called before the count is looked at.
    pub fn wake_on_change(&self, cx: &Context<'_>) {
        self.0.waiting.register(cx.waker());
    }

    /// The body of an answer, which counts when hyper lets go of it.
    pub fn body<B>(&self, body: B) -> CountedBody<B> {
        CountedBody { body, answered: self.clone() }
    }
}

#[derive(Debug)]
pub struct CountedBody<B> {
    body: B,
    answered: Answered,
}

impl<B> Drop for CountedBody<B> {
    fn drop(&mut self) {
        self.answered.0.count.fetch_add(1, Ordering::Release);
        self.answered.0.waiting.wake();
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for CountedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
