//! A refusal as a response: S3's XML body, none for HEAD and 304.

use super::S3Error;
use crate::{
    s3::{
        response::{Response, ResponseBody},
        xml::XmlWriter,
    },
    types::RequestId,
};
use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};

/// `resource` is the path as the client sent it.
pub fn render(error: &S3Error, method: &Method, resource: &str, request_id: &RequestId) -> Response {
    let has_body = method != Method::HEAD && error.status() != StatusCode::NOT_MODIFIED;
    let body = if has_body { ResponseBody::bytes(error.document(resource, request_id)) } else { ResponseBody::empty() };
    let mut response = Response::new(body);
    *response.status_mut() = error.status();
    if has_body {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    }
    for (name, value) in &error.0.headers {
        response.headers_mut().insert(name, value.clone());
    }
    response
}

impl S3Error {
    /// The XML body.
    pub fn document(&self, resource: &str, request_id: &RequestId) -> Bytes {
        let mut xml = XmlWriter::plain_document("Error");
        xml.text("Code", self.code().name()).text("Message", self.message());
        for (name, value) in self.fields() {
            xml.text(name, value);
        }
        xml.text("Resource", resource).text("RequestId", request_id.as_str());
        xml.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3::error::S3Code;

    #[test]
    fn a_head_request_gets_status_and_headers_only() {
        let id = RequestId::from_number(1);
        let error = S3Error::new(S3Code::NoSuchKey);
        let head = render(&error, &Method::HEAD, "/b/k", &id);
        assert_eq!(head.status(), StatusCode::NOT_FOUND);
        assert!(head.body().is_empty());
        assert!(!render(&error, &Method::GET, "/b/k", &id).body().is_empty());
        assert!(render(&S3Error::new(S3Code::NotModified), &Method::GET, "/b/k", &id).body().is_empty());
    }

    #[test]
    fn what_the_client_sent_cannot_break_out_of_the_document() {
        let id = RequestId::from_number(1);
        let error = S3Error::invalid_argument("x", "</ArgumentValue><Code>", "no");
        let text = String::from_utf8(error.document("/<script>", &id).to_vec()).unwrap();
        assert_eq!(text.matches("<Code>").count(), 1);
        assert!(text.contains("<Resource>/&lt;script&gt;</Resource>") && text.contains("<RequestId>"));
    }
}
