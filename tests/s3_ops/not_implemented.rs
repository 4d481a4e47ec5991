//! What we don't have yet says so: 501, never a 200 that does nothing.

use crate::fixture::Fixture;

#[tokio::test]
async fn settings_that_we_lack_are_501_and_change_nothing() {
    let fixture = Fixture::new().await;
    fixture.put("key", "x").await;
    let requests = [
        ("PUT", "?versioning"),
        ("PUT", "?policy"),
        ("PUT", "?cors"),
        ("PUT", "?lifecycle"),
        ("PUT", "?encryption"),
        ("PUT", "?object-lock"),
        ("PUT", "?website"),
        ("PUT", "?replication"),
        ("PUT", "?notification"),
        ("PUT", "/key?retention"),
        ("PUT", "/key?legal-hold"),
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
