//! The content that the crash and fault tests write recognises what it is and what it is not.

use crate::support::content::Write;

#[test]
fn a_body_is_recognised_and_a_wrong_one_is_not() {
    let write = Write { seed: 7, length: 1000 };
    let body = write.body("a");
    assert_eq!(Write::recognise("a", &body), Ok(write));
    assert!(Write::recognise("b", &body).is_err(), "the body of another key");
    assert!(Write::recognise("a", &body[..999]).is_err(), "a short body");
    for at in [0, 10, 30, 999] {
        let mut wrong = body.clone();
        wrong[at] ^= 1;
        assert!(Write::recognise("a", &wrong).is_err(), "byte {at}");
    }
}
