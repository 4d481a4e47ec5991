//! One HTTP/1.1 connection that is kept open, with TLS for https endpoints.

use super::tls::Tls;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::{
    body::Incoming,
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use std::{error::Error, io};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

/// Belongs to one worker; one request at a time.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
}

impl Connection {
    pub async fn open(address: &str, tls: Option<&Tls>) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        match tls {
            Some(tls) => Self::over(tls.connector.connect(tls.server_name.clone(), stream).await?).await,
            None => Self::over(stream).await,
        }
    }

    async fn over(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> io::Result<Self> {
        let (sender, driver) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        // Ends by itself when the sender is dropped or the server closes; the request under way then gets the error.
        tokio::spawn(driver);
        Ok(Self { sender })
    }

    /// Dropped before the answer came, the connection is closed: the answer could not be told from the next one's.
    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> hyper::Result<Response<Incoming>> {
        self.sender.ready().await?;
        self.sender.send_request(request).await
    }

    pub fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }
}

/// The innermost cause: `connection reset by peer` rather than `connection error`.
pub fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
