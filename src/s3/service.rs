//! One request from its head to its answer: check the head, read the address, authenticate, route, check the
//! vocabulary, authorise, dispatch. Each step happens here and once, in this order.

use super::{
    address::{Address, Domains},
    body::{BodyRules, BodySource, Expectation, HasWaiters, PaceLimits, RequestBody},
    context::RequestContext,
    copy_source::CopySource,
    cross_origin,
    dispatch::Operations,
    error::{self, S3Code, S3Error},
    form::{self, FormFields, PostForm},
    head, hoisted,
    operation::{Operation, Scope},
    permission,
    query::Query,
    refused_head::RefusedHead,
    request_id::{REQUEST_ID_HEADER, header_value, new_request_id},
    response::Response,
    route,
    settings::S3Settings,
    signature::{IncomingRequest, Payload, Verifier},
    standard_headers,
    stats::S3Stats,
    vocabulary,
};
use crate::{
    identity::{Authenticator, BucketFacts, Principal},
    objects::BodyError,
    runtime::{Activity, Clock, Random, RequestScope},
    types::{BucketName, RequestId},
};
use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderValue, Method, Request, Version, header, request};
use http_body::Body as _;
use http_body_util::{BodyExt as _, combinators::BoxBody};
use std::{
    borrow::Cow,
    fmt,
    panic::AssertUnwindSafe,
    sync::{Arc, OnceLock},
};

/// What the service is made of.
pub struct S3Parts {
    pub operations: Arc<dyn Operations>,
    pub authenticator: Authenticator,
    pub settings: S3Settings,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    /// Whether others wait for memory that slow clients hold.
    pub has_waiters: HasWaiters,
    /// Where requests are counted, so that background work gives way to them.
    pub activity: Arc<Activity>,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct S3Service {
    inner: Arc<Inner>,
}

struct Inner {
    operations: Arc<dyn Operations>,
    verifier: Verifier,
    region: Option<String>,
    scheme: &'static str,
    domains: Domains,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    rules: Arc<BodyRules>,
    stats: S3Stats,
    activity: Arc<Activity>,
}

impl fmt::Debug for S3Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Service").field("stats", &self.inner.stats).finish_non_exhaustive()
    }
}

type WireBody = BoxBody<Bytes, BodyError>;

impl S3Service {
    pub fn new(parts: S3Parts) -> Self {
        let settings = parts.settings;
        let pace = PaceLimits {
            window: settings.slow_body_window.0,
            bytes_per_second_min: settings.slow_body_rate.bytes(),
            silence_max: settings.stall_timeout.0,
        };
        let inner = Inner {
            operations: parts.operations,
            verifier: Verifier::new(parts.authenticator, settings.region.clone(), settings.mechanisms()),
            region: settings.region,
            scheme: if settings.tls_cert.is_some() { "https" } else { "http" },
            domains: Domains::new(&settings.domain),
            clock: parts.clock,
            random: parts.random,
            rules: Arc::new(BodyRules::new(pace, parts.has_waiters)),
            stats: S3Stats::new(),
            activity: parts.activity,
        };
        Self { inner: Arc::new(inner) }
    }

    pub fn stats(&self) -> &S3Stats {
        &self.inner.stats
    }

    /// A request that another address took: under an id, and counted among those that background work gives way to.
    pub(super) fn new_request(&self) -> RequestId {
        self.inner.activity.note(0);
        new_request_id(&*self.inner.random)
    }

    pub(super) fn body_rules(&self) -> &Arc<BodyRules> {
        &self.inner.rules
    }

    /// Always answers: a refusal is a response, and a panic ends this request alone.
    pub async fn answer(&self, request: Request<hyper::body::Incoming>) -> Response {
        let (parts, body) = request.into_parts();
        let body = body.map_err(body_error).boxed();
        let inner = &*self.inner;
        let id = new_request_id(&*inner.random);
        RequestScope::new(id).run(inner.answer(&parts, body, &id)).await
    }
}

impl S3Service {
    /// The whole answer to a request that was refused before it became one.
    pub fn answer_refused_head(&self, refused: RefusedHead) -> Bytes {
        let inner = &*self.inner;
        let (error, id) = (refused.error(), new_request_id(&*inner.random));
        inner.stats.answered(None, error.status());
        tracing::debug!(request = id.as_str(), %error, "a head was refused");
        refused.answer(&error, &id, inner.clock.now())
    }
}

/// What hyper says about a body that did not come whole.
fn body_error(error: hyper::Error) -> BodyError {
    if error.is_incomplete_message() { BodyError::Incomplete } else { BodyError::Io(error.to_string()) }
}

