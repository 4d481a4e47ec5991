//! What a document may hold, as Amazon S3's published schema has it.
//!
//! S3 refuses an element that its schema does not name (seen with `ETag` in DeleteObjects, which SDKs sent before S3 knew it)
//! and a document without anything that it must hold. A document that names no namespace it takes, and many clients send
//! such. The order of elements and their attributes are left free.

/// Each element that holds others, with the names of those; the root first. Every other element holds text.
#[derive(Clone, Copy, Debug)]
pub struct Schema(pub &'static [(&'static str, &'static [&'static str])]);

/// The names of elements that one may hold.
pub type Children = &'static [&'static str];

impl Schema {
    pub fn is_root(self, name: &str) -> bool {
        self.0.first().is_some_and(|(root, _)| *root == name)
    }

    /// `None`: it holds text.
    pub fn children_of(self, name: &str) -> Option<Children> {
        self.0.iter().find(|(parent, _)| *parent == name).map(|(_, children)| *children)
    }
}

/// S3's own namespace, and that of its first documentation, which fog still sends; either may end with a slash.
const NAMESPACES: [&str; 2] = ["http://s3.amazonaws.com/doc/2006-03-01", "http://doc.s3.amazonaws.com/2006-03-01"];

pub fn is_namespace_of_s3(name: &str) -> bool {
    NAMESPACES.contains(&name.strip_suffix('/').unwrap_or(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3::xml::NAMESPACE;

    #[test]
    fn what_is_written_may_be_read() {
        assert!(is_namespace_of_s3(NAMESPACE));
        for foreign in ["", "/", "urn:other", "http://s3.amazonaws.com/doc/2006-03-01//"] {
            assert!(!is_namespace_of_s3(foreign), "{foreign}");
        }
    }
}
