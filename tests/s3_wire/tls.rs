//! HTTPS: real clients over it, a new certificate under way, and those who don't speak it.

use crate::{
    connections::sip_body,
    raw_request::{Answer, RawRequest, connect, read_answer},
    support::{
        Options, Server,
        command::{larder, text},
    },
};
use rustix::process::Signal;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName},
};
use std::{
    fs,
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};
use tempfile::TempDir;

/// Between two looks at what a signal brought about.
const PAUSE: Duration = Duration::from_millis(10);

/// A self-signed certificate for `localhost`, which is its own authority.
struct Made {
    pem: String,
    key: String,
    der: CertificateDer<'static>,
}

impl Made {
    fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        Self { pem: made.cert.pem(), key: made.signing_key.serialize_pem(), der: made.cert.der().clone() }
    }

    /// As `openssl req -x509` makes one by itself.
    fn authority() -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let cert = params.self_signed(&key).unwrap();
        Self { pem: cert.pem(), key: key.serialize_pem(), der: cert.der().clone() }
    }
}

/// A server and the files of its certificate.
struct Secure {
    server: Server,
    files: TempDir,
}

impl Secure {
    async fn start(made: &Made) -> Self {
        let files = tempfile::tempdir().unwrap();
        let (cert, key) = (files.path().join("cert.pem"), files.path().join("key.pem"));
        write(files.path(), made);
        let arguments = ["--tls-cert", text(&cert), "--tls-key", text(&key)].map(str::to_owned).to_vec();
        Self { server: Server::start_with(Options { arguments, ..Options::default() }).await, files }
    }

    fn cert(&self) -> PathBuf {
        self.files.path().join("cert.pem")
    }

    fn connect(&self, trusted: &[&Made]) -> Tls {
        let mut roots = RootCertStore::empty();
        trusted.iter().for_each(|made| roots.add(made.der.clone()).unwrap());
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let mut tcp = connect(&self.server);
        let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
        connection.complete_io(&mut tcp).unwrap();
        StreamOwned::new(connection, tcp)
    }

    /// Which certificate a new connection is shown.
    fn shown(&self, trusted: &[&Made]) -> CertificateDer<'static> {
        self.connect(trusted).conn.peer_certificates().unwrap()[0].clone().into_owned()
    }

    /// Sends a request, reads its answer.
    fn exchange(&self, trusted: &Made, request: &RawRequest) -> Answer {
        let mut stream = self.connect(&[trusted]);
        stream.write_all(request.signed_head(&self.server).0.as_bytes()).unwrap();
        stream.write_all(&request.body).unwrap();
        read_answer(&mut stream)
    }

    /// A verb of the small client, which trusts this file's certificate.
    fn client(&self, arguments: &[&str], bundle: &Path) -> std::process::Output {
        let port = self.server.authority().rsplit_once(':').unwrap().1.to_owned();
        let mut command = larder();
        command.args(arguments).env("AWS_ENDPOINT_URL", format!("https://localhost:{port}"));
        command.env("AWS_ACCESS_KEY_ID", self.server.access_key());
        command.env("AWS_SECRET_ACCESS_KEY", self.server.secret_key());
        command.env("AWS_REGION", "us-east-1").env("AWS_CA_BUNDLE", bundle).output().unwrap()
    }
}

type Tls = StreamOwned<ClientConnection, TcpStream>;

fn write(directory: &Path, made: &Made) {
    fs::write(directory.join("cert.pem"), &made.pem).unwrap();
    fs::write(directory.join("key.pem"), &made.key).unwrap();
}

#[tokio::test]
async fn the_small_client_and_the_bench_work_over_https_and_check_the_certificate() {
    let (made, stranger) = (Made::new(), Made::new());
    let secure = Secure::start(&made).await;
    let (bundle, other) = (secure.cert(), secure.files.path().join("other.pem"));
    fs::write(&other, &stranger.pem).unwrap();
    let (sent, got) = (secure.files.path().join("sent"), secure.files.path().join("got"));
    fs::write(&sent, vec![7; 300_000]).unwrap();
    let run = |arguments: &[&str]| {
        let ran = secure.client(arguments, &bundle);
        assert!(ran.status.success(), "{arguments:?}: {ran:?}");
    };
    run(&["mb", "s3://pantry"]);
    run(&["put", text(&sent), "s3://pantry/jam"]);
    run(&["get", "s3://pantry/jam", text(&got)]);
    assert_eq!(fs::read(&got).unwrap(), fs::read(&sent).unwrap());
    run(&["bench", "put", "get", "--count", "5", "--objects", "5", "--concurrency", "2"]);
    let refused = secure.client(&["ls", "s3://pantry"], &other);
    assert_eq!(refused.status.code(), Some(1), "a certificate of an unknown authority was taken");
}

