//! Buckets as websites, from outside: what visitors get, and that they get nothing else.

use crate::{
    raw_request::{Answer, exchange},
    support::{Options, Server},
};
use aws_sdk_s3::types::{
    BucketVersioningStatus, ChecksumAlgorithm, Condition, CorsConfiguration, CorsRule, ErrorDocument, IndexDocument,
    ObjectLockConfiguration, ObjectLockEnabled, ObjectLockLegalHoldStatus, Protocol, PublicAccessBlockConfiguration,
    Redirect, RedirectAllRequestsTo, RoutingRule, VersioningConfiguration, WebsiteConfiguration,
};
use std::io::{Read, Write};

struct Sites {
    server: Server,
    address: String,
}

impl Sites {
    async fn start() -> Self {
        let options =
            Options::default().with("LARDER_WEBSITE_ADDRESS", "127.0.0.1:0").with("LARDER_WEBSITE_DOMAIN", "web.test");
        let server = Server::start_with(options).await;
        let url = server.greeted("Website address");
        let address = url.strip_prefix("http://").expect("a URL").to_owned();
        let sites = Self { server, address };
        sites.server.client().create_bucket().bucket("site").send().await.unwrap();
        sites
    }

    async fn put(&self, key: &str, body: &'static [u8]) {
        let put = self.server.client().put_object().bucket("site").key(key).content_type("text/html");
        put.body(body.to_vec().into()).send().await.unwrap();
    }

    async fn configure(&self, website: WebsiteConfiguration) {
        let client = self.server.client();
        client.put_bucket_website().bucket("site").website_configuration(website).send().await.unwrap();
    }

