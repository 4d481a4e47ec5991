//! The bytes of a connection, cut in any way.

use super::strict_head::StrictHead;

/// What passes the watch when the bytes come in pieces of so many.
fn watch(bytes: &[u8], piece: usize) -> (Vec<u8>, bool, bool) {
    let (mut head, mut passed) = (StrictHead::new(), Vec::new());
    for piece in bytes.chunks(piece) {
        let mut piece = piece.to_vec();
        let length = head.inspect(&mut piece);
        passed.extend_from_slice(&piece[..length]);
        if length < piece.len() {
            break;
        }
    }
    (passed, head.refused().is_some(), head.is_spoiled())
}

/// The first byte says how the rest is cut. Cuts make no difference, and what passes is what came, or zeros.
pub fn request_head(bytes: &[u8]) {
    let Some((cut, bytes)) = bytes.split_first() else { return };
    let whole = watch(bytes, usize::MAX);
    let (passed, is_refused, is_spoiled) = &whole;
    let end = passed.iter().zip(bytes).take_while(|(out, into)| out == into).count();
    assert!(end == passed.len() || (*is_spoiled && passed[end..].iter().all(|byte| *byte == 0)), "other bytes pass");
    let in_pieces = watch(bytes, usize::from(*cut).max(1));
    assert_eq!((is_refused, is_spoiled), (&in_pieces.1, &in_pieces.2), "a cut makes a difference");
    if !is_refused && !is_spoiled {
        assert_eq!(*passed, in_pieces.0);
    }
}
