//! PutBucketWebsite. What the website itself answers: `tests/s3_wire/website.rs`.

use crate::fixture::Fixture;

const INDEX: &str =
    "<WebsiteConfiguration><IndexDocument><Suffix>index.html</Suffix></IndexDocument></WebsiteConfiguration>";

#[tokio::test]
async fn a_configuration_replaces_the_one_before() {
    let fixture = Fixture::new().await;
    let redirect = "<WebsiteConfiguration><RedirectAllRequestsTo><HostName>a.example</HostName></RedirectAllRequestsTo>\
                    </WebsiteConfiguration>";
    for body in [redirect, INDEX] {
        assert_eq!(fixture.raw("PUT", "?website").body(body).send().await.status, 200);
    }
    let got = fixture.raw("GET", "?website").send().await;
    assert!(got.text().contains("<Suffix>index.html</Suffix>") && !got.text().contains("HostName"), "{}", got.text());
}

#[tokio::test]
async fn what_is_no_configuration_is_refused_and_changes_nothing() {
    let fixture = Fixture::new().await;
    for (body, code) in [
        ("<WebsiteConfiguration/>", "InvalidArgument"),
        (
            "<WebsiteConfiguration><IndexDocument><Suffix>a/b</Suffix></IndexDocument></WebsiteConfiguration>",
            "InvalidArgument",
        ),
        ("<WebsiteConfiguration><Other/></WebsiteConfiguration>", "MalformedXML"),
        ("<Website/>", "MalformedXML"),
        ("", "MalformedXML"),
    ] {
        let refused = fixture.raw("PUT", "?website").body(body).send().await;
        assert_eq!((refused.status, refused.code().as_str()), (400, code), "{body}");
    }
    assert_eq!(fixture.raw("GET", "?website").send().await.code(), "NoSuchWebsiteConfiguration");
    let nowhere =
        crate::raw::RawRequest::new(&fixture, "PUT", "/no-such-bucket-anywhere?website").body(INDEX).send().await;
    assert_eq!((nowhere.status, nowhere.code().as_str()), (404, "NoSuchBucket"));
}
