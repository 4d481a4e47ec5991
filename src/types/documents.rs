//! What a document can carry and give back.

/// Whether the text has a character that no document gives back as it was (XML 1.0, production `Char`), or that controls
/// something where it is shown.
pub fn is_unprintable(text: &str) -> bool {
    text.chars().any(|c| c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}'))
}
