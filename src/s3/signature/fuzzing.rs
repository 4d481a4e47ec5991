//! Claims of any kind in headers, queries and forms.

use super::{
    AnonymousAccess, IncomingRequest, Mechanisms, SignatureV2, mechanism::mechanism, request_time::RequestTime,
};
use crate::s3::{form::FormFields, fuzzing::Lines, operation::Scope, query::Query};

/// A request in lines. Whatever it claims is read or refused.
pub fn signature(bytes: &[u8]) {
    let Some(lines) = Lines::read(bytes) else { return };
    let Ok(query) = Query::parse(lines.query) else { return };
    let mut fields = FormFields::default();
    for (name, value) in query.iter() {
        let _ = RequestTime::parse_basic(value);
        let _ = RequestTime::parse_date_header(value);
        let _ = fields.add(name, value.as_bytes().to_vec());
    }
    for (form, version_2) in
        [(None, SignatureV2::Accepted), (Some(&fields), SignatureV2::Accepted), (None, SignatureV2::Refused)]
    {
        let request = IncomingRequest {
            method: &lines.method,
            scope: Scope::Object,
            path: lines.path,
            raw_path: lines.path,
            host_bucket: None,
            query: &query,
            headers: &lines.headers,
            form,
        };
        let _ = mechanism(&request, Mechanisms { version_2, anonymous: AnonymousAccess::Accepted });
    }
}
