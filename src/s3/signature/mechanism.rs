//! How a request is signed: exactly one way, from an exhaustive enum.

use super::{
    authorization_header,
    claim::Claim,
    form_claim::{self, FormClaim, FormKey},
    incoming_request::IncomingRequest,
    presigned_query,
    version_2::{self, ClaimV2, SignatureV2},
};
use crate::s3::{
    error::{S3Code, S3Error},
    form::FormFields,
    query::Query,
};
use http::{HeaderValue, Method, header};

#[derive(Clone, Debug)]
pub enum Mechanism<'a> {
    /// Version 4, in the Authorization header or in the query.
    V4(Claim<'a>),
    /// Version 2, in the Authorization header or in the query.
    V2(ClaimV2<'a>),
    /// Version 4 or 2, in the fields of a form.
    Form(FormClaim<'a>),
    /// None: a preflight, which browsers send without anything that says who asks.
    Preflight,
    /// None: nothing in the request says who asks, nor has said it.
    Unsigned,
    /// The same of a form, which has no policy then.
    UnsignedForm,
}

/// Which ways there are besides Version 4.
#[derive(Clone, Copy, Debug)]
pub struct Mechanisms {
    pub version_2: SignatureV2,
    pub anonymous: AnonymousAccess,
}

/// Whether a request may say nothing of who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnonymousAccess {
    Accepted,
    Refused,
}

/// Whether the query says anything of a signature, so that one that was half removed is refused and not taken for none.
pub fn is_presigned(query: &Query) -> bool {
    presigned_query::is_presigned(query) || is_presigned_v2(query)
}

fn is_presigned_v2(query: &Query) -> bool {
    version_2::PARAMETERS.iter().any(|name| query.contains(name))
}

/// The request's one claim: from the header or from the query, of one version, never of two.
pub fn mechanism<'a>(request: &IncomingRequest<'a>, known: Mechanisms) -> Result<Mechanism<'a>, S3Error> {
    let version_2 = known.version_2;
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
        if in_header.is_some() || is_presigned(query) {
            return Err(two_mechanisms());
        }
        if form_claim::says_nothing(fields) {
            return unsigned(request, known.anonymous).map(|()| Mechanism::UnsignedForm);
        }
        return form(fields, version_2).map(Mechanism::Form);
    }
    match (in_header, presigned_query::is_presigned(query), is_presigned_v2(query)) {
        (Some(value), false, false) => in_authorization(value, request, version_2),
        (None, true, false) => presigned_query::parse(query).map(Mechanism::V4),
        (None, false, true) if query.contains("X-Amz-Content-Sha256") => Err(two_mechanisms()),
        (None, false, true) => {
            version_2.check()?;
            ClaimV2::parse_query(query).map(Mechanism::V2)
        }
        (None, false, false) => unsigned(request, known.anonymous).map(|()| Mechanism::Unsigned),
        (Some(_), _, _) | (None, true, true) => Err(two_mechanisms()),
    }
}

/// Nothing is left of a signature either: a request that has lost a part of it on its way, or brings an empty one, is
/// refused and not taken for one that nobody signed.
fn unsigned(request: &IncomingRequest<'_>, anonymous: AnonymousAccess) -> Result<(), S3Error> {
    let is_remnant = |name: &str| {
        presigned_query::is_v4_parameter(name)
            || version_2::PARAMETERS.iter().chain(&["Expires"]).any(|known| known.eq_ignore_ascii_case(name))
    };
    let has_remnant = request.headers.contains_key(header::AUTHORIZATION)
        || request.headers.contains_key("x-amz-date")
        || request.query.iter().any(|(name, _)| is_remnant(name));
    match anonymous {
        AnonymousAccess::Accepted if !has_remnant => Ok(()),
        AnonymousAccess::Accepted | AnonymousAccess::Refused => Err(S3Code::AccessDenied.into()),
    }
}

fn form<'a>(fields: &'a FormFields, version_2: SignatureV2) -> Result<FormClaim<'a>, S3Error> {
    let claim = FormClaim::parse(fields)?;
    match claim.key {
        FormKey::V4 { .. } => Ok(claim),
        FormKey::V2 { .. } => version_2.check().map(|()| claim),
    }
}

fn in_authorization<'a>(
    value: &'a HeaderValue,
    request: &IncomingRequest<'a>,
    version_2: SignatureV2,
) -> Result<Mechanism<'a>, S3Error> {
    let Some(credentials) = value.to_str().ok().and_then(|text| text.strip_prefix(version_2::SCHEME)) else {
        return authorization_header::parse(value, request.headers).map(Mechanism::V4);
    };
    let claim = ClaimV2::parse_header(credentials, request.headers, version_2)?;
    // In the query nobody has signed it.
    if request.query.get_ignoring_case("x-amz-content-sha256").is_some() {
        return Err(two_mechanisms());
    }
    Ok(Mechanism::V2(claim))
}

pub fn two_mechanisms() -> S3Error {
    S3Error::with_message(
        S3Code::InvalidArgument,
        "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter \
         or the Authorization header should be specified",
    )
}
