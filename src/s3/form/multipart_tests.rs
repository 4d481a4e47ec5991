//! Forms in pieces of any size, and bytes that are none.

use super::{
    file::{FileStep, FormFile},
    multipart::{MultipartDecoder, Step},
};
use crate::objects::BodyError;
use proptest::prelude::*;

type Part = (String, Option<String>, Vec<u8>);

fn part(name: &str, file_name: Option<&str>, content: &[u8]) -> Part {
    (name.to_owned(), file_name.map(str::to_owned), content.to_vec())
}

/// As browsers write it.
fn form(boundary: &str, parts: &[Part]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, file_name, content) in parts {
        let file_name = file_name.as_ref().map(|name| format!("; filename=\"{name}\"\r\nContent-Type: text/plain"));
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"{}\r\n\r\n",
            file_name.unwrap_or_default()
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    body
}

/// The parts, and whether the end came.
fn decode(boundary: &str, pieces: impl Iterator<Item = impl AsRef<[u8]>>) -> Result<(Vec<Part>, bool), BodyError> {
    let (mut decoder, mut parts, mut is_over) = (MultipartDecoder::new(boundary), Vec::new(), false);
    for piece in pieces {
        decoder.push(piece.as_ref());
        loop {
            match decoder.step()? {
                Step::NeedInput => break,
                Step::Part(head) => parts.push((head.name, head.file_name, Vec::new())),
                Step::Data(bytes) => {
                    assert!(!bytes.is_empty());
                    parts.last_mut().expect("a part began").2.extend_from_slice(&bytes);
                }
                Step::PartEnd => {}
                Step::End => {
                    is_over = true;
                    break;
                }
            }
        }
    }
    Ok((parts, is_over))
}

#[test]
fn a_form_is_taken_apart() {
    let parts = [
        part("key", None, b"a"),
        part("empty", None, b""),
        part("file", Some("x.bin"), b"\r\n--\r\n--b\r\n\r\n--bound"),
        part("behind", None, b"\r"),
    ];
    let body = [b"preamble\r\n".as_slice(), &form("bound-ary", &parts), b"epilogue"].concat();
    assert_eq!(decode("bound-ary", [&body].into_iter()).unwrap(), (parts.to_vec(), true));
    assert_eq!(decode("bound-ary", body.chunks(1)).unwrap(), (parts.to_vec(), true));
}

#[test]
fn what_is_no_form_is_malformed() {
    let head = "Content-Disposition: form-data; name=\"a\"";
    for text in [
        format!("--b {head}\r\n\r\n"),
        format!("--bx\r\n{head}\r\n\r\n"),
        "--b\r\n\r\nno head\r\n--b--".to_owned(),
        "--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--".to_owned(),
        "--b\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\nx".to_owned(),
        "--b\r\nContent-Disposition: form-data\r\n\r\nx".to_owned(),
        "--b\r\nContent-Disposition: form-data; name=\"\"\r\n\r\nx".to_owned(),
        format!("--b\r\n{head}\r\n{head}\r\n\r\nx"),
        format!("--b\r\nno colon\r\n{head}\r\n\r\nx"),
        format!("--b\r\n{head}\r\nX: {}", "x".repeat(5000)),
    ] {
        assert_eq!(decode("b", [text.as_bytes()].into_iter()), Err(BodyError::MalformedForm), "{text}");
    }
}

/// The lengths that are allowed, the form, and what becomes of its file.
#[test]
fn a_file_ends_only_with_its_form_and_within_its_lengths() {
    let file = |body: &[u8], allowed| {
        let mut decoder = MultipartDecoder::new("b");
        decoder.push(body);
        while !matches!(decoder.step().unwrap(), Step::Part(head) if head.name == "file") {}
        let (mut file, mut content) = (FormFile::new(decoder).within(allowed), Vec::new());
        loop {
            match file.step()? {
                FileStep::Data(bytes) => content.extend_from_slice(&bytes),
                FileStep::NeedInput => return file.finish().map(|()| content),
            }
        }
    };
    let whole = form("b", &[part("file", Some("x"), b"12345"), part("submit", None, b"Upload")]);
    assert_eq!(file(&whole, 0..=u64::MAX).unwrap(), b"12345");
    assert_eq!(file(&whole, 5..=5).unwrap(), b"12345");
    assert_eq!(file(&whole, 0..=4), Err(BodyError::TooLong { length: 5, most: 4 }));
    assert_eq!(file(&whole, 6..=9), Err(BodyError::TooShort { length: 5, least: 6 }));
    let begin = whole.windows(5).position(|window| window == b"12345").unwrap();
    for cut in begin..whole.len() - 4 {
        assert_eq!(file(&whole[..cut], 0..=u64::MAX), Err(BodyError::MalformedForm), "{cut}");
    }
    let long = form("b", &[part("file", Some("x"), b"1"), part("behind", None, &[b'x'; 30 << 10])]);
    assert_eq!(file(&long, 0..=u64::MAX), Err(BodyError::MalformedForm));
}

proptest! {
    #[test]
    fn however_it_is_cut_a_form_is_the_same(
        contents in prop::collection::vec("(\r|\n|\r\n|-|--b|b|x){0,12}", 1..5), size in 1..40_usize,
    ) {
        // What holds the boundary on a line is no content of such a form.
        prop_assume!(contents.iter().all(|content| !content.contains("\r\n--b")));
        let parts: Vec<Part> = contents.iter().map(|content| part("f", None, content.as_bytes())).collect();
        let body = form("b", &parts);
        prop_assert_eq!(decode("b", body.chunks(size)).unwrap(), (parts, true));
    }

    #[test]
    fn no_bytes_make_the_decoder_panic_or_hold_more_than_it_was_given(
        bytes in prop::collection::vec(any::<u8>(), 0..300), text in "(\r\n|--b|--|Content-Disposition: form-data; name=|a|\"|;|:){0,40}", size in 1..20_usize,
    ) {
        for body in [&bytes[..], text.as_bytes()] {
            if let Ok((parts, _)) = decode("b", body.chunks(size)) {
                let length: usize = parts.iter().map(|(_, _, content)| content.len()).sum();
                prop_assert!(length <= body.len());
            }
        }
    }
}
