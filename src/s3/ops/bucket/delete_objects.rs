//! DeleteObjects: up to 1000 keys, each with an outcome of its own.

use crate::{
    objects::{DELETE_MANY_MAX, DeleteEntry, DeletedVersion, ObjectError, Objects, VersionSelector, WritePrecondition},
    s3::{
        RequestBody, RequestContext, Response, S3Code, S3Error,
        ops::{
            condition_input::delete_condition,
            object_lock_input,
            parameter::{self, DOCUMENT_MAX_BYTES},
        },
        xml::{self, Schema, XmlWriter},
    },
    types::{Bypass, ObjectKey},
};
use serde::Deserialize;

const SCHEMA: Schema =
    Schema(&[("Delete", &["Object", "Quiet"]), ("Object", &["Key", "VersionId", "ETag", "LastModifiedTime", "Size"])]);

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "Object", default)]
    objects: Vec<Entry>,
    #[serde(rename = "Quiet", default)]
    quiet: String,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "Key")]
    key: String,
    #[serde(rename = "VersionId")]
    version: Option<String>,
    #[serde(rename = "ETag")]
    etag: Option<String>,
    #[serde(rename = "LastModifiedTime")]
    modified: Option<String>,
    #[serde(rename = "Size")]
    size: Option<String>,
}

/// An entry as the client named it, and what to do with it: an entry that makes no sense fails alone.
pub(in crate::s3) struct Named {
    key: String,
    version: Option<String>,
    entry: Result<DeleteEntry, S3Error>,
}

impl Named {
    /// To delete a version for good is another action, which no access control list grants; and a condition asks what is there,
    /// which who may write need not know.
    fn refuse_what_no_list_grants(&mut self) {
        let is_conditional = |entry: &DeleteEntry| entry.precondition != WritePrecondition::None;
        if self.version.is_some() || self.entry.as_ref().is_ok_and(is_conditional) {
            self.entry = Err(S3Code::AccessDenied.into());
        }
    }
}

/// Which outcomes the client wants to see.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::s3) enum Report {
    Everything,
    Errors,
}

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects, body: RequestBody) -> Result<Response, S3Error> {
    body.require_integrity_header()?;
    let document = body.read_document(DOCUMENT_MAX_BYTES).await?;
    let (mut named, report) = parse(&document, object_lock_input::bypass(ctx)?)?;
    if !ctx.permit.is_full() {
        named.iter_mut().for_each(Named::refuse_what_no_list_grants);
    }
    let entries = named.iter().filter_map(|named| named.entry.as_ref().ok().cloned()).collect();
    let outcomes = objects.delete_many(ctx.bucket()?, entries, ctx.principal.owner(), ctx.permit).await?;
    Ok(render(named, outcomes, report))
}

pub(in crate::s3) fn parse(bytes: &[u8], bypass: Bypass) -> Result<(Vec<Named>, Report), S3Error> {
    let document: Document = xml::read(bytes, SCHEMA)?;
    if document.objects.is_empty() || document.objects.len() > DELETE_MANY_MAX {
        return Err(S3Code::MalformedXML.into());
    }
    if document.objects.iter().any(|entry| entry.key.is_empty()) {
        return Err(S3Code::MalformedXML.into());
    }
    let report = match document.quiet.trim() {
        "" | "false" | "False" | "FALSE" | "0" => Report::Everything,
        "true" | "True" | "TRUE" | "1" => Report::Errors,
        _ => return Err(S3Code::MalformedXML.into()),
    };
    let named = |entry: Entry| Named {
        entry: delete_entry(&entry, bypass),
        key: entry.key,
        version: entry.version.filter(|version| !version.is_empty()),
    };
    Ok((document.objects.into_iter().map(named).collect(), report))
}

fn delete_entry(entry: &Entry, bypass: Bypass) -> Result<DeleteEntry, S3Error> {
    let key = ObjectKey::new(entry.key.as_str()).map_err(|_| S3Error::new(S3Code::KeyTooLongError))?;
    let version = match entry.version.as_deref() {
        None | Some("") => VersionSelector::Latest,
        // An id that is none of ours is a version that does not exist; deleting that succeeds.
        Some(text) => parameter::parse_version(text).map_err(|_| S3Error::new(S3Code::NoSuchVersion))?,
    };
    let precondition = delete_condition(entry.etag.as_deref(), entry.modified.as_deref(), entry.size.as_deref())?;
    Ok(DeleteEntry { key, version, precondition, bypass })
}

