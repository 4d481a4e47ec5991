//! Reads request bodies: bounded, no DTD, then serde. Whatever is wrong is `MalformedXML`.

use crate::s3::error::{S3Code, S3Error};
use quick_xml::{Reader, events::Event};
use serde::de::DeserializeOwned;

/// Nesting that S3's documents need is 7 (replication rules); the rest is room.
const DEPTH_MAX: usize = 16;

/// Elements in one document: CompleteMultipartUpload has 10 000 parts of up to 8 elements.
const ELEMENTS_MAX: usize = 100_000;

/// Reads a document whose root element is `root`. The caller has bounded the length of `bytes`.
pub fn read<T: DeserializeOwned>(bytes: &[u8], root: &str) -> Result<T, S3Error> {
    let text = std::str::from_utf8(bytes).map_err(|_| malformed())?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    check_structure(text, root)?;
    quick_xml::de::from_str(text).map_err(|_| malformed())
}

fn malformed() -> S3Error {
    S3Error::new(S3Code::MalformedXML)
}

/// One pass over the events: well-formed, one root of the right name, bounded in depth and number.
fn check_structure(text: &str, root: &str) -> Result<(), S3Error> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_end_names = true;
    let (mut depth, mut elements, mut roots) = (0_usize, 0_usize, 0_usize);
    loop {
        let event = reader.read_event().map_err(|_| malformed())?;
        if let Event::Start(element) | Event::Empty(element) = &event {
            elements += 1;
            if depth == 0 {
                roots += 1;
                let name = element.local_name();
                if name.as_ref() != root {
                    return Err(malformed());
                }
            }
        }
        match event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth = depth.checked_sub(1).ok_or_else(malformed)?,
            Event::DocType(_) | Event::PI(_) => return Err(malformed()),
            Event::Decl(_) if depth > 0 || roots > 0 => return Err(malformed()),
            // Outside of the root a document has comments and white space.
            Event::Text(text) if depth == 0 && !is_white(&text) => return Err(malformed()),
            Event::CData(_) | Event::GeneralRef(_) if depth == 0 => return Err(malformed()),
            Event::Eof => break,
            Event::Empty(_)
            | Event::Text(_)
            | Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::GeneralRef(_) => {}
        }
        if depth > DEPTH_MAX || elements > ELEMENTS_MAX || roots > 1 {
            return Err(malformed());
        }
    }
    if depth == 0 && roots == 1 { Ok(()) } else { Err(malformed()) }
}

/// XML's white space, which is less than Unicode's.
fn is_white(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Delete {
        #[serde(rename = "Object", default)]
        objects: Vec<Object>,
        #[serde(rename = "Quiet", default)]
        quiet: bool,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Object {
        #[serde(rename = "Key")]
        key: String,
    }

    fn code(text: &str) -> S3Code {
        read::<Delete>(text.as_bytes(), "Delete").unwrap_err().code()
    }

    #[test]
    fn a_document_with_namespace_entities_and_comments_is_read() {
        let text = "<?xml version=\"1.0\"?><!-- x --><Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
                    <Object><Key>a&amp;b&#x1; c</Key></Object><Quiet>true</Quiet><Unknown><x/></Unknown></Delete>";
        let delete: Delete = read(text.as_bytes(), "Delete").unwrap();
        assert_eq!(delete, Delete { objects: vec![Object { key: "a&b\u{1} c".into() }], quiet: true });
    }

    #[test]
    fn white_space_and_comments_may_stand_around_the_root() {
        let text = "\u{feff}<?xml version=\"1.0\"?>\r\n\t<!-- a --> <Delete/>\n<!-- b -->\r\n ";
        assert_eq!(read::<Delete>(text.as_bytes(), "Delete").unwrap(), Delete { objects: vec![], quiet: false });
    }

    #[test]
    fn hostile_documents_are_malformed() {
        let deep = format!("<Delete>{}{}</Delete>", "<a>".repeat(20), "</a>".repeat(20));
        let wide = format!("<Delete>{}</Delete>", "<a/>".repeat(ELEMENTS_MAX));
        let billion_laughs =
            "<!DOCTYPE lolz [<!ENTITY lol \"lol\">]><Delete><Object><Key>&lol;</Key></Object></Delete>";
        for text in [
            "",
            "x",
            "<Delete>",
            "</Delete>",
            "<Delete></Other>",
            "<Other></Other>",
            "<Delete/><Delete/>",
            "<Delete></Delete>junk",
            "<Delete></Delete>\u{a0}",
            "<Delete></Delete><![CDATA[ ]]>",
            "<Delete></Delete>&amp;",
            "<Delete></Delete>&#32;",
            "<Delete></Delete><?xml version=\"1.0\"?>",
            "<Delete><?xml version=\"1.0\"?></Delete>",
            "junk<Delete></Delete>",
            "<Delete><Object/></Delete>",
            "<Delete><Object><Key>&unknown;</Key></Object></Delete>",
            "<?xml-stylesheet href=\"x\"?><Delete/>",
            billion_laughs,
            &deep,
            &wide,
        ] {
            assert_eq!(code(text), S3Code::MalformedXML, "{}", &text[..text.len().min(80)]);
        }
        assert!(read::<Delete>(b"<Delete>\xff</Delete>", "Delete").is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read::<Delete>(&bytes, "Delete");
        }

        #[test]
        fn no_markup_makes_the_reader_panic(text in "(<|>|/|&|;|Delete|Object|Key|!|\\[|\\]|CDATA|--|\"|=| |x){0,60}") {
            let _ = read::<Delete>(text.as_bytes(), "Delete");
        }
    }
}
