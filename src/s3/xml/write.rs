//! Writes response bodies. Names are literals of ours; text is escaped here and nowhere else.

use super::NAMESPACE;
use crate::s3::percent::{self, Slash};
use bytes::Bytes;
use std::fmt::Write as _;

/// How keys, prefixes, delimiters and markers are written: `encoding-type=url` or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TextEncoding {
    /// As they are, XML-escaped.
    #[default]
    Plain,
    /// Percent-encoded, `/` kept, as S3 does.
    Url,
}

/// Builds one document. Elements close in the order in which their closures end, so it is always well-formed.
#[derive(Debug)]
pub struct XmlWriter {
    out: String,
    root: &'static str,
}

impl XmlWriter {
    /// A document of S3's namespace.
    pub fn document(root: &'static str) -> Self {
        Self::list_document(root, 0)
    }

    /// The same with room for so many entries of a list, so that it need not be moved as it grows.
    pub fn list_document(root: &'static str, entries: usize) -> Self {
        /// With a key of usual length.
        const ENTRY_BYTES: usize = 320;
        let mut writer = Self::begin(root, entries * ENTRY_BYTES);
        let _ = write!(writer.out, "<{root} xmlns=\"{NAMESPACE}\">");
        writer
    }

    /// A document without a namespace: error bodies.
    pub fn plain_document(root: &'static str) -> Self {
        let mut writer = Self::begin(root, 0);
        let _ = write!(writer.out, "<{root}>");
        writer
    }

    fn begin(root: &'static str, room_bytes: usize) -> Self {
        let mut out = String::with_capacity(1024 + room_bytes);
        out.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        Self { out, root }
    }

    /// `<name>text</name>`.
    pub fn text(&mut self, name: &str, text: &str) -> &mut Self {
        self.open(name);
        escape_into(&mut self.out, text);
        self.close(name)
    }

    /// `<name>text</name>`, percent-encoded when the client asked for it.
    pub fn key(&mut self, name: &str, text: &str, encoding: TextEncoding) -> &mut Self {
        match encoding {
            TextEncoding::Plain => self.text(name, text),
            TextEncoding::Url => {
                self.open(name);
                self.out.push_str(&percent::encode(text, Slash::Kept));
                self.close(name)
            }
        }
    }

    /// The element only when there is a value.
    pub fn optional_text(&mut self, name: &str, text: Option<&str>) -> &mut Self {
        match text {
            Some(text) => self.text(name, text),
            None => self,
        }
    }

    pub fn number(&mut self, name: &str, number: u64) -> &mut Self {
        self.open(name);
        let _ = write!(self.out, "{number}");
        self.close(name)
    }

    pub fn flag(&mut self, name: &str, flag: bool) -> &mut Self {
        self.text(name, if flag { "true" } else { "false" })
    }

    /// `<name>` and what `content` writes.
    pub fn element(&mut self, name: &str, content: impl FnOnce(&mut Self)) -> &mut Self {
        self.open(name);
        content(self);
        self.close(name)
    }

    /// `<name attributes>` and what `content` writes. `attributes` is a literal of ours.
    pub fn element_with(&mut self, name: &str, attributes: &'static str, content: impl FnOnce(&mut Self)) -> &mut Self {
        let _ = write!(self.out, "<{name} {attributes}>");
        content(self);
        self.close(name)
    }

    /// Text directly inside the current element: `<LocationConstraint>eu-west-1</LocationConstraint>` as a root.
    pub fn content(&mut self, text: &str) -> &mut Self {
        escape_into(&mut self.out, text);
        self
    }

    pub fn finish(mut self) -> Bytes {
        let root = self.root;
        self.close(root);
        Bytes::from(self.out)
    }

    fn open(&mut self, name: &str) {
        self.out.push('<');
        self.out.push_str(name);
        self.out.push('>');
    }

    fn close(&mut self, name: &str) -> &mut Self {
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
        self
    }
}

/// ASCII that stands for itself in XML.
const IS_PLAIN: [bool; 256] = {
    let mut is_plain = [false; 256];
    let mut byte = b' ';
    while byte < 0x7F {
        is_plain[byte as usize] = !matches!(byte, b'&' | b'<' | b'>' | b'"' | b'\'');
        byte += 1;
    }
    is_plain
};

/// Escapes markup, and control characters as numeric references. What XML 1.0 can't carry, not even so (its production
/// `Char`), stands as U+FFFD: S3 writes a reference that parsers refuse, and with it the whole list. Who has such keys
/// asks for `encoding-type=url`.
fn escape_into(out: &mut String, text: &str) {
    let mut rest = text;
    // A page of a list has six thousand texts, nearly all of them plain to the end.
    while let Some(plain) = rest.bytes().position(|byte| !IS_PLAIN[usize::from(byte)]) {
        let (before, from) = rest.split_at(plain);
        out.push_str(before);
        let mut chars = from.chars();
        chars.next().into_iter().for_each(|c| escape_char(out, c));
        rest = chars.as_str();
    }
    out.push_str(rest);
}

fn escape_char(out: &mut String, c: char) {
    match c {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '"' => out.push_str("&quot;"),
        '\'' => out.push_str("&apos;"),
        '\n' => out.push('\n'),
        '\u{FFFE}' | '\u{FFFF}' => out.push(char::REPLACEMENT_CHARACTER),
        '\0'..=' ' if !matches!(c, '\t' | '\r') => out.push(char::REPLACEMENT_CHARACTER),
        control if control.is_control() => {
            let _ = write!(out, "&#x{:X};", u32::from(control));
        }
        other => out.push(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn documents_are_escaped_and_well_formed() {
        let mut writer = XmlWriter::document("ListBucketResult");
        writer.text("Name", "a<b>&\"'\u{1}\r\n\t\u{7f}\u{ffff}").number("MaxKeys", 7).flag("IsTruncated", false);
        writer.element("Contents", |w| {
            w.key("Key", "a/b ü", TextEncoding::Url).key("Key", "a/b ü", TextEncoding::Plain);
        });
        let text = String::from_utf8(writer.finish().to_vec()).unwrap();
        assert_eq!(
            text,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
             <Name>a&lt;b&gt;&amp;&quot;&apos;\u{fffd}&#xD;\n&#x9;&#x7F;\u{fffd}</Name><MaxKeys>7</MaxKeys><IsTruncated>false</IsTruncated>\
             <Contents><Key>a/b%20%C3%BC</Key><Key>a/b ü</Key></Contents></ListBucketResult>"
        );
    }

    proptest! {
        #[test]
        fn no_text_breaks_out_of_its_element(text in "(\\PC|[\u{0}-\u{20}&<>\u{FFFE}\u{FFFF}]){0,40}") {
            let mut writer = XmlWriter::plain_document("a");
            writer.text("b", &text);
            let bytes = writer.finish();
            let inner = std::str::from_utf8(&bytes).unwrap().split_once("<a><b>").unwrap().1.strip_suffix("</b></a>").unwrap();
            prop_assert!(!inner.contains(['<', '>']));
            let is_allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..);
            prop_assert!(quick_xml::escape::unescape(inner).unwrap().chars().all(is_allowed));
        }
    }
}
