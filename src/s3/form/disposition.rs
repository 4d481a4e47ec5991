//! The values of `Content-Type` and `Content-Disposition` as forms have them: a kind and parameters, some of them quoted.
//! Browsers write a quote inside a quoted value as `%22` (WHATWG HTML, "multipart/form-data encoding algorithm") or `\"`, and
//! leave the backslashes of a path as they are, so a backslash escapes nothing but a quote.

/// Parameters of one value: more than any form has.
const PARAMETERS_MAX: usize = 16;

#[derive(Debug, PartialEq, Eq)]
pub struct Disposition {
    /// In lower case: `form-data`, `multipart/form-data`.
    pub kind: String,
    /// Names in lower case.
    parameters: Vec<(String, String)>,
}

impl Disposition {
    /// `None` when it can't be read in one way only.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, mut rest) = text.split_once(';').unwrap_or((text, ""));
        let mut parameters: Vec<(String, String)> = Vec::new();
        while !rest.trim().is_empty() {
            let (name, after) = rest.split_once('=')?;
            let name = name.trim().to_ascii_lowercase();
            let (value, remaining) = value(after.trim_start())?;
            let is_twice = parameters.iter().any(|(known, _)| *known == name);
            if name.is_empty() || name.contains(['"', ';']) || is_twice || parameters.len() == PARAMETERS_MAX {
                return None;
            }
            parameters.push((name, value));
            rest = remaining;
        }
        Some(Self { kind: kind.trim().to_ascii_lowercase(), parameters })
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// One value, and what stands behind its semicolon.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = text.split_once(';').unwrap_or((text, ""));
        let value = value.trim();
        return (!value.contains(['"', ' ', '\t'])).then(|| (value.to_owned(), rest));
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' if chars.next_if(|(_, next)| *next == '"').is_some() => value.push('"'),
            '"' => {
                let rest = quoted[at + 1..].trim_start();
                return if rest.is_empty() { Some((value, rest)) } else { Some((value, rest.strip_prefix(';')?)) };
            }
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_are_plain_or_quoted() {
        let parsed = Disposition::parse(r#"Form-Data; name="a;\"b"; FileName = "C:\dir\x=1.txt";x=y"#).unwrap();
        assert_eq!(parsed.kind, "form-data");
        assert_eq!((parsed.get("name"), parsed.get("x"), parsed.get("none")), (Some("a;\"b"), Some("y"), None));
        assert_eq!(parsed.get("filename"), Some(r"C:\dir\x=1.txt"));
        assert_eq!(Disposition::parse("form-data").unwrap().parameters, []);
        for bad in ["f; name=\"a", "f; name", "f; name=\"a\"b", "f; name=a; name=b", "f; =a", "f; name=a b"] {
            assert_eq!(Disposition::parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "[a-z;=\"\\\\ ü%]{0,40}") {
            let _ = Disposition::parse(&text);
        }

        #[test]
        fn a_quoted_value_comes_back(value in "[a-z;= ü%/.]{0,20}") {
            let text = format!("form-data; name=\"{value}\"; filename=\"x\"");
            let parsed = Disposition::parse(&text).unwrap();
            prop_assert_eq!(parsed.get("name"), Some(value.as_str()));
        }
    }
}
