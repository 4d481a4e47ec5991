//! Requests from pages of other origins: which rule of a bucket allows one (pure), and the rules as the owner sets them.
//! Sources: Amazon S3 User Guide, "Using cross-origin resource sharing (CORS)", its section "How does Amazon S3 evaluate the
//! CORS configuration on a bucket"; API Reference, "PutBucketCors", "OPTIONS object".

use super::{ObjectError, Objects, handle::unexpected};
use crate::{
    metadata::{Command, Outcome},
    types::{BucketName, CorsConfiguration, CorsMethod, CorsRule},
};
use std::sync::Arc;

/// What decides about a request from another origin.
#[derive(Clone, Copy, Debug)]
pub struct CrossOriginRequest<'a> {
    pub origin: &'a str,
    pub method: CorsMethod,
    /// Names of the headers that the page wants to send, as a preflight lists them; none for the request itself.
    pub headers: &'a [&'a str],
}

/// A rule that allows a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllowedOrigin<'a> {
    pub rule: &'a CorsRule,
    pub audience: Audience,
}

/// For whom the rule allows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// The rule says `*`: any page, none with the user's credentials.
    Everybody,
    /// The rule names this origin.
    ThisOrigin,
}

/// The first rule of which an origin, a method and, for each header that is asked for, an allowed header fit.
pub fn allowed_origin<'a>(cors: &'a CorsConfiguration, request: &CrossOriginRequest<'_>) -> Option<AllowedOrigin<'a>> {
    cors.rules().iter().find_map(|rule| {
        let origin = rule.origins.iter().find(|origin| origin.matches(request.origin))?;
        let allows = rule.methods.contains(&request.method) && request.headers.iter().all(|name| allows(rule, name));
        let audience = if origin.is_any() { Audience::Everybody } else { Audience::ThisOrigin };
        allows.then_some(AllowedOrigin { rule, audience })
    })
}

/// The case of header names says nothing.
fn allows(rule: &CorsRule, header: &str) -> bool {
    rule.allowed_headers.iter().any(|allowed| allowed.matches_ignoring_case(header))
}

impl Objects {
    /// The bucket's rules for other origins.
    pub async fn bucket_cors(&self, name: &BucketName) -> Result<Arc<CorsConfiguration>, ObjectError> {
        self.bucket(name).await?;
        self.cors_rules(name).await?.ok_or(ObjectError::NoSuchCorsConfiguration)
    }

    /// The same for somebody who need not know whether there is such a bucket.
    pub async fn cors_rules(&self, name: &BucketName) -> Result<Option<Arc<CorsConfiguration>>, ObjectError> {
        Ok(self.metadata.bucket_cors(name).await?)
    }

    /// `None` removes them.
    pub async fn set_bucket_cors(&self, name: &BucketName, cors: Option<CorsConfiguration>) -> Result<(), ObjectError> {
        let bucket = self.bucket(name).await?;
        match self.propose(Command::SetBucketCors { bucket: bucket.id, cors }).await? {
            Outcome::Done => Ok(()),
            other => Err(unexpected(&other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn configuration(json: &str) -> CorsConfiguration {
        serde_json::from_str(json).unwrap()
    }

    fn three() -> CorsConfiguration {
        configuration(
            r#"[{"id":"put","origins":["http://a","http://*.b"],"methods":["PUT","POST"],"allowed_headers":["Content-Type","x-amz-*"]},
                {"id":"get","origins":["http://a","*"],"methods":["GET"]},
                {"id":"all","origins":["http://c"],"methods":["GET","DELETE"],"allowed_headers":["*"]}]"#,
        )
    }

    #[test]
    fn the_first_rule_that_fits_in_everything_decides() {
        use CorsMethod::*;
        let cors = three();
        for (origin, method, headers, expected) in [
            ("http://a", Put, &[][..], Some(("put", Audience::ThisOrigin))),
            ("http://x.b", Post, &["content-type", "X-Amz-Date"], Some(("put", Audience::ThisOrigin))),
            ("http://x.b", Put, &["content-md5"], None),
            ("http://x.b.org", Put, &[], None),
            ("https://a", Put, &[], None),
            ("http://a", Get, &[], Some(("get", Audience::ThisOrigin))),
            ("http://z", Get, &[], Some(("get", Audience::Everybody))),
            ("null", Get, &[], Some(("get", Audience::Everybody))),
            ("http://c", Get, &[], Some(("get", Audience::Everybody))),
            ("http://c", Get, &["x"], Some(("all", Audience::ThisOrigin))),
            ("http://c", Delete, &["x", "y"], Some(("all", Audience::ThisOrigin))),
            ("http://a", Delete, &[], None),
            ("http://a", Head, &[], None),
        ] {
            let found = allowed_origin(&cors, &CrossOriginRequest { origin, method, headers });
            let found = found.map(|found| (found.rule.id.clone().unwrap(), found.audience));
            assert_eq!(
                found,
                expected.map(|(id, audience)| (id.to_owned(), audience)),
                "{origin} {method:?} {headers:?}"
            );
        }
    }

    const METHODS: [CorsMethod; 3] = [CorsMethod::Get, CorsMethod::Put, CorsMethod::Head];

    proptest! {
        /// Whatever is allowed, a rule names: its origin, its method and each header.
        #[test]
        fn nothing_is_allowed_that_no_rule_names(
            rules in prop::collection::vec(("[ab]{0,2}[*]?[ab]{0,2}", 0..3_usize, "[xy]?[*]?"), 1..5),
            origin in "[ab]{1,4}", method in 0..3_usize, header in "[xyXY]{1,3}", asks in any::<bool>(),
        ) {
            let rule = |(origin, method, header): &(String, usize, String)| {
                let method = METHODS[*method].as_str();
                let headers = if header.is_empty() { String::new() } else { format!("\"{header}\"") };
                format!(r#"{{"origins":["o{origin}"],"methods":["{method}"],"allowed_headers":[{headers}]}}"#)
            };
            let cors = configuration(&format!("[{}]", rules.iter().map(rule).collect::<Vec<_>>().join(",")));
            let (origin, headers) = (format!("o{origin}"), [header.as_str()]);
            let request = CrossOriginRequest {
                origin: &origin,
                method: METHODS[method],
                headers: if asks { &headers } else { &[] },
            };
            let like = |pattern: &str, text: &str| match pattern.split_once('*') {
                Some((begin, end)) => {
                    text.starts_with(begin) && text.ends_with(end) && text.len() >= begin.len() + end.len()
                }
                None => pattern == text,
            };
            let fits = |(pattern, with, allowed): &&(String, usize, String)| {
                let is_header = !allowed.is_empty() && like(allowed, &header.to_lowercase());
                like(&format!("o{pattern}"), &origin) && *with == method && (!asks || is_header)
            };
            let expected = rules.iter().position(|rule| fits(&rule));
            let found = allowed_origin(&cors, &request).map(|found| found.rule);
            prop_assert_eq!(found, expected.map(|at| &cors.rules()[at]));
        }
    }
}
