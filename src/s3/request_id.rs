//! The id of a request on the wire: in `x-amz-request-id` of every answer, and in error bodies.

use crate::{runtime::Random, types::RequestId};
use http::{HeaderName, HeaderValue};

pub const REQUEST_ID_HEADER: HeaderName = HeaderName::from_static("x-amz-request-id");

pub fn new_request_id(random: &dyn Random) -> RequestId {
    RequestId::from_number(random.next_u64())
}

pub fn header_value(id: RequestId) -> HeaderValue {
    HeaderValue::from_str(id.as_str()).expect("hexadecimal digits may stand in a header")
}