fn render(named: Vec<Named>, outcomes: Vec<Result<DeletedVersion, ObjectError>>, report: Report) -> Response {
    let mut outcomes = outcomes.into_iter();
    let mut own_faults = 0;
    let mut xml = XmlWriter::document("DeleteResult");
    for named in named {
        let outcome = match named.entry {
            Ok(_) => outcomes.next().map_or_else(
                || Err(S3Error::internal("an entry of DeleteObjects has no outcome")),
                |outcome| outcome.map_err(S3Error::from),
            ),
            Err(error) => Err(error),
        };
        match outcome {
            Ok(deleted) if report == Report::Everything => {
                write_deleted(&mut xml, &named.key, named.version.as_deref(), &deleted);
            }
            Ok(_) => {}
            Err(error) => {
                let is_own_fault = error.status().is_server_error();
                if is_own_fault && own_faults == 0 {
                    tracing::warn!(key = named.key, %error, "entries of DeleteObjects fail, of which this is the first");
                }
                own_faults += u32::from(is_own_fault);
                write_error(&mut xml, &named.key, named.version.as_deref(), &error);
            }
        }
    }
    if own_faults > 1 {
        tracing::warn!(entries = own_faults, "so many entries of this DeleteObjects failed");
    }
    parameter::document(xml.finish())
}

fn write_deleted(xml: &mut XmlWriter, key: &str, version: Option<&str>, deleted: &DeletedVersion) {
    xml.element("Deleted", |xml| {
        xml.text("Key", key).optional_text("VersionId", version);
        if deleted.is_delete_marker {
            let marker = deleted.version.map(|version| version.to_string());
            xml.flag("DeleteMarker", true).optional_text("DeleteMarkerVersionId", marker.as_deref());
        }
    });
}

fn write_error(xml: &mut XmlWriter, key: &str, version: Option<&str>, error: &S3Error) {
    if let Some(cause) = error.cause() {
        tracing::error!(key, cause, "an entry of DeleteObjects failed");
    }
    xml.element("Error", |xml| {
        xml.text("Key", key).optional_text("VersionId", version);
        xml.text("Code", error.code().name()).text("Message", error.message());
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(count: usize) -> String {
        let objects: String = (0..count).map(|i| format!("<Object><Key>k{i}</Key></Object>")).collect();
        format!("<Delete>{objects}<Quiet>true</Quiet></Delete>")
    }

    #[test]
    fn up_to_1000_keys_are_taken() {
        let (named, report) = parse(document(1000).as_bytes(), Bypass::None).unwrap();
        assert_eq!(named.len(), 1000);
        assert!(report == Report::Errors);
        for count in [0, 1001] {
            assert_eq!(
                parse(document(count).as_bytes(), Bypass::None).err().unwrap().code(),
                S3Code::MalformedXML,
                "{count}"
            );
        }
    }

    #[test]
    fn a_key_that_is_empty_and_a_flag_that_is_none_are_malformed() {
        for text in [
            "<Delete><Object><Key></Key></Object></Delete>",
            "<Delete><Object/></Delete>",
            "<Delete><Object><Key>a</Key></Object><Quiet>yes</Quiet></Delete>",
            "<Delete><Object><Key>a</Key><StorageClass>STANDARD</StorageClass></Object></Delete>",
        ] {
            assert_eq!(parse(text.as_bytes(), Bypass::None).err().unwrap().code(), S3Code::MalformedXML, "{text}");
        }
    }

    #[test]
    fn an_entry_that_makes_no_sense_fails_alone() {
        let text =
            "<Delete><Object><Key>a</Key><VersionId>nope</VersionId></Object><Object><Key>b</Key></Object></Delete>";
        let (named, _) = parse(text.as_bytes(), Bypass::None).unwrap();
        let outcome = DeletedVersion { version: None, is_delete_marker: false, existed: true };
        let response = render(named, vec![Ok(outcome)], Report::Everything);
        assert_eq!(response.status(), http::StatusCode::OK);
    }
}
