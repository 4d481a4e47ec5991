//! The website address: buckets as static websites, for anybody, by GET and HEAD. A bucket without a website configuration
//! has nothing here; one with it may be read here by everybody who reaches the address, and only here: the S3 address still
//! gives nobody unnamed more than access control lists do. A public access block that restricts public buckets closes it;
//! policies will have their say in `authorise` when they exist. Pages of other origins may read what the bucket's CORS
//! rules let them.
//!
//! Connections, heads and times are bounded as at the S3 address. Nothing in a request becomes a header of an answer but the path of a
//! redirect, percent-encoded behind a host, and the host itself, which is the name of a bucket here.
//! Source: Amazon S3 User Guide, "Hosting a static website using Amazon S3", "Website endpoints".

mod location;
mod page;

use super::{
    address::{self, Domains},
    body::BodyRules,
    context::RequestContext,
    cross_origin::{self, Preflight},
    error::{self, S3Code, S3Error},
    head,
    listener::Door,
    operation::Operation,
    ops::object::{get_object, head_object},
    percent::{self, PlusSign},
    permission,
    query::Query,
    refused_head::RefusedHead,
    request_id::{REQUEST_ID_HEADER, header_value},
    response::{Response, ResponseBody},
    service::S3Service,
    stats::S3Stats,
};
use crate::{
    identity::Principal,
    objects::{Objects, Redirection, index_of_directory, object_of, redirect_error, redirect_first, to_directory},
    runtime::RequestScope,
    types::{BucketName, CorsConfiguration, ObjectKey, RequestId, Site, WebsiteConfiguration},
};
use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header, request};
use location::Here;
use std::{fmt, panic::AssertUnwindSafe, sync::Arc};

const OBJECT_REDIRECT: &str = "x-amz-website-redirect-location";

/// Cheap to clone.
#[derive(Clone)]
pub struct WebsiteService {
    inner: Arc<Inner>,
}

struct Inner {
    /// What the two addresses share: counters, bounds, ids.
    s3: S3Service,
    objects: Objects,
    domains: Domains,
    scheme: &'static str,
}

impl fmt::Debug for WebsiteService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebsiteService").finish_non_exhaustive()
    }
}

impl Door for WebsiteService {
    async fn answer(&self, request: Request<hyper::body::Incoming>) -> Response {
        let (parts, _) = request.into_parts();
        let id = self.inner.s3.new_request();
        RequestScope::new(id).run(self.inner.answer(&parts, &id)).await
    }

    fn answer_refused_head(&self, refused: RefusedHead) -> Bytes {
        self.inner.s3.answer_refused_head(refused)
    }

    fn body_rules(&self) -> &Arc<BodyRules> {
        self.inner.s3.body_rules()
    }

    fn stats(&self) -> &S3Stats {
        self.inner.s3.stats()
    }
}

/// A request for a page of a website.
struct Visit<'a> {
    parts: &'a request::Parts,
    id: &'a RequestId,
    bucket: BucketName,
    /// The path without its first slash, decoded.
    path_key: String,
    here: Here<'a>,
}

impl WebsiteService {
    /// `domains`: host names under which buckets are websites as `BUCKET.DOMAIN`. Any other host is the name of a bucket.
    pub fn new(s3: S3Service, objects: Objects, domains: &[String], scheme: &'static str) -> Self {
        Self { inner: Arc::new(Inner { s3, objects, domains: Domains::new(domains), scheme }) }
    }
}

impl Inner {
    async fn answer(&self, parts: &request::Parts, id: &RequestId) -> Response {
        let answered = AssertUnwindSafe(self.handle(parts, id)).catch_unwind().await;
        let mut response = answered.unwrap_or_else(|_| {
            self.s3.stats().panicked();
            page::error_page(&S3Error::internal("the request panicked"), None, &parts.method, id)
        });
        self.s3.stats().answered(None, response.status());
        response.headers_mut().insert(REQUEST_ID_HEADER, header_value(*id));
        response
    }

    async fn handle(&self, parts: &request::Parts, id: &RequestId) -> Response {
        let visit = match self.visit(parts, id) {
            Ok(visit) => visit,
            Err(error) => return page::error_page(&error, None, &parts.method, id),
        };
        let website = match self.objects.bucket_website(&visit.bucket).await {
            Ok(website) => website,
            Err(error) => return visit.page(&S3Error::from(error), None),
        };
        if !parts.headers.contains_key(header::ORIGIN) {
            return self.answer_visit(&visit, website).await;
        }
        let rules = match self.objects.cors_rules(&visit.bucket).await {
            Ok(rules) => rules,
            Err(error) => return visit.page(&S3Error::from(error), None),
        };
        if parts.method == Method::OPTIONS {
            return visit.preflight(rules.as_deref());
        }
        let mut response = self.answer_visit(&visit, website).await;
        if let Some(rules) = rules {
            response.headers_mut().extend(cross_origin::answer_headers(&rules, &parts.method, &parts.headers));
        }
        response
    }

    async fn answer_visit(&self, visit: &Visit<'_>, website: WebsiteConfiguration) -> Response {
        if let Some(to) = redirect_first(&website, &visit.path_key) {
            return visit.redirect(&to);
        }
        match website {
            WebsiteConfiguration::Site(site) => self.page_of(visit, &site).await,
            WebsiteConfiguration::RedirectAll { .. } => visit.page(&S3Code::NoSuchKey.into(), None),
        }
    }

