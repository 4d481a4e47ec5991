//! Buckets as host names under several domains, beside path style.

use crate::{
    raw_request::{Answer, RawRequest},
    support::{Options, Server},
};

async fn server() -> Server {
    let domains = ["--domain", "s3.localhost", "--domain", "s3.example.com"];
    Server::start_with(Options { arguments: domains.map(str::to_owned).to_vec(), ..Options::default() }).await
}

/// A request whose Host is this name, with the server's port behind it, as clients send it.
fn send(server: &Server, name: &str, method: &'static str, path: &str, body: &[u8]) -> Answer {
    let port = server.authority().rsplit_once(':').unwrap().1.to_owned();
    let request = RawRequest::new(method, path).host(&format!("{name}:{port}"));
    if body.is_empty() { request.send(server) } else { request.body(body).send(server) }
}

#[tokio::test]
async fn a_bucket_is_reached_under_each_domain_and_in_the_path() {
    let server = server().await;
    for bucket in ["pantry", "with.dots.in-it"] {
        let under = |domain: &str| format!("{bucket}.{domain}");
        assert_eq!(send(&server, &under("s3.localhost"), "PUT", "/", b"").status, 200);
        for key in ["plain", "/leading", "a/../b//c", "%C3%BC%20%2B%252F", "with.s3.localhost"] {
            let path = format!("/{key}");
            assert_eq!(send(&server, &under("s3.localhost"), "PUT", &path, key.as_bytes()).status, 200, "{key}");
            assert_eq!(send(&server, &under("S3.Example.com"), "GET", &path, b"").body, key);
            assert_eq!(send(&server, "s3.example.com", "GET", &format!("/{bucket}{path}"), b"").body, key);
            assert_eq!(send(&server, "elsewhere.example", "GET", &format!("/{bucket}{path}"), b"").body, key);
        }
        let listed = send(&server, &under("s3.example.com"), "GET", "/", b"").body;
        assert!(listed.contains(&format!("<Name>{bucket}</Name>")), "{listed}");
        assert_eq!(listed.matches("<Key>").count(), 5, "{listed}");
    }
    let buckets = send(&server, "s3.localhost", "GET", "/", b"").body;
    assert_eq!(buckets.matches("<Bucket>").count(), 2, "{buckets}");
}

#[tokio::test]
async fn what_stands_before_a_domain_must_be_the_name_of_a_bucket() {
    let server = server().await;
    for name in [".s3.localhost", "Under_score.s3.localhost", "x.s3.localhost"] {
        assert_eq!(send(&server, name, "GET", "/", b"").code(), "InvalidBucketName", "{name}");
    }
    assert_eq!(send(&server, "absent.s3.localhost", "GET", "/", b"").code(), "NoSuchBucket");
    // Not a label of the domain: path style.
    assert_eq!(send(&server, "xs3.localhost", "GET", "/absent", b"").code(), "NoSuchBucket");
}
