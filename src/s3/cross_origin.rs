//! Headers of requests from pages of other origins (CORS), and what answers say about them. Whether a request is allowed the
//! bucket's rules decide (`objects::allowed_origin`); an origin that no rule names is never repeated.
//! Sources: Amazon S3 API Reference, "OPTIONS object"; WHATWG Fetch, "CORS protocol"; of what S3 answers to the request itself
//! also ceph/s3-tests, `test_cors_origin_response`.

use super::error::{S3Code, S3Error};
use crate::{
    objects::{AllowedOrigin, Audience, CrossOriginRequest, allowed_origin},
    types::{CorsConfiguration, CorsMethod},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

/// Headers that one preflight may ask for. A request of ours has at most 512, a browser asks for a few.
const ASKED_HEADERS_MAX: usize = 128;

/// What the answer depends on: caches keep one for each.
pub const VARY: HeaderValue =
    HeaderValue::from_static("Origin, Access-Control-Request-Headers, Access-Control-Request-Method");

const NOT_ALLOWED: &str = "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, \
                           request method / Access-Control-Request-Method or Access-Control-Request-Headers are not \
                           whitelisted by the resource's CORS spec.";

/// What a preflight asks.
#[derive(Debug)]
pub struct Preflight<'a> {
    origin: &'a str,
    method: CorsMethod,
    /// As they came, each the name of a header.
    headers: Vec<&'a str>,
}

impl<'a> Preflight<'a> {
    pub fn parse(headers: &'a HeaderMap) -> Result<Self, S3Error> {
        let refused = |message: String| S3Error::with_message(S3Code::BadRequest, message);
        let origin = text(headers, &header::ORIGIN).filter(|origin| !origin.is_empty());
        let origin =
            origin.ok_or_else(|| refused("Insufficient information. Origin request header needed.".to_owned()))?;
        let method = text(headers, &header::ACCESS_CONTROL_REQUEST_METHOD);
        let method = method
            .and_then(|method| CorsMethod::parse(method).ok())
            .ok_or_else(|| refused(format!("Invalid Access-Control-Request-Method: {}", method.unwrap_or("null"))))?;
        let names =
            asked_headers(headers).ok_or_else(|| refused("Invalid Access-Control-Request-Headers.".to_owned()))?;
        Ok(Self { origin, method, headers: names })
    }

    /// What is answered, by the bucket's rules if it has any.
    pub fn answer(&self, rules: Option<&CorsConfiguration>) -> Result<HeaderMap, S3Error> {
        let rules = rules.ok_or(S3Code::AccessForbidden)?;
        let allowed = allowed_origin(rules, &self.request())
            .ok_or_else(|| S3Error::with_message(S3Code::AccessForbidden, NOT_ALLOWED))?;
        let mut answer = HeaderMap::new();
        if !self.headers.is_empty() {
            let names = self.headers.join(", ").to_ascii_lowercase();
            insert(&mut answer, header::ACCESS_CONTROL_ALLOW_HEADERS, &names);
        }
        describe(&allowed, self.origin, &mut answer);
        answer.append(header::VARY, VARY);
        Ok(answer)
    }

    pub fn request(&self) -> CrossOriginRequest<'_> {
        CrossOriginRequest { origin: self.origin, method: self.method, headers: &self.headers }
    }
}

/// `None` when one of them is no name, or there are too many.
fn asked_headers(headers: &HeaderMap) -> Option<Vec<&str>> {
    let mut names = Vec::new();
    for value in headers.get_all(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        for name in value.to_str().ok()?.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            HeaderName::from_bytes(name.as_bytes()).ok()?;
            names.push(name);
        }
    }
    (names.len() <= ASKED_HEADERS_MAX).then_some(names)
}

/// What the answer to a request from another origin says besides its own headers: nothing that allows anything where no
/// rule fits.
pub fn answer_headers(rules: &CorsConfiguration, method: &Method, request: &HeaderMap) -> HeaderMap {
    let mut answer = HeaderMap::new();
    let Some(origin) = text(request, &header::ORIGIN) else { return answer };
    answer.insert(header::VARY, VARY);
    // No browser sends the header here, but S3 goes by it where it comes.
    let method = text(request, &header::ACCESS_CONTROL_REQUEST_METHOD).unwrap_or(method.as_str());
    let Ok(method) = CorsMethod::parse(method) else { return answer };
    if let Some(allowed) = allowed_origin(rules, &CrossOriginRequest { origin, method, headers: &[] }) {
        describe(&allowed, origin, &mut answer);
    }
    answer
}