/// The clients below say `CaUsedAsEndEntity` and nothing more.
#[tokio::test]
async fn a_certificate_of_an_authority_is_refused_with_what_to_do_about_it() {
    let secure = Secure::start(&Made::authority()).await;
    let sent = secure.files.path().join("sent");
    fs::write(&sent, b"jam").unwrap();
    for arguments in [
        &["ls", "s3://pantry"][..],
        &["mb", "s3://pantry"],
        &["put", text(&sent), "s3://pantry/jam"],
        &["bench", "put", "--count", "1", "--objects", "1", "--concurrency", "1"],
    ] {
        let refused = secure.client(arguments, &secure.cert());
        let told = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(1), "{arguments:?}: {told}");
        assert!(told.contains("CA:FALSE"), "{arguments:?}: {told}");
    }
}

#[tokio::test]
async fn a_new_certificate_is_taken_while_a_download_is_under_way_and_a_broken_one_is_not() {
    let (one, two) = (Made::new(), Made::new());
    let secure = Secure::start(&one).await;
    // More than the buffers between server and client hold.
    let body: Vec<u8> = (0..16_u32 << 20).map(|i| (i % 251) as u8).collect();
    assert_eq!(secure.exchange(&one, &RawRequest::new("PUT", "/pantry")).status, 200);
    assert_eq!(secure.exchange(&one, &RawRequest::new("PUT", "/pantry/big").body(&body)).status, 200);

    let mut download = secure.connect(&[&one]);
    let (head, _) = RawRequest::new("GET", "/pantry/big").signed_head(&secure.server);
    download.write_all(head.as_bytes()).unwrap();
    let mut answer_head = Vec::new();
    while !answer_head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        download.read_exact(&mut byte).unwrap();
        answer_head.extend_from_slice(&byte);
    }

    write(secure.files.path(), &two);
    secure.server.signal(Signal::HUP);
    while secure.shown(&[&one, &two]) != two.der {
        thread::sleep(PAUSE);
    }
    fs::write(secure.cert(), "no certificate").unwrap();
    secure.server.signal(Signal::HUP);
    while !secure.server.log().contains("the old one stays in use") {
        thread::sleep(PAUSE);
    }
    assert_eq!(secure.shown(&[&one, &two]), two.der);

    let mut rest = vec![0; body.len()];
    download.read_exact(&mut rest).unwrap();
    assert!(rest == body, "the download that was under way came back changed");
}

#[tokio::test]
async fn a_slow_client_gets_all_of_an_answer_that_is_the_last_one() {
    let made = Made::new();
    let secure = Secure::start(&made).await;
    let body: Vec<u8> = (0..16_u32 << 20).map(|i| (i % 251) as u8).collect();
    assert_eq!(secure.exchange(&made, &RawRequest::new("PUT", "/pantry")).status, 200);
    assert_eq!(secure.exchange(&made, &RawRequest::new("PUT", "/pantry/big").body(&body)).status, 200);
    for (lines, behind) in [("Connection: close\r\n", ""), ("Transfer-Encoding: chunked\r\n", "no size\r\n")] {
        let (head, _) = RawRequest::new("GET", "/pantry/big").line(lines).signed_head(&secure.server);
        let mut download = secure.connect(&[&made]);
        download.write_all(&[head, behind.to_owned()].concat().into_bytes()).unwrap();
        let got = sip_body(&mut download);
        assert!(got == body, "{lines:?}: {} bytes", got.len());
    }
    // The end of the stream, but not of TLS.
    let (head, _) = RawRequest::new("GET", "/pantry/big").signed_head(&secure.server);
    let mut download = secure.connect(&[&made]);
    download.write_all(head.as_bytes()).unwrap();
    download.sock.shutdown(Shutdown::Write).unwrap();
    let got = sip_body(&mut download);
    assert!(got == body, "{} bytes", got.len());
}

#[tokio::test]
async fn who_does_not_speak_tls_gets_no_http_answer_and_disturbs_nobody() {
    let made = Made::new();
    let secure = Secure::start(&made).await;
    let half_a_hello = {
        let mut stream = connect(&secure.server);
        stream.write_all(&[0x16, 3, 1, 2, 0, 1]).unwrap();
        stream
    };
    for hello in [&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], &[0x16, 3, 1, 0, 4, 9, 9, 9, 9], &[0; 64]] {
        let mut stream = connect(&secure.server);
        stream.write_all(hello).unwrap();
        let mut answer = Vec::new();
        // A reset is as good as an end.
        let _ = stream.read_to_end(&mut answer);
        assert!(!answer.windows(4).any(|window| window == b"HTTP"), "{answer:?}");
    }
    assert_eq!(secure.exchange(&made, &RawRequest::new("GET", "/")).status, 200);
    drop(half_a_hello);
}
