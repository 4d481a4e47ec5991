//! Documents of every operation that has one. What was understood comes back the same when it is written and read again.

use super::{
    acl_document,
    bucket::{create_bucket, delete_objects, put_bucket_versioning, put_object_lock_configuration},
    cors, lifecycle_input, lifecycle_output,
    multipart::complete_multipart_upload,
    object::{put_object_legal_hold, put_object_retention},
    ownership_controls, public_access_block, tagging, website,
};
use crate::{
    identity::Principal,
    types::{Bypass, TagLimit, TransitionMinimum},
};

/// The first byte says whose document it is.
pub fn document(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    match kind {
        b'c' => {
            let Ok(rules) = cors::parse_document(bytes) else { return };
            assert_eq!(cors::parse_document(&cors::render_document(&rules)).ok().as_ref(), Some(&rules));
        }
        b'e' => {
            let parse = |bytes: &[u8]| lifecycle_input::parse_document(bytes, TransitionMinimum::default());
            let Ok(rules) = parse(bytes) else { return };
            assert_eq!(parse(&lifecycle_output::render(&rules)).ok().as_ref(), Some(&rules));
        }
        b'w' => {
            let Ok(site) = website::parse_document(bytes) else { return };
            assert_eq!(website::parse_document(&website::render_document(&site)).ok().as_ref(), Some(&site));
        }
        b't' => {
            let Ok(tags) = tagging::parse_document(bytes, TagLimit::Bucket) else { return };
            let written = tagging::render_document(&tags);
            assert_eq!(tagging::parse_document(&written, TagLimit::Bucket).ok().as_ref(), Some(&tags));
        }
        b'h' => drop(std::str::from_utf8(bytes).map(|text| tagging::parse_header(text, TagLimit::Object))),
        b'd' => drop(delete_objects::parse(bytes, Bypass::None)),
        b'm' => drop(complete_multipart_upload::parts(bytes)),
        b'v' => drop(put_bucket_versioning::parse(bytes)),
        b'l' => drop(put_object_lock_configuration::parse(bytes)),
        b'r' => drop(put_object_retention::parse(bytes)),
        b'g' => drop(put_object_legal_hold::parse(bytes)),
        b'b' => drop(create_bucket::configuration(bytes)),
        b'a' => {
            let Ok(acl) = acl_document::parse(bytes) else { return };
            assert_eq!(acl_document::parse(&acl_document::render(Principal::OWNER, acl)).ok(), Some(acl));
        }
        b'o' => drop(ownership_controls::parse_document(bytes)),
        b'p' => drop(public_access_block::parse_document(bytes)),
        _ => {}
    }
}