/// What both kinds of answer say of the rule.
fn describe(allowed: &AllowedOrigin<'_>, origin: &str, answer: &mut HeaderMap) {
    match allowed.audience {
        Audience::Everybody => insert(answer, header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        Audience::ThisOrigin => {
            insert(answer, header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            insert(answer, header::ACCESS_CONTROL_ALLOW_CREDENTIALS, "true");
        }
    }
    let rule = allowed.rule;
    let methods: Vec<&str> = rule.methods.iter().map(|method| method.as_str()).collect();
    insert(answer, header::ACCESS_CONTROL_ALLOW_METHODS, &methods.join(", "));
    if !rule.exposed_headers.is_empty() {
        let names: Vec<&str> = rule.exposed_headers.iter().map(|name| name.as_str()).collect();
        insert(answer, header::ACCESS_CONTROL_EXPOSE_HEADERS, &names.join(", "));
    }
    if let Some(seconds) = rule.max_age_seconds {
        insert(answer, header::ACCESS_CONTROL_MAX_AGE, &seconds.to_string());
    }
}

/// Visible ASCII, or not there.
fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Text that came in a header, or that `types::cors` let pass, can stand in one; anything else is left out.
fn insert(answer: &mut HeaderMap, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        answer.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> CorsConfiguration {
        serde_json::from_str(
            r#"[{"origins":["http://a","http://*.b"],"methods":["PUT","GET"],"allowed_headers":["x-*"],
                 "exposed_headers":["ETag","x-amz-meta-a"],"max_age_seconds":30},
                {"origins":["*"],"methods":["HEAD"]}]"#,
        )
        .unwrap()
    }

    fn request(headers: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        map
    }

    fn shown(headers: &HeaderMap) -> Vec<(&str, &str)> {
        let mut shown: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        shown.sort_unstable();
        shown.retain(|(name, _)| *name != "vary");
        shown
    }

    #[test]
    fn the_rule_that_fits_is_described() {
        let answer = answer_headers(&rules(), &Method::GET, &request(&[("origin", "http://x.b")]));
        assert_eq!(
            shown(&answer),
            [
                ("access-control-allow-credentials", "true"),
                ("access-control-allow-methods", "PUT, GET"),
                ("access-control-allow-origin", "http://x.b"),
                ("access-control-expose-headers", "ETag, x-amz-meta-a"),
                ("access-control-max-age", "30"),
            ]
        );
        let answer = answer_headers(&rules(), &Method::HEAD, &request(&[("origin", "http://z")]));
        assert_eq!(shown(&answer), [("access-control-allow-methods", "HEAD"), ("access-control-allow-origin", "*")]);
    }

    #[test]
    fn an_origin_that_no_rule_names_is_not_repeated() {
        for (method, headers) in [
            (Method::GET, &[("origin", "http://z")][..]),
            (Method::DELETE, &[("origin", "http://a")]),
            (Method::PATCH, &[("origin", "http://a")]),
            (Method::GET, &[("origin", "http://a"), ("access-control-request-method", "DELETE")]),
            (Method::GET, &[("origin", "http://x.b\u{fc}")]),
            (Method::GET, &[]),
        ] {
            let answer = answer_headers(&rules(), &method, &request(headers));
            assert!(shown(&answer).is_empty(), "{method} {headers:?}: {answer:?}");
            let is_cross_origin = headers.first().is_some_and(|(_, origin)| origin.is_ascii());
            assert_eq!(answer.contains_key(header::VARY), is_cross_origin, "caches keep one for each origin");
        }
    }

    #[test]
    fn a_preflight_names_what_it_asks_for_or_is_refused() {
        let (origin, method, names) = ("origin", "access-control-request-method", "access-control-request-headers");
        let good = request(&[(origin, "http://a"), (method, "PUT"), (names, "X-A,x-b"), (names, " , x-c")]);
        let asked = Preflight::parse(&good).unwrap();
        assert_eq!(asked.headers, ["X-A", "x-b", "x-c"]);
        let answer = asked.answer(Some(&rules())).unwrap();
        assert_eq!(asked.answer(None).unwrap_err().code(), S3Code::AccessForbidden);
        assert_eq!(answer[header::ACCESS_CONTROL_ALLOW_HEADERS], "x-a, x-b, x-c");
        assert_eq!(answer[header::VARY], VARY);
        let many = "x,".repeat(ASKED_HEADERS_MAX + 1);
        for bad in [
            &[(origin, "http://a")][..],
            &[(method, "PUT")],
            &[(origin, ""), (method, "PUT")],
            &[(origin, "http://a"), (method, "PATCH")],
            &[(origin, "http://a"), (method, "put")],
            &[(origin, "http://a"), (method, "PUT"), (names, "a b")],
            &[(origin, "http://a"), (method, "PUT"), (names, "ü")],
            &[(origin, "http://a"), (method, "PUT"), (names, &many)],
        ] {
            assert_eq!(Preflight::parse(&request(bad)).unwrap_err().code(), S3Code::BadRequest, "{bad:?}");
        }
    }
}
