//! `larder put`, `get` and `ls` against a server: what they show, and where the bytes go.

use crate::support::{
    Server,
    command::{Ran, larder, text},
};
use aws_sdk_s3::primitives::ByteStream;
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
use std::{
    fs,
    io::Read,
    os::unix::fs::{FileTypeExt, OpenOptionsExt, symlink},
    process::Command,
};

fn command(server: &Server, arguments: &[&str]) -> Command {
    let mut command = larder();
    command.args(arguments).env("AWS_ENDPOINT_URL", format!("http://{}", server.authority()));
    command.env("AWS_ACCESS_KEY_ID", server.access_key()).env("AWS_SECRET_ACCESS_KEY", server.secret_key());
    command.env("AWS_REGION", "us-east-1");
    command
}

fn client(server: &Server, arguments: &[&str]) -> Ran {
    command(server, arguments).output().expect("the binary runs").into()
}

async fn server_with(keys: &[&str]) -> Server {
    let server = Server::start().await;
    server.client().create_bucket().bucket("pantry").send().await.unwrap();
    for key in keys {
        let put = server.client().put_object().bucket("pantry").key(*key);
        put.body(ByteStream::from_static(b"strawberry")).send().await.unwrap();
    }
    server
}

/// Objects and prefixes that alternate could not be read.
#[tokio::test]
async fn ls_shows_objects_between_prefixes() {
    let server = server_with(&["a", "b/1", "c", "d/1", "e"]).await;
    let ran = client(&server, &["ls", "s3://pantry"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let names: Vec<&str> = ran.stdout.lines().filter_map(|line| line.split_whitespace().last()).collect();
    assert_eq!(names, ["b/", "d/", "a", "c", "e", "B)"], "{}", ran.stdout);
}

/// A regular file took its place.
#[tokio::test]
async fn get_writes_into_a_fifo() {
    let server = server_with(&["jam"]).await;
    let directory = tempfile::tempdir().unwrap();
    let fifo = directory.path().join("fifo");
    mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    // Open at both ends, so that nobody waits for anybody.
    let nonblocking = OFlags::NONBLOCK.bits() as i32;
    let mut reader = fs::File::options().read(true).write(true).custom_flags(nonblocking).open(&fifo).unwrap();
    let ran = client(&server, &["get", "s3://pantry/jam", text(&fifo)]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(fs::symlink_metadata(&fifo).unwrap().file_type().is_fifo());
    let mut content = [0; 10];
    reader.read_exact(&mut content).unwrap();
    assert_eq!(&content, b"strawberry");
}

/// `larder get … /dev/stdout >> file` wrote over the file's beginning.
#[tokio::test]
async fn get_appends_to_an_open_file_whatever_it_is_called() {
    let server = server_with(&["jam"]).await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    for target in ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        fs::write(&path, "old, ").unwrap();
        let file = fs::File::options().append(true).open(&path).unwrap();
        let ran = command(&server, &["get", "s3://pantry/jam", target]).stdout(file).output().unwrap();
        assert!(ran.status.success(), "{ran:?}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "old, strawberry", "{target}");
    }
}

#[tokio::test]
async fn get_replaces_what_a_link_leads_to_and_not_the_link() {
    let server = server_with(&["jam"]).await;
    let directory = tempfile::tempdir().unwrap();
    let (shelf, link) = (directory.path().join("shelf"), directory.path().join("link"));
    fs::create_dir(&shelf).unwrap();
    fs::write(shelf.join("old"), "old").unwrap();
    for target in ["shelf/old", "shelf/new"] {
        symlink(target, &link).unwrap();
        let ran = client(&server, &["get", "s3://pantry/jam", text(&link)]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert_eq!(fs::read(directory.path().join(target)).unwrap(), b"strawberry", "{target}");
        assert_eq!(fs::read_link(&link).unwrap().to_str(), Some(target));
        fs::remove_file(&link).unwrap();
    }
    assert_eq!(fs::read_dir(&shelf).unwrap().count(), 2, "something was left beside the files");
}

/// It spoke of an object that is not there.
#[tokio::test]
async fn put_says_when_the_bucket_is_not_there() {
    let server = server_with(&[]).await;
    let directory = tempfile::tempdir().unwrap();
    let (small, large) = (directory.path().join("small"), directory.path().join("large"));
    fs::write(&small, "x").unwrap();
    fs::write(&large, vec![0; 9 << 20]).unwrap();
    for file in [small, large] {
        let ran = client(&server, &["put", text(&file), "s3://no-such-pantry/jam"]);
        assert_eq!((ran.code, ran.stderr.as_str()), (1, "larder: there is no bucket `no-such-pantry`\n"));
    }
}
