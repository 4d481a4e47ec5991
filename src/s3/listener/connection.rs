//! The life of one connection: hyper serves it over `ConnectionIo`, and it is closed so that no byte of an answer is lost.
//!
//! A client that has closed its sending half (`shutdown(SHUT_WR)`) still gets the answers to what it sent: such a client
//! can't be told from one that has gone before bytes are written to it, and one that has gone ends the connection then.

use super::connection_io::{ConnectionIo, ConnectionLimits};
use crate::{
    runtime::Shutdown,
    s3::{body::BodyRules, head_rules::HEADERS_MAX, refused_head::RefusedHead, response::Response},
};
use bytes::Bytes;
use http::Request;
use hyper::{body::Incoming, server::conn::http1, service::Service};
use hyper_util::rt::TokioIo;
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// hyper's buffer of one connection: bounds the head of a request, and how much of a body is read at a time. A connection
/// that once received a large body keeps a buffer of this size, idle or stalled; larger ones made no upload cheaper
/// (docs/performance.md, "Memory").
const BUFFER_MAX_BYTES: usize = 64 << 10;

/// What a client still sends behind the last request that is answered is read and forgotten, up to so much and so long:
/// bytes that nobody reads when the connection closes would take the end of the answer with them.
const LINGER_MAX_BYTES: u64 = 1 << 20;
const LINGER_MAX: Duration = Duration::from_secs(2);

/// Serves the stream to its end: `answer` requests, and `refuse` a head that hyper must not see, with a whole answer.
/// Dropped, it closes the connection where it stands.
pub async fn serve<S, A>(
    stream: S,
    limits: ConnectionLimits,
    rules: Arc<BodyRules>,
    answer: A,
    refuse: impl FnOnce(RefusedHead) -> Bytes,
    stop: &Shutdown,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Service<Request<Incoming>, Response = Response, Error = Infallible>,
{
    let mut connection = http1::Builder::new()
        .max_buf_size(BUFFER_MAX_BYTES)
        .max_headers(HEADERS_MAX)
        .half_close(true)
        // The head's time is bounded by ConnectionIo, which tells a head that has begun from an idle connection.
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(ConnectionIo::new(stream, limits, rules)), answer);
    let mut result = tokio::select! {
        result = &mut connection => result,
        () = stop.cancelled() => {
            std::pin::Pin::new(&mut connection).graceful_shutdown();
            (&mut connection).await
        }
    };
    if result.is_ok() {
        // The first end may come before the last bytes are written when the request asked for an upgrade: hyper lets go of the
        // upgrade then, and does the rest the second time. Otherwise there is nothing left to do.
        result = (&mut connection).await;
    }
    let parts = connection.into_parts();
    let io = parts.io.into_inner();
    let is_all_read = parts.read_buf.is_empty() && io.is_between_requests();
    let ending = async {
        match (io.refused(), result) {
            (Some(refused), _) => say_and_linger(io.into_stream(), &refuse(refused)).await,
            // That the client is gone meanwhile is no news.
            (None, Ok(())) if is_all_read => drop(io.into_stream().shutdown().await),
            (None, Ok(())) => say_and_linger(io.into_stream(), &[]).await,
            (None, Err(error)) => {
                tracing::debug!(%error, "a connection ended early");
                if error.is_parse() {
                    // hyper has answered.
                    say_and_linger(io.into_stream(), &[]).await;
                }
            }
        }
    };
    if tokio::time::timeout(LINGER_MAX, ending).await.is_err() {
        tracing::debug!("a client did not let its connection be closed");
    }
}