impl Inner {
    async fn answer(&self, parts: &request::Parts, body: WireBody, id: &RequestId) -> Response {
        self.activity.note(0);
        // Before anything else: the request itself may change the rules.
        let cross_origin = self.cross_origin_headers(parts).await;
        // Known as soon as the request is routed, also when it is refused later.
        let operation = OnceLock::new();
        let waits_to_send = expectation(parts) == Expectation::Continue && !body.is_end_stream();
        let source = BodySource::new(body, expectation(parts), self.rules.clone());
        let result = AssertUnwindSafe(self.handle(parts, source, id, &operation)).catch_unwind().await;
        let result = result.unwrap_or_else(|_| {
            self.stats.panicked();
            Err(S3Error::internal("the request panicked"))
        });
        let is_head_refused = result.is_err() && head::check(parts).is_err();
        let mut response = result.unwrap_or_else(|error| {
            log(&error, operation.get().copied());
            error::render(&error, &parts.method, parts.uri.path(), id)
        });
        self.stats.answered(operation.get().copied(), response.status());
        response.headers_mut().insert(REQUEST_ID_HEADER, header_value(*id));
        response.headers_mut().extend(cross_origin);
        let is_body_used = operation.get().is_some_and(|operation| operation.has_body(&parts.method));
        let is_next_unknown = waits_to_send && !(is_body_used && response.status().is_success());
        if is_next_unknown || is_head_refused {
            // Whether the client still sends a body that it was not asked for is its choice (RFC 9110, 10.1.1), so what comes
            // next on the connection may be that body or a new request: the client is told to take another connection. And who
            // sent a head that is too large, or addressed to two hosts, may have read its end elsewhere, as with `refused_head`.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        tracing::debug!(
            operation = operation.get().map(|operation| operation.name()),
            status = response.status().as_u16(),
            "answered"
        );
        response
    }

    /// What the answer says to a page of another origin, by the rules of the bucket. No request but such a page's costs
    /// anything here.
    async fn cross_origin_headers(&self, parts: &request::Parts) -> HeaderMap {
        if !parts.headers.contains_key(header::ORIGIN) {
            return HeaderMap::new();
        }
        if parts.method == Method::OPTIONS {
            // What a preflight may do it says itself (`Preflight::answer`), where it is not refused.
            return HeaderMap::from_iter([(header::VARY, cross_origin::VARY)]);
        }
        let address = head::check(parts).and_then(|host| Address::parse(host, parts.uri.path(), &self.domains));
        let Ok(Address { bucket: Some(bucket), .. }) = address else { return HeaderMap::new() };
        match self.operations.cors_rules(&bucket).await {
            Ok(Some(rules)) => cross_origin::answer_headers(&rules, &parts.method, &parts.headers),
            Ok(None) => HeaderMap::new(),
            Err(error) => {
                log(&error, None);
                HeaderMap::new()
            }
        }
    }

    /// Looked up only for who is judged by them: a request that somebody signed costs nothing here.
    async fn bucket_facts(&self, principal: &Principal, bucket: Option<&BucketName>) -> Result<BucketFacts, S3Error> {
        match bucket.filter(|_| principal.is_judged_by_lists()) {
            Some(bucket) => self.operations.bucket_facts(bucket).await,
            None => Ok(BucketFacts::Unknown),
        }
    }

