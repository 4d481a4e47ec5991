//! Reads request bodies: bounded, no DTD, nothing that the schema does not name, then serde. Whatever is wrong is
//! `MalformedXML`.

use super::schema::{Children, Schema, is_namespace_of_s3};
use crate::s3::error::{S3Code, S3Error};
use quick_xml::{NsReader, events::Event, name::ResolveResult};
use serde::de::DeserializeOwned;

/// Elements in one document: CompleteMultipartUpload has 10 000 parts of up to 8 elements.
const ELEMENTS_MAX: usize = 100_000;

/// Reads a document of this schema. The caller has bounded the length of `bytes`.
pub fn read<T: DeserializeOwned>(bytes: &[u8], schema: Schema) -> Result<T, S3Error> {
    let text = std::str::from_utf8(bytes).map_err(|_| malformed())?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    check_structure(text, schema)?;
    quick_xml::de::from_str(text).map_err(|_| malformed())
}

fn malformed() -> S3Error {
    S3Error::new(S3Code::MalformedXML)
}

/// Where a pass over the events stands.
struct Position {
    schema: Schema,
    /// Of each open element what it may hold; `None`: text. It gets no deeper than the schema.
    open: Vec<Option<Children>>,
    elements: usize,
}

impl Position {
    fn begin(&mut self, name: &str) -> Result<(), S3Error> {
        let is_expected = match self.open.last() {
            None => self.elements == 0 && self.schema.is_root(name),
            Some(children) => children.is_some_and(|children| children.contains(&name)),
        };
        self.elements += 1;
        if !is_expected || self.elements > ELEMENTS_MAX {
            return Err(malformed());
        }
        self.open.push(self.schema.children_of(name));
        Ok(())
    }

    fn end(&mut self) -> Result<(), S3Error> {
        self.open.pop().map(drop).ok_or_else(malformed)
    }

    fn takes_text(&self) -> bool {
        matches!(self.open.last(), Some(None))
    }
}

/// One pass over the events: well-formed, and of the schema.
fn check_structure(text: &str, schema: Schema) -> Result<(), S3Error> {
    let mut reader = NsReader::from_str(text);
    reader.config_mut().check_end_names = true;
    let mut position = Position { schema, open: Vec::new(), elements: 0 };
    loop {
        let (namespace, event) = reader.read_resolved_event().map_err(|_| malformed())?;
        match event {
            Event::Start(_) | Event::Empty(_) if !is_ours(&namespace) => return Err(malformed()),
            Event::Start(element) => position.begin(element.local_name().as_ref())?,
            Event::Empty(element) => {
                position.begin(element.local_name().as_ref())?;
                position.end()?;
            }
            Event::End(_) => position.end()?,
            Event::DocType(_) | Event::PI(_) => return Err(malformed()),
            Event::Decl(_) if position.elements > 0 => return Err(malformed()),
            // Around the root and between elements there are comments and white space.
            Event::Text(text) if !position.takes_text() && !is_white(&text) => return Err(malformed()),
            Event::CData(_) | Event::GeneralRef(_) if !position.takes_text() => return Err(malformed()),
            Event::Eof => break,
            Event::Text(_) | Event::CData(_) | Event::Comment(_) | Event::Decl(_) | Event::GeneralRef(_) => {}
        }
    }
    if position.open.is_empty() && position.elements > 0 { Ok(()) } else { Err(malformed()) }
}