    fn ask(&self, method: &str, host: &str, target: &str, lines: &str) -> Answer {
        let mut stream = std::net::TcpStream::connect(&self.address).unwrap();
        let request = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{lines}\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let text = String::from_utf8_lossy(&answer);
        let (head, body) = text.split_once("\r\n\r\n").expect("an answer has a head");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("and a status");
        Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    fn get(&self, target: &str) -> Answer {
        self.ask("GET", "site.web.test:8080", target, "")
    }

    fn location(&self, target: &str) -> (u16, String) {
        let answer = self.get(target);
        let line = answer.head.lines().find(|line| line.starts_with("location: ")).unwrap_or_default();
        (answer.status, line.trim_start_matches("location: ").to_owned())
    }
}

fn index() -> IndexDocument {
    IndexDocument::builder().suffix("index.html").build().unwrap()
}

fn rule(prefix: Option<&str>, code: Option<&str>, redirect: Redirect) -> RoutingRule {
    let condition = Condition::builder().set_key_prefix_equals(prefix.map(str::to_owned));
    let condition = condition.set_http_error_code_returned_equals(code.map(str::to_owned)).build();
    RoutingRule::builder().condition(condition).redirect(redirect).build()
}

#[tokio::test]
async fn pages_and_the_index_documents_of_directories() {
    let sites = Sites::start().await;
    sites.put("index.html", b"home").await;
    sites.put("docs/index.html", b"docs").await;
    sites.put("docs/a b.html", b"page").await;
    assert_eq!(sites.get("/").status, 404, "it is no website yet");
    assert!(sites.get("/index.html").body.contains("NoSuchWebsiteConfiguration"));
    sites.configure(WebsiteConfiguration::builder().index_document(index()).build()).await;
    for (target, body) in [("/", "home"), ("/index.html", "home"), ("/docs/", "docs"), ("/docs/a%20b.html?x=y", "page")]
    {
        let page = sites.get(target);
        assert_eq!((page.status, page.body.as_str()), (200, body), "{target}");
        assert!(page.head.contains("content-type: text/html"), "{}", page.head);
    }
    assert_eq!(sites.location("/docs"), (302, "http://site.web.test:8080/docs/".to_owned()));
    let head = sites.ask("HEAD", "site.web.test", "/docs/", "");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert!(head.head.contains("content-length: 4"), "{}", head.head);
    let named = sites.ask("GET", "SITE:80", "/", "");
    assert_eq!((named.status, named.body.as_str()), (200, "home"), "the host is the bucket's name");
    let range = sites.ask("GET", "site.web.test", "/", "Range: bytes=1-2\r\n");
    assert_eq!((range.status, range.body.as_str()), (206, "om"));
    let etag = named.head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().to_owned();
    let known = sites.ask("GET", "site.web.test", "/", &format!("If-None-Match: {etag}\r\n"));
    assert_eq!((known.status, known.body.as_str()), (304, ""));
}

#[tokio::test]
async fn a_bucket_whose_owner_restricts_public_access_shows_nothing() {
    let sites = Sites::start().await;
    sites.put("index.html", b"home").await;
    sites.put("404.html", b"no such page").await;
    let error = ErrorDocument::builder().key("404.html").build().unwrap();
    sites.configure(WebsiteConfiguration::builder().index_document(index()).error_document(error).build()).await;
    let client = sites.server.client();
    let block = |restrict| {
        let block = PublicAccessBlockConfiguration::builder().restrict_public_buckets(restrict).block_public_acls(true);
        client.put_public_access_block().bucket("site").public_access_block_configuration(block.build()).send()
    };
    for (restrict, status) in [(false, 200), (true, 403)] {
        block(restrict).await.unwrap();
        let page = sites.get("/");
        assert_eq!((page.status, page.body.contains("home")), (status, !restrict), "{}", page.body);
        let missing = sites.get("/none");
        assert_eq!(missing.body.contains("no such page"), !restrict, "{}", missing.body);
    }
    client.delete_public_access_block().bucket("site").send().await.unwrap();
    assert_eq!(sites.get("/").status, 200);
}

#[tokio::test]
async fn what_is_missing_has_a_page_that_says_so_and_nothing_of_the_request_is_markup() {
    let sites = Sites::start().await;
    sites.configure(WebsiteConfiguration::builder().index_document(index()).build()).await;
    let missing = sites.get("/%3Cscript%3Ealert(1)%3C/script%3E%22'&amp;");
    assert_eq!(missing.status, 404);
    assert!(missing.head.contains("content-type: text/html; charset=utf-8"), "{}", missing.head);
    assert!(missing.head.contains("x-amz-error-code: nosuchkey"), "{}", missing.head);
    assert!(missing.body.contains("&lt;script&gt;alert(1)") && !missing.body.contains("<script"), "{}", missing.body);
    let error = ErrorDocument::builder().key("404.html").build().unwrap();
    sites.configure(WebsiteConfiguration::builder().index_document(index()).error_document(error).build()).await;
    let without = sites.get("/none");
    assert_eq!(without.status, 404);
    assert_eq!(without.body.matches("NoSuchKey").count(), 2, "{}", without.body);
    sites.put("404.html", b"our own page").await;
    let own = sites.ask("GET", "site.web.test", "/none", "Range: bytes=0-2\r\nIf-None-Match: *\r\n");
    assert_eq!((own.status, own.body.as_str()), (404, "our own page"));
    assert_eq!(sites.ask("HEAD", "site.web.test", "/none", "").body, "");
}

#[tokio::test]
async fn redirects_lead_where_the_owner_sent_them_and_nowhere_else() {
    let sites = Sites::start().await;
    let to = |key: &str| Redirect::builder().replace_key_prefix_with(key).build();
    let rules = [
        rule(Some("old/"), None, to("")),
        rule(Some("img/"), None, Redirect::builder().replace_key_with("gone.html").http_redirect_code("307").build()),
        rule(None, Some("404"), Redirect::builder().host_name("else.test").protocol(Protocol::Https).build()),
    ];
    let website = WebsiteConfiguration::builder().index_document(index()).set_routing_rules(Some(rules.to_vec()));
    sites.configure(website.build()).await;
    sites.put("there.html", b"there").await;
    let here = "http://site.web.test:8080/";
    for (target, status, location) in [
        ("/old/a%20b", 301, format!("{here}a%20b")),
        ("/old//evil.test/x", 301, format!("{here}/evil.test/x")),
        ("/old/%0d%0aSet-Cookie:%20a=b", 301, format!("{here}%0d%0aset-cookie%3a%20a%3db")),
        ("/img/1.png", 307, format!("{here}gone.html")),
        ("/none/x", 301, "https://else.test/none/x".to_owned()),
        ("//evil.test", 301, "https://else.test//evil.test".to_owned()),
    ] {
        assert_eq!(sites.location(target), (status, location), "{target}");
    }
    assert_eq!(sites.get("/there.html").body, "there");
    let client = sites.server.client();
    for (key, stored, location) in [
        ("moved", "/there.html", format!("{here}there.html")),
        ("away", "https://else.test/x", "https://else.test/x".into()),
    ] {
        let put = client.put_object().bucket("site").key(key).website_redirect_location(stored);
        put.body(b"nobody sees this".to_vec().into()).send().await.unwrap();
        assert_eq!(sites.location(&format!("/{key}")), (301, location));
        assert!(!sites.get(&format!("/{key}")).body.contains("nobody"));
    }
    let all = RedirectAllRequestsTo::builder().host_name("all.test").build().unwrap();
    sites.configure(WebsiteConfiguration::builder().redirect_all_requests_to(all).build()).await;
    assert_eq!(sites.location("/there.html?x"), (301, "http://all.test/there.html".to_owned()));
}

/// The website address gives out pages and nothing else, and the S3 address still wants a signature.
#[tokio::test]
async fn a_visitor_reads_pages_and_does_nothing_else() {
    let sites = Sites::start().await;
    sites.put("index.html", b"home").await;
    sites.configure(WebsiteConfiguration::builder().index_document(index()).build()).await;
    sites.server.client().create_bucket().bucket("private").send().await.unwrap();
    let secret = sites.server.client().put_object().bucket("private").key("index.html");
    secret.body(b"secret".to_vec().into()).send().await.unwrap();
    for host in ["private.web.test", "private", "none.web.test", "web.test", "..", "a/b", "site.web.test.evil.test"] {
        let answer = sites.ask("GET", host, "/index.html", "");
        assert!((400..=404).contains(&answer.status) && !answer.body.contains("secret"), "{host}: {}", answer.body);
    }
    for method in ["PUT", "POST", "DELETE", "OPTIONS", "PATCH"] {
        let answer = sites.ask(method, "site.web.test", "/index.html", "Content-Length: 0\r\n");
        assert_eq!(answer.status, 405, "{method}");
        assert!(answer.head.contains("allow: get, head"), "{method}: {}", answer.head);
    }
    for target in ["/?list-type=2", "/?versions", "/?website", "/index.html?versionId=null", "/?acl"] {
        assert_eq!(sites.get(target).body, "home", "a query is the page's own affair: {target}");
    }
    let twice = sites.ask("GET", "site.web.test", "/", "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n");
    assert_eq!(twice.status, 400);
    let unsigned = exchange(&sites.server, b"GET /site/index.html HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    assert_eq!((unsigned.status, unsigned.code()), (403, "AccessDenied"));
}

/// How many tags a page has, and how long its owner keeps it, stood in the answers.
#[tokio::test]
async fn a_visitor_is_told_nothing_of_tags_and_locks() {
    let sites = Sites::start().await;
    sites.configure(WebsiteConfiguration::builder().index_document(index()).build()).await;
    let client = sites.server.client();
    let versions = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    client.put_bucket_versioning().bucket("site").versioning_configuration(versions).send().await.unwrap();
    let lock = ObjectLockConfiguration::builder().object_lock_enabled(ObjectLockEnabled::Enabled).build();
    client.put_object_lock_configuration().bucket("site").object_lock_configuration(lock).send().await.unwrap();
    let put = client.put_object().bucket("site").key("index.html").tagging("a=b").metadata("said", "1");
    let put = put.checksum_algorithm(ChecksumAlgorithm::Crc32).body(b"home".to_vec().into());
    put.object_lock_legal_hold_status(ObjectLockLegalHoldStatus::On).send().await.unwrap();
    for method in ["GET", "HEAD"] {
        let page = sites.ask(method, "site.web.test", "/", "");
        assert_eq!(page.status, 200);
        assert!(page.head.contains("x-amz-meta-said: 1"), "{}", page.head);
        assert!(!page.head.contains("x-amz-tagging") && !page.head.contains("x-amz-object-lock"), "{}", page.head);
    }
}

#[tokio::test]
async fn pages_of_other_origins_read_what_the_buckets_rules_let_them() {
    let sites = Sites::start().await;
    sites.put("font.woff", b"font").await;
    let origin = "Origin: http://page.example\r\n";
    let preflight = format!("{origin}Access-Control-Request-Method: GET\r\nAccess-Control-Request-Headers: Range\r\n");
    let host = "site.web.test";
    let asked = sites.ask("OPTIONS", host, "/font.woff", &preflight);
    assert_eq!(asked.status, 404, "it is no website yet");
    sites.configure(WebsiteConfiguration::builder().index_document(index()).build()).await;
    let refused = sites.ask("OPTIONS", host, "/font.woff", &preflight);
    assert_eq!(refused.status, 403);
    assert!(refused.head.contains("vary: origin"), "{refused:?}");
    assert!(refused.head.contains("text/html") && refused.body.contains("AccessForbidden"), "{refused:?}");
    assert!(!sites.ask("GET", host, "/font.woff", origin).head.contains("access-control-allow"));

    let rule =
        CorsRule::builder().allowed_methods("GET").allowed_origins("http://page.example").allowed_headers("range");
    let rules = CorsConfiguration::builder().cors_rules(rule.build().unwrap()).build().unwrap();
    sites.server.client().put_bucket_cors().bucket("site").cors_configuration(rules).send().await.unwrap();
    let allowed = sites.ask("OPTIONS", host, "/font.woff", &preflight);
    assert_eq!(allowed.status, 200, "{allowed:?}");
    for line in
        ["access-control-allow-origin: http://page.example", "access-control-allow-headers: range", "vary: origin"]
    {
        assert!(allowed.head.contains(line), "{line} in {allowed:?}");
    }
    let font = sites.ask("GET", host, "/font.woff", origin);
    assert_eq!((font.status, font.body.as_str()), (200, "font"));
    assert!(font.head.contains("access-control-allow-origin: http://page.example"));
    let missing = sites.ask("GET", host, "/none", origin);
    assert!(missing.status == 404 && missing.head.contains("access-control-allow-origin"), "{missing:?}");
    for lines in ["Origin: http://other.example\r\n", ""] {
        let other = sites.ask("GET", host, "/font.woff", lines);
        assert!(other.status == 200 && !other.head.contains("access-control-allow"), "{other:?}");
    }
    assert_eq!(sites.ask("OPTIONS", host, "/font.woff", "").status, 405);
}
