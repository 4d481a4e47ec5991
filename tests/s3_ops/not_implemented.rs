//! What we don't have yet says so: 501, never a 200 that does nothing.

use crate::fixture::Fixture;

#[tokio::test]
async fn settings_that_we_lack_are_501_and_change_nothing() {
    let fixture = Fixture::new().await;
    fixture.put("key", "x").await;
    let requests = [
        ("PUT", "?policy"),
        ("PUT", "?encryption"),
        ("PUT", "?replication"),
        ("PUT", "?notification"),
        ("POST", "/key?restore"),
        ("POST", "/key?select&select-type=2"),
        ("GET", "/key?torrent"),
    ];
    for (method, target) in requests {
        let answer = fixture.raw(method, target).body("<X/>").send().await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (501, "NotImplemented"),
            "{method} {target}: {}",
            answer.text()
        );
    }
    assert_eq!(fixture.get("key").await, b"x");
}

#[tokio::test]
async fn a_method_that_a_resource_lacks_is_405_with_those_that_it_has() {
    let fixture = Fixture::new().await;
    fixture.put("key", "x").await;
    for (method, target, allowed) in [
        ("PATCH", "", "GET, HEAD, PUT, DELETE, POST"),
        ("POST", "/key", "GET, HEAD, PUT, DELETE"),
        ("DELETE", "?location", "GET"),
        ("GET", "/key?uploads", "POST"),
        ("DELETE", "?uploadId=x", ""),
    ] {
        let answer = fixture.raw(method, target).send().await;
        assert_eq!((answer.status, answer.code().as_str()), (405, "MethodNotAllowed"), "{method} {target}");
        assert_eq!(answer.header("allow"), Some(allowed), "{method} {target}");
    }
    assert_eq!(fixture.get("key").await, b"x");
}