/// That the client is gone meanwhile is no news.
async fn say_and_linger<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, answer: &[u8]) {
    if stream.write_all(answer).await.is_ok() && stream.shutdown().await.is_ok() {
        let _ = tokio::io::copy(&mut stream.take(LINGER_MAX_BYTES), &mut tokio::io::sink()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3::{
        body::PaceLimits,
        response::{ResponseBody, StreamFailed},
    };
    use futures_util::stream;
    use http::{HeaderValue, header};
    use hyper::service::service_fn;

    const LATE: Duration = Duration::from_secs(3600);
    /// What hyper has of an answer is more than the stream takes at a time.
    const STREAM_BYTES: usize = 256;
    static BODY: [u8; 100_000] = [b'b'; 100_000];
    const REFUSED_HEAD: &str = "GET / HTTP/1.1\r\nno header\r\n\r\n";
    const REFUSAL: &str = "refused";

    #[derive(Clone, Copy, PartialEq, Eq)]
    enum ClientEnd {
        StaysOpen,
        HalfClosed,
    }

    /// All that a client gets for what it sends, which it begins to take when it has sent everything.
    async fn answer_to(sent: &str, end: ClientEnd, answer: fn() -> Response) -> String {
        let (server, mut client) = tokio::io::duplex(STREAM_BYTES);
        let pace = PaceLimits { window: LATE, bytes_per_second_min: 1, silence_max: LATE };
        let rules = Arc::new(BodyRules::new(pace, |_| false));
        let limits = ConnectionLimits { header_timeout: LATE, idle_timeout: LATE };
        let serving = tokio::spawn(async move {
            let service = service_fn(|_| Box::pin(async move { Ok(answer()) }));
            let refuse = |_| Bytes::from_static(REFUSAL.as_bytes());
            serve(server, limits, rules, service, refuse, &Shutdown::new()).await;
        });
        client.write_all(sent.as_bytes()).await.unwrap();
        if end == ClientEnd::HalfClosed {
            client.shutdown().await.unwrap();
        }
        let mut got = String::new();
        client.read_to_string(&mut got).await.unwrap();
        drop(client);
        serving.await.unwrap();
        got
    }

    fn whole() -> Response {
        Response::new(ResponseBody::bytes(BODY.to_vec()))
    }

    fn whole_and_last() -> Response {
        let mut response = whole();
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        response
    }

    fn broken() -> Response {
        let pieces = [Ok(Bytes::from_static(&BODY[..1000])), Err(StreamFailed("a test".into()))];
        Response::new(ResponseBody::stream(BODY.len() as u64, stream::iter(pieces)))
    }

    fn body_of(answer: &str) -> &str {
        answer.split_once("\r\n\r\n").expect("an answer has a head").1
    }

    #[tokio::test]
    async fn an_answer_comes_whole_however_the_connection_ends_behind_it() {
        let body = str::from_utf8(&BODY).unwrap();
        for (sent, end) in [
            ("GET / HTTP/1.1\r\nConnection: close\r\n\r\n", ClientEnd::StaysOpen),
            ("GET / HTTP/1.1\r\nConnection: close\r\nUpgrade: h2c\r\n\r\n", ClientEnd::StaysOpen),
            ("GET / HTTP/1.0\r\n\r\n", ClientEnd::StaysOpen),
            ("GET / HTTP/1.0\r\n\r\n", ClientEnd::HalfClosed),
            ("GET / HTTP/1.1\r\n\r\n", ClientEnd::HalfClosed),
            ("GET / HTTP/1.1\r\nUpgrade: h2c\r\n\r\n", ClientEnd::HalfClosed),
            // hyper stops reading while it answers.
            ("GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", ClientEnd::StaysOpen),
            ("GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nUpgrade: h2c\r\n\r\nzz\r\n", ClientEnd::StaysOpen),
            ("GET / HTTP/1.1\r\nContent-Length: 9\r\n\r\nbody", ClientEnd::StaysOpen),
            ("GET / HTTP/1.1\r\nContent-Length: 9\r\n\r\nbody", ClientEnd::HalfClosed),
            ("GET / HTTP/1.1\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n", ClientEnd::StaysOpen),
        ] {
            let answer = answer_to(sent, end, whole).await;
            assert!(answer.starts_with("HTTP/1.") && body_of(&answer) == body, "{sent:?}: {} bytes", answer.len());
        }
    }

    #[tokio::test]
    async fn a_head_is_refused_behind_the_answers_to_those_before_it() {
        let body = str::from_utf8(&BODY).unwrap();
        assert_eq!(answer_to(REFUSED_HEAD, ClientEnd::StaysOpen, whole).await, REFUSAL);
        for end in [ClientEnd::StaysOpen, ClientEnd::HalfClosed] {
            let sent = format!("GET / HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody{REFUSED_HEAD}");
            let answer = answer_to(&sent, end, whole).await;
            assert!(body_of(&answer).strip_prefix(body) == Some(REFUSAL), "{} bytes", answer.len());
        }
    }

    /// A client would take it for bytes of the object.
    #[tokio::test]
    async fn nothing_is_written_behind_an_answer_that_broke_or_was_the_last_one() {
        let sent = format!("GET / HTTP/1.1\r\n\r\n{REFUSED_HEAD}");
        let answer = answer_to(&sent, ClientEnd::StaysOpen, broken).await;
        assert!(!answer.contains(REFUSAL), "{answer}");
        let answer = answer_to(&sent, ClientEnd::StaysOpen, whole_and_last).await;
        assert!(body_of(&answer).as_bytes() == BODY, "{} bytes", answer.len());
        let sent = format!("GET / HTTP/1.1\r\nConnection: close\r\n\r\n{REFUSED_HEAD}");
        let answer = answer_to(&sent, ClientEnd::StaysOpen, whole).await;
        assert!(body_of(&answer).as_bytes() == BODY, "{} bytes", answer.len());
    }
}
