//! `larder put` and `get` that a signal ends: nothing stays half done. Against a server that leaves them waiting.

use crate::support::command::{larder, text};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::{
        Barrier, LazyLock,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

const UPLOAD_BEGUN: &str = "HTTP/1.1 200 OK\r\ncontent-length: 86\r\n\r\n\
    <InitiateMultipartUploadResult><UploadId>17</UploadId></InitiateMultipartUploadResult>";

/// The answer to a request line; without one the client waits.
type Answers = fn(&str) -> Option<&'static str>;

/// Answers as it is told, and tells what it was asked.
struct FakeServer {
    address: SocketAddr,
    asked: Receiver<String>,
}

impl FakeServer {
    fn start(answers: Answers) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, asked) = channel();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let sender = sender.clone();
                thread::spawn(move || converse(stream, answers, &sender));
            }
        });
        Self { address, asked }
    }

    fn wait_for(&self, method: &str) {
        while !self.asked.recv().expect("the server runs").starts_with(method) {}
    }

    fn client(&self, arguments: &[&str]) -> Command {
        let mut command = larder();
        command.args(arguments).env("AWS_ENDPOINT_URL", format!("http://{}", self.address));
        command.envs([("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "secret"), ("AWS_REGION", "us-east-1")]);
        command.stderr(Stdio::null());
        command
    }
}

/// Request by request until the client closes.
fn converse(stream: TcpStream, answers: Answers, asked: &Sender<String>) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut request_line = String::new();
        if reader.read_line(&mut request_line).is_err() || request_line.is_empty() {
            return;
        }
        let (mut line, mut body_length) = (String::new(), 0);
        while reader.read_line(&mut line).is_ok() && !line.trim().is_empty() {
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                body_length = value.trim().parse().unwrap();
            }
            line.clear();
        }
        let mut body = vec![0; body_length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let answer = answers(&request_line);
        // The test may be over.
        let _ = asked.send(request_line);
        if let Some(answer) = answer {
            let _ = reader.get_mut().write_all(answer.as_bytes());
        }
    }
}

fn signal(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).unwrap();
    kill_process(pid, signal).unwrap();
}

#[test]
fn put_aborts_its_upload_when_it_is_interrupted() {
    let server = FakeServer::start(|request| match request.split(' ').next() {
        Some("POST") => Some(UPLOAD_BEGUN),
        Some("DELETE") => Some("HTTP/1.1 204 No Content\r\n\r\n"),
        _ => None,
    });
    let mut put = server.client(&["put", "-", "s3://pantry/jam"]).stdin(Stdio::piped()).spawn().unwrap();
    // One part and a bit; the client waits for more.
    let mut source = put.stdin.take().unwrap();
    source.write_all(&vec![0; 9 << 20]).unwrap();
    server.wait_for("PUT");
    signal(&put, Signal::INT);
    assert_eq!(put.wait().unwrap().code(), Some(130));
    let aborted = server.asked.try_iter().any(|request| request.starts_with("DELETE /pantry/jam?uploadId=17 "));
    assert!(aborted, "the upload was left");
}

/// The signal ended the client at once, and the server had an upload that nobody knew of.
#[test]
fn put_aborts_an_upload_that_was_begun_when_it_is_interrupted() {
    // The server's thread and the test meet twice: when the upload was asked for, and when the signal is sent.
    static MEETING: LazyLock<Barrier> = LazyLock::new(|| Barrier::new(2));
    let server = FakeServer::start(|request| match request.split(' ').next() {
        Some("POST") => {
            MEETING.wait();
            MEETING.wait();
            Some(UPLOAD_BEGUN)
        }
        Some("DELETE") => Some("HTTP/1.1 204 No Content\r\n\r\n"),
        _ => None,
    });
    let mut put = server.client(&["put", "-", "s3://pantry/jam"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut source = put.stdin.take().unwrap();
    // One part: nobody reads more before the upload has begun.
    source.write_all(&vec![0; 8 << 20]).unwrap();
    MEETING.wait();
    signal(&put, Signal::TERM);
    MEETING.wait();
    assert_eq!(put.wait().unwrap().code(), Some(143));
    let aborted = server.asked.try_iter().any(|request| request.starts_with("DELETE /pantry/jam?uploadId=17 "));
    assert!(aborted, "the upload was left");
}

#[test]
fn get_removes_its_partial_file_when_it_is_terminated() {
    let server = FakeServer::start(|request| match request.split(' ').next() {
        Some("HEAD") => Some(
            "HTTP/1.1 200 OK\r\ncontent-length: 10\r\netag: \"x\"\r\nlast-modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n\r\n",
        ),
        _ => None,
    });
    let directory = tempfile::tempdir().unwrap();
    let target = directory.path().join("jam");
    let mut get = server.client(&["get", "s3://pantry/jam", text(&target)]).spawn().unwrap();
    server.wait_for("GET");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "the partial file is there");
    signal(&get, Signal::TERM);
    assert_eq!(get.wait().unwrap().code(), Some(143));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "the partial file stayed");
}
