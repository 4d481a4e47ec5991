//! Values that have one spelling only: written in one go, and known again without writing them anew.

use std::fmt::{self, Display, Write};

/// The value as text. Room for `length_max` bytes spares the text from growing while it is written.
pub fn spell(value: &impl Display, length_max: usize) -> String {
    let mut text = String::with_capacity(length_max);
    write!(text, "{value}").expect("a string takes everything");
    text
}

/// Whether this is how the value is written.
pub fn is_spelled(value: &impl Display, text: &str) -> bool {
    let mut expected = Expected(text);
    write!(expected, "{value}").is_ok() && expected.0.is_empty()
}

/// The text that is still to be written; anything else fails.
struct Expected<'a>(&'a str);

impl fmt::Write for Expected<'_> {
    fn write_str(&mut self, written: &str) -> fmt::Result {
        self.0 = self.0.strip_prefix(written).ok_or(fmt::Error)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_one_spelling() {
        let value = format_args!("{}/{}", 12, "ab").to_string();
        assert_eq!(spell(&value, 2), "12/ab", "more room is made when it is needed");
        for (text, is_right) in [("12/ab", true), ("12/a", false), ("12/abc", false), ("012/ab", false), ("", false)] {
            assert_eq!(is_spelled(&format_args!("{}/{}", 12, "ab"), text), is_right, "{text}");
        }
    }
}
