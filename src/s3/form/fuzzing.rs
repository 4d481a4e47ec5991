//! Forms of any bytes, cut in any way, and the policies in them.

use super::{
    FormFields, Policy,
    multipart::{MultipartDecoder, Step},
};
use crate::types::Timestamp;

type Part = (String, Vec<u8>);

/// The parts, and whether the form is one as far as it goes.
fn take_apart(body: &[u8], piece: usize) -> (Vec<Part>, bool) {
    let (mut decoder, mut parts) = (MultipartDecoder::new("b"), Vec::<Part>::new());
    for piece in body.chunks(piece) {
        decoder.push(piece);
        loop {
            match decoder.step() {
                Ok(Step::Part(head)) => parts.push((head.name, Vec::new())),
                Ok(Step::Data(bytes)) => {
                    let (_, content) = parts.last_mut().expect("data before the first part");
                    content.extend_from_slice(&bytes);
                }
                Ok(Step::PartEnd) => {}
                Ok(Step::NeedInput | Step::End) => break,
                Err(_) => return (parts, false),
            }
        }
        assert!(decoder.passed_bytes() <= body.len() as u64 + 2, "more was taken apart than has come");
    }
    (parts, true)
}

/// The first byte says how the rest is cut. Cuts make no difference to a form; a policy says yes only to what it covers.
pub fn form(bytes: &[u8]) {
    let Some((cut, body)) = bytes.split_first() else { return };
    let (parts, is_form) = take_apart(body, usize::MAX);
    let (in_pieces, is_form_in_pieces) = take_apart(body, usize::from(*cut).max(1));
    assert_eq!(is_form, is_form_in_pieces);
    if is_form {
        assert_eq!(parts, in_pieces);
    }
    let mut fields = FormFields::default();
    for (name, value) in parts {
        let _ = fields.add(&name, value);
    }
    fields.set_file_name("directory/name");
    let _ = fields.key();
    let _ = fields.to_headers();
    let Some(policy) = fields.get("policy").and_then(|policy| Policy::parse(policy).ok()) else { return };
    let _ = policy.check(&fields, Timestamp::from_unix_millis(0));
}
