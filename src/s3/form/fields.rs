//! The fields of a form that stand before its file: by names whose case says nothing, each once.

use crate::{
    s3::error::{S3Code, S3Error},
    types::{BucketName, InvalidObjectKey, ObjectKey},
};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::collections::BTreeMap;

/// Stands for the name of the file that the user chose.
const FILE_NAME: &str = "${filename}";

/// Fields that say the same as the header of their name. Amazon S3 API Reference, "HTML form fields", with the other headers
/// of a PutObject that describe the object; and conditions, which are refused as on all writes that read none.
const AS_HEADERS: [&str; 11] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-md5",
    "content-type",
    "expires",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-unmodified-since",
];

/// About the signature, not about the object.
const OF_SIGNATURES: [&str; 5] =
    ["x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-security-token", "x-amz-signature"];

#[derive(Clone, Debug, Default)]
pub struct FormFields(BTreeMap<String, String>);

impl FormFields {
    /// Two values of one name would be one that is checked and one that is used. What is to be ignored may stand often.
    pub fn add(&mut self, name: &str, value: Vec<u8>) -> Result<(), S3Error> {
        let lower = name.to_ascii_lowercase();
        if lower.starts_with("x-ignore-") {
            return Ok(());
        }
        let value = String::from_utf8(value)
            .map_err(|_| S3Error::invalid_argument(name, "", "The form field is not UTF-8."))?;
        match self.0.insert(lower, value) {
            None => Ok(()),
            Some(_) => Err(S3Error::invalid_argument(name, "", "The form field stands more than once.")),
        }
    }

    /// Without its directories, which some browsers send.
    pub fn set_file_name(&mut self, file_name: &str) {
        let base = file_name.rsplit(['/', '\\']).next().unwrap_or_default();
        for value in self.0.values_mut().filter(|value| value.contains(FILE_NAME)) {
            *value = value.replace(FILE_NAME, base);
        }
    }

    /// `name` in lower case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The bucket is the one that the form was sent to, whatever a field says.
    pub fn set_bucket(&mut self, bucket: &BucketName) {
        self.0.insert("bucket".to_owned(), bucket.as_str().to_owned());
    }

    pub fn key(&self) -> Result<ObjectKey, S3Error> {
        let text = self.get("key").ok_or_else(|| missing("key"))?;
        ObjectKey::new(text).map_err(|error| match error {
            InvalidObjectKey::TooLong => S3Error::new(S3Code::KeyTooLongError)
                .field("Size", text.len().to_string())
                .field("MaxSizeAllowed", ObjectKey::LENGTH_MAX_BYTES.to_string()),
            InvalidObjectKey::Empty | InvalidObjectKey::NotUtf8 => {
                S3Error::invalid_argument("key", text, "User key must have a length greater than 0.")
            }
        })
    }

    /// What the fields say of the object, as the headers of a PutObject would say it.
    pub fn to_headers(&self) -> Result<HeaderMap, S3Error> {
        let mut headers = HeaderMap::new();
        for (name, value) in self.iter() {
            let header = match name {
                "acl" => "x-amz-acl",
                name if AS_HEADERS.contains(&name) => name,
                name if name.starts_with("x-amz-") && !OF_SIGNATURES.contains(&name) => name,
                _ => continue,
            };
            let invalid = || S3Error::invalid_argument(name, value, "The form field can't be taken as a header.");
            let header = HeaderName::from_bytes(header.as_bytes()).map_err(|_| invalid())?;
            let text = HeaderValue::from_bytes(value.trim().as_bytes()).map_err(|_| invalid())?;
            if headers.insert(header, text).is_some() {
                return Err(S3Error::invalid_argument(name, value, "Two form fields say the same."));
            }
        }
        Ok(headers)
    }
}

/// A field that must stand before the file does not.
pub fn missing(name: &str) -> S3Error {
    let message = format!(
        "Bucket POST must contain a field named '{name}'.  If it is specified, please check the order of the fields."
    );
    S3Error::invalid_argument(name, "", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> FormFields {
        let mut fields = FormFields::default();
        for (name, value) in pairs {
            fields.add(name, value.as_bytes().to_vec()).unwrap();
        }
        fields
    }

    #[test]
    fn the_file_name_stands_in_every_field_without_its_directories() {
        for (file_name, key) in [
            ("a.txt", "u/a.txt"),
            (r"C:\dir\a b.txt", "u/a b.txt"),
            ("../../x", "u/x"),
            ("", "u/"),
            ("${filename}", "u/${filename}"),
        ] {
            let mut fields = fields(&[("Key", "u/${filename}"), ("x-amz-meta-a", "${filename}")]);
            fields.set_file_name(file_name);
            assert_eq!(fields.key().unwrap().as_str(), key);
            assert_eq!(Some(&*format!("u/{}", fields.get("x-amz-meta-a").unwrap())), fields.get("key"));
        }
    }

    #[test]
    fn a_key_is_needed_and_a_name_stands_once() {
        assert_eq!(fields(&[]).key().unwrap_err().code(), S3Code::InvalidArgument);
        assert_eq!(fields(&[("key", "")]).key().unwrap_err().code(), S3Code::InvalidArgument);
        assert_eq!(fields(&[("key", &"k".repeat(1025))]).key().unwrap_err().code(), S3Code::KeyTooLongError);
        let mut twice = fields(&[("key", "a"), ("x-ignore-a", "1"), ("X-Ignore-A", "2")]);
        assert_eq!(twice.add("KEY", b"b".to_vec()).unwrap_err().code(), S3Code::InvalidArgument);
        assert_eq!(twice.add("other", b"\xff".to_vec()).unwrap_err().code(), S3Code::InvalidArgument);
        assert_eq!(twice.iter().count(), 1);
    }

    #[test]
    fn fields_are_headers_and_nothing_can_be_smuggled_in_one() {
        let said = fields(&[
            ("acl", "private"),
            ("Content-Type", " text/plain"),
            ("x-amz-meta-ü", "1"),
            ("x-amz-signature", "s"),
            ("authorization", "x"),
            ("host", "evil"),
        ]);
        assert_eq!(said.to_headers().unwrap_err().code(), S3Code::InvalidArgument, "no header has that name");
        let said =
            fields(&[("acl", "private"), ("Content-Type", " text/plain"), ("x-amz-date", "d"), ("host", "evil")]);
        let headers = said.to_headers().unwrap();
        assert_eq!(
            (headers.len(), &headers["x-amz-acl"], &headers["content-type"]),
            (2, &"private".parse().unwrap(), &"text/plain".parse().unwrap())
        );
        for bad in [("x-amz-meta-a", "1\r\nx: y"), ("x-amz-meta-a\r\nx", "1"), ("content-type", "a\nb")] {
            assert!(fields(&[bad]).to_headers().is_err(), "{bad:?}");
        }
        assert!(fields(&[("acl", "private"), ("x-amz-acl", "private")]).to_headers().is_err());
    }
}
