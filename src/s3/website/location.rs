//! `Location`: always a whole address with a host, so that no path (`//elsewhere`) can be taken for one. The host is the one that
//! the rule names or the one that the request came to, which is the name of a bucket here.

use crate::{
    objects::Redirection,
    s3::percent::{self, Slash},
};
use http::HeaderValue;

/// Where a request came to.
#[derive(Clone, Copy, Debug)]
pub struct Here<'a> {
    pub scheme: &'static str,
    /// As in its Host header: a bucket's name or one below a website domain, with or without a port.
    pub host: &'a str,
}

impl Here<'_> {
    pub fn location(&self, to: &Redirection) -> HeaderValue {
        let scheme = to.protocol.map_or(self.scheme, |protocol| protocol.name());
        let host = to.host.as_deref().unwrap_or(self.host);
        value(&format!("{scheme}://{host}/{}", percent::encode(&to.key, Slash::Kept)))
    }

    /// What an object was stored with: an address, or a path of this website.
    pub fn of_object(&self, stored: &HeaderValue) -> HeaderValue {
        match stored.to_str() {
            Ok(path) if path.starts_with('/') => value(&format!("{}://{}{path}", self.scheme, self.host)),
            _ => stored.clone(),
        }
    }
}

/// Schemes, hosts that were checked and percent-encoded paths are visible ASCII.
fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::WebProtocol;
    use proptest::prelude::*;

    const HERE: Here<'_> = Here { scheme: "http", host: "site.example:8080" };

    fn to(host: Option<&str>, protocol: Option<WebProtocol>, key: &str) -> Redirection {
        Redirection { code: 301, protocol, host: host.map(str::to_owned), key: key.to_owned() }
    }

    #[test]
    fn a_location_is_a_whole_address() {
        for (redirection, expected) in [
            (to(None, None, "a b/ü"), "http://site.example:8080/a%20b/%C3%BC"),
            (to(None, None, "/evil.example/x"), "http://site.example:8080//evil.example/x"),
            (to(Some("other"), Some(WebProtocol::Https), ""), "https://other/"),
            (to(None, None, "a\r\nSet-Cookie: b"), "http://site.example:8080/a%0D%0ASet-Cookie%3A%20b"),
            (to(None, None, "a?b#c"), "http://site.example:8080/a%3Fb%23c"),
        ] {
            assert_eq!(HERE.location(&redirection), expected);
        }
        for (stored, expected) in [
            ("/page.html", "http://site.example:8080/page.html"),
            ("//evil.example", "http://site.example:8080//evil.example"),
            ("https://other/x?y", "https://other/x?y"),
        ] {
            assert_eq!(HERE.of_object(&HeaderValue::from_static(stored)), expected);
        }
    }

    proptest! {
        #[test]
        fn no_key_leaves_the_host_or_the_header(key in any::<String>()) {
            let location = HERE.location(&to(None, None, &key));
            let text = location.to_str().unwrap();
            let path = text.strip_prefix("http://site.example:8080/").unwrap();
            prop_assert!(!path.contains(['\r', '\n', '?', '#', '\\']), "{}", text);
            prop_assert_eq!(percent::decode(path, percent::PlusSign::IsPlus).unwrap(), key);
        }
    }
}