    async fn handle(
        &self,
        parts: &request::Parts,
        mut source: BodySource,
        id: &RequestId,
        routed: &OnceLock<Operation>,
    ) -> Result<Response, S3Error> {
        let host = head::check(parts)?;
        let address = Address::parse(host, parts.uri.path(), &self.domains)?;
        // What stands in the query of a preflight belongs to the request that it asks about.
        let is_preflight = parts.method == Method::OPTIONS;
        let query = if is_preflight { "" } else { parts.uri.query().unwrap_or_default() };
        let query =
            Query::parse(query).map_err(|error| S3Error::with_message(S3Code::InvalidURI, error.to_string()))?;
        let form = read_form(parts, &address, &query, &mut source).await?;
        let (fields, file) = form.map_or((None, None), |form| (Some(form.fields), Some(form.file)));
        let fields = fields.as_ref();
        let incoming = IncomingRequest {
            method: &parts.method,
            scope: scope(&address),
            path: &address.path,
            raw_path: parts.uri.path(),
            host_bucket: address.host_bucket(),
            query: &query,
            headers: &parts.headers,
            form: fields,
        };
        let authenticated = self.verifier.verify(&incoming, self.clock.now()).await?;
        let sent = hoisted::headers(&parts.headers, &query)?;
        let operation = route::route(&parts.method, scope(&address), &query, &sent)?;
        let _ = routed.set(operation);
        standard_headers::check(operation, &parts.method, &sent)?;
        let headers = fields.map_or(Ok(sent), |fields| form_headers(parts, fields).map(Cow::Owned))?;
        vocabulary::check(operation, &headers, &query)?;
        let form_key = fields.map(FormFields::key).transpose()?;
        let key = form_key.as_ref().or(address.key.as_ref());
        let copy_source = match operation {
            Operation::CopyObject | Operation::UploadPartCopy => CopySource::from_headers(&headers)?,
            Operation::RenameObject => Some(CopySource::of_rename(&headers)?),
            _ => None,
        };
        let subject = permission::Subject {
            operation,
            bucket: address.bucket.as_ref(),
            key,
            names_version: query.contains("versionId"),
            names_prefix: operation == Operation::RenameObject && query.contains("larder-prefix"),
            copy_source: copy_source.as_ref(),
            headers: &headers,
        };
        let missing = match &copy_source {
            // Which of its two buckets is not there the refusal does not say.
            Some(source) => (None, Some(&source.key)),
            None => (address.bucket.as_ref(), key),
        };
        let principal = &authenticated.principal;
        let facts = self.bucket_facts(principal, address.bucket.as_ref()).await?;
        let permit = permission::authorise_request(principal, &subject, facts)
            .map_err(|error| error.about(missing.0, missing.1))?;
        let mut body = match (file, authenticated.payload) {
            (Some(file), Payload::File(lengths)) => RequestBody::of_file(&headers, file.within(lengths), source)?,
            (_, payload) => RequestBody::new(operation, &headers, payload, source)?,
        };
        if !operation.has_body(&parts.method) {
            body = body.discard().await?;
        }
        let context = RequestContext {
            principal,
            permit,
            request_id: id,
            operation,
            bucket: address.bucket.as_ref(),
            key,
            copy_source: copy_source.as_ref(),
            query: &query,
            headers: &headers,
            form: fields,
            path: &address.path,
            scheme: self.scheme,
            region: self.region.as_deref(),
        };
        self.operations.call(&context, body).await.map_err(|error| error.about(missing.0, missing.1))
    }
}

/// The fields of a form: they say who signed it, so they are read before anything is verified.
async fn read_form(
    parts: &request::Parts,
    address: &Address,
    query: &Query,
    source: &mut BodySource,
) -> Result<Option<PostForm>, S3Error> {
    let Some(bucket) = address.bucket.as_ref().filter(|_| parts.method == Method::POST) else { return Ok(None) };
    let routed = route::route(&parts.method, scope(address), query, &parts.headers);
    if !matches!(routed, Ok(Operation::PostObject)) || !form::is_form(&parts.headers) {
        return Ok(None);
    }
    let mut form = PostForm::read(&parts.headers, source).await?;
    form.fields.set_bucket(bucket);
    Ok(Some(form))
}

/// What a form says instead of headers. Of its request's own headers only the address is left.
fn form_headers(parts: &request::Parts, fields: &FormFields) -> Result<HeaderMap, S3Error> {
    let mut headers = fields.to_headers()?;
    if let Some(host) = parts.headers.get(header::HOST) {
        headers.insert(header::HOST, host.clone());
    }
    standard_headers::check(Operation::PostObject, &parts.method, &headers)?;
    Ok(headers)
}

fn scope(address: &Address) -> Scope {
    match (&address.bucket, &address.key) {
        (Some(_), Some(_)) => Scope::Object,
        (Some(_), None) => Scope::Bucket,
        (None, _) => Scope::Service,
    }
}

/// HTTP/1.0 knows no `100 Continue`: such a client sends its body at once (RFC 9110, 10.1.1).
fn expectation(parts: &request::Parts) -> Expectation {
    match parts.headers.get(header::EXPECT) {
        Some(value) if parts.version > Version::HTTP_10 && value.as_bytes().eq_ignore_ascii_case(b"100-continue") => {
            Expectation::Continue
        }
        _ => Expectation::None,
    }
}

/// The server's own faults are logged here, once, with what caused them.
fn log(error: &S3Error, operation: Option<Operation>) {
    let operation = operation.map(Operation::name);
    if error.status().is_server_error() && error.code() != S3Code::NotImplemented {
        tracing::warn!(operation, %error, "a request failed");
    } else {
        tracing::debug!(operation, %error, "a request was refused");
    }
}