/// A prefix that nothing declares is foreign as well.
fn is_ours(namespace: &ResolveResult<'_>) -> bool {
    match namespace {
        ResolveResult::Unbound => true,
        ResolveResult::Bound(namespace) => is_namespace_of_s3(namespace.0),
        ResolveResult::Unknown(_) => false,
    }
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

    const SCHEMA: Schema = Schema(&[("Delete", &["Object", "Quiet"]), ("Object", &["Key", "Size"])]);

    fn delete(text: &str) -> Result<Delete, S3Code> {
        read(text.as_bytes(), SCHEMA).map_err(|error| error.code())
    }

    fn one(key: &str) -> Delete {
        Delete { objects: vec![Object { key: key.into() }], quiet: false }
    }

    #[test]
    fn a_document_with_namespace_entities_and_comments_is_read() {
        let text = "<?xml version=\"1.0\"?><!-- x --><Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\n\
                    <Object><Key>a&amp;b&#x1; c</Key></Object><!-- y --> <Quiet>false</Quiet></Delete>";
        assert_eq!(delete(text), Ok(one("a&b\u{1} c")));
        assert_eq!(
            delete("<Delete><Object><Size>1</Size><Key><![CDATA[<a>]]></Key></Object></Delete>"),
            Ok(one("<a>"))
        );
    }

    #[test]
    fn white_space_and_comments_may_stand_around_the_root() {
        let text = "\u{feff}<?xml version=\"1.0\"?>\r\n\t<!-- a --> <Delete/>\n<!-- b -->\r\n ";
        assert_eq!(delete(text), Ok(Delete { objects: vec![], quiet: false }));
    }

    #[test]
    fn the_namespace_is_that_of_s3_or_none() {
        let with = |declaration: &str, prefix: &str| {
            let key = format!("<{prefix}Key>a</{prefix}Key>");
            delete(&format!("<{prefix}Delete {declaration}><{prefix}Object>{key}</{prefix}Object></{prefix}Delete>"))
        };
        for (declaration, prefix) in [
            ("", ""),
            ("xmlns=\"\"", ""),
            ("xmlns=\"http://s3.amazonaws.com/doc/2006-03-01\"", ""),
            ("xmlns='http://doc.s3.amazonaws.com/2006-03-01'", ""),
            ("xmlns:s3=\"http://s3.amazonaws.com/doc/2006-03-01/\"", "s3:"),
            ("xmlns:other=\"urn:other\" other:attribute=\"1\"", ""),
        ] {
            assert_eq!(with(declaration, prefix), Ok(one("a")), "{declaration}");
        }
        for (declaration, prefix) in [
            ("xmlns=\"urn:other\"", ""),
            ("xmlns=\"http://s3.amazonaws.com/doc/2026-03-01/\"", ""),
            ("xmlns:s3=\"urn:other\"", "s3:"),
            ("", "s3:"),
        ] {
            assert_eq!(with(declaration, prefix), Err(S3Code::MalformedXML), "{declaration}");
        }
        let inside = "<Delete><Object xmlns=\"urn:other\"><Key>a</Key></Object></Delete>";
        assert_eq!(delete(inside), Err(S3Code::MalformedXML));
    }

    #[test]
    fn what_the_schema_does_not_name_is_malformed() {
        let object = "<Object><Key>a</Key></Object>";
        assert_eq!(delete(&format!("<Delete>{object}</Delete>")), Ok(one("a")));
        for text in [
            format!("<Delete>{object}<Unknown/></Delete>"),
            format!("<Delete>{object}<Key>b</Key></Delete>"),
            format!("<Delete>{object}<object><Key>b</Key></object></Delete>"),
            "<Delete><Object><Key>a<Size/></Key></Object></Delete>".to_owned(),
            "<Delete><Object><Key>a</Key><Object/></Object></Delete>".to_owned(),
            format!("<Delete>{object}junk</Delete>"),
            format!("<Delete>&amp;{object}</Delete>"),
            format!("<Delete><![CDATA[ ]]>{object}</Delete>"),
        ] {
            assert_eq!(delete(&text), Err(S3Code::MalformedXML), "{text}");
        }
    }

    #[test]
    fn hostile_documents_are_malformed() {
        let deep = format!("<Delete>{}{}</Delete>", "<Object>".repeat(20), "</Object>".repeat(20));
        let wide = format!("<Delete>{}</Delete>", "<Object><Key/></Object>".repeat(ELEMENTS_MAX / 2));
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
            assert_eq!(delete(text), Err(S3Code::MalformedXML), "{}", &text[..text.len().min(80)]);
        }
        assert!(read::<Delete>(b"<Delete>\xff</Delete>", SCHEMA).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read::<Delete>(&bytes, SCHEMA);
        }

        #[test]
        fn no_markup_makes_the_reader_panic(text in "(<|>|/|&|;|Delete|Object|Key|!|\\[|\\]|CDATA|--|\"|=| |x){0,60}") {
            let _ = read::<Delete>(text.as_bytes(), SCHEMA);
        }
    }
}
