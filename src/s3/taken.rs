//! A stream of bytes to a client of which the connection has one piece at a time: the next is asked for when the last one has
//! left for the socket. hyper by itself asks for more while it still has up to a buffer full, so that a client that takes
//! nothing would hold several pieces and not one (DESIGN.md, invariant 6).

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use std::{convert::Infallible, pin::Pin};
use tokio::sync::oneshot;

/// Bytes that say when nobody has them any more: `_lent` is never sent on, it is dropped with them.
struct Lent {
    bytes: Bytes,
    _lent: oneshot::Sender<Infallible>,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The same bytes; each piece waits until the one before it was dropped. What comes with an error is passed on at once.
pub fn one_at_a_time<S, E>(stream: S) -> impl Stream<Item = Result<Bytes, E>> + Send
where
    S: Stream<Item = Result<Bytes, E>> + Send + 'static,
    E: Send,
{
    struct State<S> {
        stream: Pin<Box<S>>,
        taken: Option<oneshot::Receiver<Infallible>>,
    }
    let state = State { stream: Box::pin(stream), taken: None };
    stream::unfold(state, |mut state| async move {
        if let Some(taken) = state.taken.take() {
            // An error by nature: the sender was dropped.
            let _ = taken.await;
        }
        let next = state.stream.next().await?;
        let next = next.map(|bytes| {
            let (lent, taken) = oneshot::channel();
            state.taken = Some(taken);
            Bytes::from_owner(Lent { bytes, _lent: lent })
        });
        Some((next, state))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[tokio::test]
    async fn the_next_piece_comes_when_the_last_slice_of_the_one_before_is_gone() {
        let pieces = [Ok::<_, Infallible>(Bytes::from_static(b"first")), Ok(Bytes::from_static(b"second"))];
        let mut stream = Box::pin(one_at_a_time(stream::iter(pieces)));
        let mut first = stream.next().await.unwrap().unwrap();
        let sent = first.split_to(4);
        assert_eq!((&sent[..], &first[..]), (&b"firs"[..], &b"t"[..]));
        drop(sent);
        assert!(stream.next().now_or_never().is_none(), "a byte of the first is still to be sent");
        drop(first);
        assert_eq!(stream.next().await.unwrap().unwrap(), "second");
        assert!(stream.next().await.is_none());
    }
}
