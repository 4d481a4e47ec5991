//! What goes back to the client: nothing, bytes, or a stream of verified bytes of known length. A stream is read after the
//! request was answered, but still as part of it.

use crate::runtime::RequestScope;
use bytes::Bytes;
use futures_util::{Stream, stream};
use http_body::{Body, Frame, SizeHint};
use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

pub type Response = http::Response<ResponseBody>;

/// Why a stream ended early: the connection is cut, so the client sees a failed transfer and never a short body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the response ended early: {0}")]
pub struct StreamFailed(pub String);

type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, StreamFailed>> + Send>>;

/// A response body. Its length is known, so it is sent with Content-Length, unless it is open.
pub struct ResponseBody(Inner);

enum Inner {
    Empty,
    Bytes(Bytes),
    Stream { remaining: u64, stream: ByteStream },
    Open(ByteStream),
}

impl ResponseBody {
    pub fn empty() -> Self {
        Self(Inner::Empty)
    }

    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self(if bytes.is_empty() { Inner::Empty } else { Inner::Bytes(bytes) })
    }

    /// Exactly `length` bytes. A stream that gives fewer or more fails the response.
    pub fn stream(length: u64, stream: impl Stream<Item = Result<Bytes, StreamFailed>> + Send + 'static) -> Self {
        Self(if length == 0 {
            Inner::Empty
        } else {
            Inner::Stream { remaining: length, stream: within_request(stream) }
        })
    }

    /// A body whose length is not known when it begins (CompleteMultipartUpload's early white space): sent in chunks.
    pub fn open(stream: impl Stream<Item = Result<Bytes, StreamFailed>> + Send + 'static) -> Self {
        Self(Inner::Open(within_request(stream)))
    }

    pub fn is_empty(&self) -> bool {
        matches!(self.0, Inner::Empty)
    }
}

impl fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Inner::Empty => f.write_str("ResponseBody(empty)"),
            Inner::Bytes(bytes) => write!(f, "ResponseBody({} bytes)", bytes.len()),
            Inner::Stream { remaining, .. } => write!(f, "ResponseBody(stream of {remaining} bytes)"),
            Inner::Open(_) => f.write_str("ResponseBody(open stream)"),
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = StreamFailed;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, StreamFailed>>> {
        let polled = match &mut self.0 {
            Inner::Empty => Poll::Ready(None),
            Inner::Bytes(bytes) => Poll::Ready(Some(Ok(std::mem::take(bytes)))),
            Inner::Stream { remaining, stream } => match stream.as_mut().poll_next(cx) {
                Poll::Ready(Some(Ok(bytes))) => Poll::Ready(Some(count_down(remaining, bytes))),
                Poll::Ready(None) => Poll::Ready(Some(Err(StreamFailed(format!("{remaining} bytes are missing"))))),
                other => other,
            },
            Inner::Open(stream) => stream.as_mut().poll_next(cx),
        };
        let is_over = match (&self.0, &polled) {
            (Inner::Bytes(_), _) | (_, Poll::Ready(Some(Err(_)) | None)) => true,
            (Inner::Stream { remaining, .. }, _) => *remaining == 0,
            (Inner::Empty | Inner::Open(_), _) => false,
        };
        if is_over {
            self.0 = Inner::Empty;
        }
        polled.map(|item| item.map(|result| result.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Inner::Empty => SizeHint::with_exact(0),
            Inner::Bytes(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Inner::Stream { remaining, .. } => SizeHint::with_exact(*remaining),
            Inner::Open(_) => SizeHint::default(),
        }
    }
}

/// The stream, polled in the scope of the request that makes it.
fn within_request(stream: impl Stream<Item = Result<Bytes, StreamFailed>> + Send + 'static) -> ByteStream {
    let Some(scope) = RequestScope::current() else { return Box::pin(stream) };
    let mut stream = Box::pin(stream);
    Box::pin(stream::poll_fn(move |cx| scope.enter(|| stream.as_mut().poll_next(cx))))
}

fn count_down(remaining: &mut u64, bytes: Bytes) -> Result<Bytes, StreamFailed> {
    match remaining.checked_sub(bytes.len() as u64) {
        Some(rest) => {
            *remaining = rest;
            Ok(bytes)
        }
        None => Err(StreamFailed("more bytes than announced".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use http_body_util::BodyExt;

    fn body(length: u64, pieces: &[&'static str]) -> ResponseBody {
        let pieces: Vec<_> = pieces.iter().map(|piece| Ok(Bytes::from_static(piece.as_bytes()))).collect();
        ResponseBody::stream(length, stream::iter(pieces))
    }

    #[tokio::test]
    async fn a_stream_must_have_the_length_that_it_announced() {
        assert_eq!(body(4, &["ab", "cd"]).collect().await.unwrap().to_bytes(), "abcd");
        assert!(body(5, &["ab", "cd"]).collect().await.is_err());
        assert!(body(3, &["ab", "cd"]).collect().await.is_err());
        assert!(body(0, &[]).collect().await.unwrap().to_bytes().is_empty());
    }

    #[tokio::test]
    async fn the_length_is_known_before_the_first_byte() {
        assert_eq!(body(4, &["abcd"]).size_hint().exact(), Some(4));
        assert_eq!(ResponseBody::bytes("abc").size_hint().exact(), Some(3));
        assert_eq!(ResponseBody::bytes("abc").collect().await.unwrap().to_bytes(), "abc");
    }
}
