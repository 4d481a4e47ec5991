//! How a request is signed: exactly one way, from an exhaustive enum.

use super::{
    authorization_header,
    claim::Claim,
    form_claim::FormClaim,
    incoming_request::IncomingRequest,
    presigned_query,
    presigned_v2::{self, PresignedV2},
};
use crate::s3::{
    error::{S3Code, S3Error},
    query::Query,
};
use http::{Method, header};

#[derive(Clone, Debug)]
pub enum Mechanism<'a> {
    /// Version 4, in the Authorization header or in the query.
    V4(Claim<'a>),
    /// Version 2, in the query alone.
    PresignedV2(PresignedV2<'a>),
    /// Version 4 or 2, in the fields of a form.
    Form(FormClaim<'a>),
    /// None: a preflight, which browsers send without anything that says who asks.
    Preflight,
}

/// Whether the query says anything of a signature, so that one that was half removed is refused and not taken for none.
pub fn is_presigned(query: &Query) -> bool {
    presigned_query::is_presigned(query) || is_presigned_v2(query)
}

fn is_presigned_v2(query: &Query) -> bool {
    presigned_v2::PARAMETERS.iter().any(|name| query.contains(name))
}

/// The request's one claim: from the header or from the query, of one version, never of two.
pub fn mechanism<'a>(request: &IncomingRequest<'a>) -> Result<Mechanism<'a>, S3Error> {
    if *request.method == Method::OPTIONS {
        return Ok(Mechanism::Preflight);
    }
    let query = request.query;
    let token = "x-amz-security-token";
    if request.headers.contains_key(token) || query.get_ignoring_case(token).is_some() {
        return Err(S3Code::InvalidToken.into());
    }
    let in_header = request.headers.get(header::AUTHORIZATION).filter(|value| !value.is_empty());
    if let Some(fields) = request.form {
        let is_signed_elsewhere = in_header.is_some() || is_presigned(query);
        return if is_signed_elsewhere { Err(two_mechanisms()) } else { FormClaim::parse(fields).map(Mechanism::Form) };
    }
    match (in_header, presigned_query::is_presigned(query), is_presigned_v2(query)) {
        (Some(value), false, false) => authorization_header::parse(value, request.headers).map(Mechanism::V4),
        (None, true, false) => presigned_query::parse(query).map(Mechanism::V4),
        (None, false, true) if query.contains("X-Amz-Content-Sha256") => Err(two_mechanisms()),
        (None, false, true) => PresignedV2::parse(query).map(Mechanism::PresignedV2),
        (None, false, false) => Err(S3Code::AccessDenied.into()),
        (Some(_), _, _) | (None, true, true) => Err(two_mechanisms()),
    }
}

pub fn two_mechanisms() -> S3Error {
    S3Error::with_message(
        S3Code::InvalidArgument,
        "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter \
         or the Authorization header should be specified",
    )
}
