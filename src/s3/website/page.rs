//! What people see instead of a page that is not there. Whatever a request brought stands in it escaped.

use crate::{
    s3::{
        error::S3Error,
        response::{Response, ResponseBody},
    },
    types::RequestId,
};
use http::{HeaderValue, Method, header};
use std::fmt::Write as _;

/// `second` is what went wrong with the bucket's own page for the error.
pub fn error_page(error: &S3Error, second: Option<&S3Error>, method: &Method, id: &RequestId) -> Response {
    let status = error.status();
    let title = format!("{} {}", status.as_u16(), status.canonical_reason().unwrap_or_default());
    let mut html = format!("<html>\n<head><title>{title}</title></head>\n<body>\n<h1>{title}</h1>\n");
    list(&mut html, error);
    let _ = writeln!(html, "<p>RequestId: {}</p>", id.as_str());
    if let Some(second) = second {
        html.push_str("<h3>The error document of this website can't be shown</h3>\n");
        list(&mut html, second);
    }
    html.push_str("</body>\n</html>\n");
    let body = if method == Method::HEAD { ResponseBody::empty() } else { ResponseBody::bytes(html) };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    for (name, value) in error.headers() {
        headers.insert(name, value.clone());
    }
    headers.insert("x-amz-error-code", HeaderValue::from_static(error.code().name()));
    response
}

fn list(html: &mut String, error: &S3Error) {
    html.push_str("<ul>\n");
    let fields = error.fields().iter().map(|(name, value)| (*name, value.as_str()));
    for (name, value) in [("Code", error.code().name()), ("Message", error.message())].into_iter().chain(fields) {
        let _ = writeln!(html, "<li>{}: {}</li>", escaped(name), escaped(value));
    }
    html.push_str("</ul>\n");
}

/// As text and inside of quotes nothing of it can begin or end anything.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c if c.is_control() => safe.push(char::REPLACEMENT_CHARACTER),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nothing_of_a_text_is_markup(text in any::<String>()) {
            let safe = escaped(&text);
            prop_assert!(!safe.contains(['<', '>', '"', '\'']) && !safe.chars().any(char::is_control));
            let back = safe.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'");
            let seen: String = text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect();
            prop_assert_eq!(back.replace("&amp;", "&"), seen);
        }
    }
}