    fn visit<'a>(&self, parts: &'a request::Parts, id: &'a RequestId) -> Result<Visit<'a>, S3Error> {
        let host = head::check(parts)?;
        let is_preflight = parts.method == Method::OPTIONS && parts.headers.contains_key(header::ORIGIN);
        if !matches!(parts.method, Method::GET | Method::HEAD) && !is_preflight {
            let allowed = HeaderValue::from_static("GET, HEAD");
            return Err(S3Error::new(S3Code::MethodNotAllowed).header(header::ALLOW, allowed));
        }
        let name = self.domains.bucket_of(host).unwrap_or_else(|| address::host_name(host));
        let nowhere = || S3Error::new(S3Code::NoSuchBucket).field("BucketName", &name);
        let bucket = name.parse().map_err(|_| nowhere())?;
        let path = percent::decode(parts.uri.path(), PlusSign::IsPlus).map_err(|_| S3Error::new(S3Code::InvalidURI))?;
        let path_key = path.strip_prefix('/').ok_or(S3Code::InvalidURI)?.to_owned();
        Ok(Visit { parts, id, bucket, path_key, here: Here { scheme: self.scheme, host } })
    }

    async fn page_of(&self, visit: &Visit<'_>, site: &Site) -> Response {
        let missing = match self.read(visit, &object_of(site, &visit.path_key), &visit.parts.headers).await {
            Ok(response) => return visit.or_elsewhere(response),
            Err(error) if error.code() == S3Code::NotModified => {
                return error::render(&error, &visit.parts.method, visit.parts.uri.path(), visit.id);
            }
            Err(error) => error,
        };
        if missing.status().is_server_error() {
            tracing::warn!(error = %missing, "a page of a website could not be read");
        }
        if missing.code() == S3Code::NoSuchKey
            && let Some(index) = index_of_directory(site, &visit.path_key)
            && self.read_head(visit, &index).await.is_ok()
        {
            return visit.redirect(&to_directory(&visit.path_key));
        }
        if let Some(to) = redirect_error(site, &visit.path_key, missing.status().as_u16()) {
            return visit.redirect(&to);
        }
        let Some(error_key) = &site.error_key else { return visit.page(&missing, None) };
        // The whole page: a range or a condition was about the one that is not there.
        match self.read(visit, error_key.as_str(), &HeaderMap::new()).await {
            Ok(mut response) => {
                *response.status_mut() = missing.status();
                response.headers_mut().remove(OBJECT_REDIRECT);
                response
            }
            Err(second) => visit.page(&missing, Some(&second)),
        }
    }

    async fn read(&self, visit: &Visit<'_>, key: &str, headers: &HeaderMap) -> Result<Response, S3Error> {
        let operation = if visit.parts.method == Method::HEAD { Operation::HeadObject } else { Operation::GetObject };
        self.read_as(operation, visit, key, headers).await
    }

    async fn read_head(&self, visit: &Visit<'_>, key: &str) -> Result<Response, S3Error> {
        self.read_as(Operation::HeadObject, visit, key, &HeaderMap::new()).await
    }

    /// Asks as a visitor for the object. What stands in the query of a page's address is the page's own affair.
    async fn read_as(
        &self,
        operation: Operation,
        visit: &Visit<'_>,
        key: &str,
        headers: &HeaderMap,
    ) -> Result<Response, S3Error> {
        let missing = |error: S3Error| error.about(Some(&visit.bucket), None).field("Key", key);
        let object = ObjectKey::new(key).map_err(|_| missing(S3Code::NoSuchKey.into()))?;
        let (principal, query) = (Principal::website(), Query::default());
        let subject = permission::Subject {
            operation,
            bucket: Some(&visit.bucket),
            key: Some(&object),
            names_version: false,
            names_prefix: false,
            headers,
            copy_source: None,
        };
        let facts = self.objects.bucket_facts(&visit.bucket).await?;
        let permit = permission::authorise_request(&principal, &subject, facts)?;
        let context = RequestContext {
            principal: &principal,
            permit,
            request_id: visit.id,
            operation,
            bucket: Some(&visit.bucket),
            key: Some(&object),
            copy_source: None,
            query: &query,
            headers,
            form: None,
            path: visit.parts.uri.path(),
            scheme: self.scheme,
            region: None,
        };
        let answered = match operation {
            Operation::HeadObject => head_object::handle(&context, &self.objects).await,
            _ => get_object::handle(&context, &self.objects).await,
        };
        answered.map_err(|error| if error.code() == S3Code::NotModified { error } else { missing(error) })
    }
}

impl Visit<'_> {
    fn page(&self, error: &S3Error, second: Option<&S3Error>) -> Response {
        page::error_page(error, second, &self.parts.method, self.id)
    }

    /// What a browser asks before a request of a page of another origin: it says no more than the rules do.
    fn preflight(&self, rules: Option<&CorsConfiguration>) -> Response {
        let allowed = Preflight::parse(&self.parts.headers).and_then(|asked| asked.answer(rules));
        let (mut response, headers) = match allowed {
            Err(error) => (self.page(&error, None), HeaderMap::from_iter([(header::VARY, cross_origin::VARY)])),
            Ok(headers) => (Response::new(ResponseBody::empty()), headers),
        };
        response.headers_mut().extend(headers);
        response
    }

    /// An object may say that it is elsewhere: then its bytes are not given.
    fn or_elsewhere(&self, response: Response) -> Response {
        match response.headers().get(OBJECT_REDIRECT).map(|to| self.here.of_object(to)) {
            None => response,
            Some(location) => redirected(StatusCode::MOVED_PERMANENTLY, location),
        }
    }

    fn redirect(&self, to: &Redirection) -> Response {
        let status = StatusCode::from_u16(to.code).unwrap_or(StatusCode::MOVED_PERMANENTLY);
        redirected(status, self.here.location(to))
    }
}

fn redirected(status: StatusCode, location: HeaderValue) -> Response {
    let mut response = Response::new(ResponseBody::empty());
    *response.status_mut() = status;
    response.headers_mut().insert(header::LOCATION, location);
    response
}
