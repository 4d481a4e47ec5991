//! Continuation tokens of ListObjectsV2 and ListBuckets: where the next page begins, written into the token itself,
//! so that it survives restarts and works at any gateway. Opaque to clients: base64 over a format byte, a kind byte
//! and the key. Nothing in it needs to be secret: whoever may list may begin anywhere.

use super::ObjectError;
use crate::metadata::rows::ListMarker;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// Grows when the layout changes; an old token is refused then, and the client begins its list again.
const FORMAT: u8 = 1;
const KIND_KEY: u8 = b'k';
const KIND_COMMON_PREFIX: u8 = b'p';

/// Not a token that we gave out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidToken;

pub fn encode(marker: &ListMarker) -> String {
    let (kind, text) = match marker {
        ListMarker::Key(key) => (KIND_KEY, key),
        ListMarker::CommonPrefix(prefix) => (KIND_COMMON_PREFIX, prefix),
    };
    let mut bytes = Vec::with_capacity(2 + text.len());
    bytes.extend([FORMAT, kind]);
    bytes.extend(text.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

pub fn decode(token: &str) -> Result<ListMarker, InvalidToken> {
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| InvalidToken)?;
    let [FORMAT, kind, text @ ..] = bytes.as_slice() else { return Err(InvalidToken) };
    let text = String::from_utf8(text.to_vec()).map_err(|_| InvalidToken)?;
    match *kind {
        KIND_KEY => Ok(ListMarker::Key(text)),
        KIND_COMMON_PREFIX => Ok(ListMarker::CommonPrefix(text)),
        _ => Err(InvalidToken),
    }
}

/// What S3 says of a token that it did not give out.
pub fn refused(token: &str) -> ObjectError {
    ObjectError::InvalidArgument {
        name: "continuation-token",
        value: token.to_owned(),
        reason: "The continuation token provided is incorrect",
    }
}

/// Where a list goes on that names its place by plain text (`marker`, `key-marker`): behind a whole common prefix when
/// the text is one, which is what `NextMarker` says after a page that ended with a common prefix.
pub fn marker_from_text(text: &str, prefix: &str, delimiter: &str) -> ListMarker {
    let is_common_prefix = !delimiter.is_empty()
        && text.strip_prefix(prefix).and_then(|rest| rest.find(delimiter).map(|at| at + delimiter.len() == rest.len()))
            == Some(true);
    if is_common_prefix { ListMarker::CommonPrefix(text.to_owned()) } else { ListMarker::Key(text.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn tokens_come_back(text in "\\PC{0,1024}", is_prefix: bool) {
            let marker = if is_prefix { ListMarker::CommonPrefix(text) } else { ListMarker::Key(text) };
            prop_assert_eq!(decode(&encode(&marker)), Ok(marker));
        }

        #[test]
        fn whatever_else_comes_is_refused_without_panic(text in "\\PC*") {
            let _ = decode(&text);
        }
    }

    #[test]
    fn tokens_of_restarted_servers_stay_valid() {
        assert_eq!(decode("AWtrZXk"), Ok(ListMarker::Key("key".into())));
        assert_eq!(decode("AXBhLw"), Ok(ListMarker::CommonPrefix("a/".into())));
        for bad in ["", "AQ", "AnBhLw", "AXhhLw", "!!!!", "AWv_"] {
            assert_eq!(decode(bad), Err(InvalidToken), "{bad}");
        }
    }

    #[test]
    fn a_marker_that_is_a_common_prefix_skips_all_of_it() {
        let prefix_of = |text: &str| ListMarker::CommonPrefix(text.into());
        let key = |text: &str| ListMarker::Key(text.into());
        assert_eq!(marker_from_text("a/", "", "/"), prefix_of("a/"));
        assert_eq!(marker_from_text("a/b", "", "/"), key("a/b"));
        assert_eq!(marker_from_text("a/b/", "", "/"), key("a/b/"));
        assert_eq!(marker_from_text("a/b/", "a/", "/"), prefix_of("a/b/"));
        assert_eq!(marker_from_text("a/", "b/", "/"), key("a/"));
        assert_eq!(marker_from_text("a/", "", ""), key("a/"));
        assert_eq!(marker_from_text("xyxy", "", "xy"), key("xyxy"));
    }
}
