//! The known word that a mistyped one probably meant.

/// Edits that are still taken for a slip of the finger: a third of the word, at least two.
fn edits_allowed(word: &str) -> usize {
    (word.chars().count() / 3).max(2)
}

/// The candidate with the fewest edits between it and `word`, if that is near enough to be meant.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (edit_distance(word, candidate), candidate))
        .min()
        .filter(|(distance, _)| *distance <= edits_allowed(word))
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance: insertions, deletions and replacements of a character that turn `from` into `to`.
fn edit_distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, from_char) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to_char) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(from_char != *to_char);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_edits() {
        for (from, to, edits) in [("", "", 0), ("a", "", 1), ("", "ab", 2), ("kitten", "sitting", 3), ("abc", "abc", 0)]
        {
            assert_eq!(edit_distance(from, to), edits, "{from} {to}");
            assert_eq!(edit_distance(to, from), edits, "{to} {from}");
        }
    }

    #[test]
    fn a_slip_finds_its_word_and_nonsense_finds_none() {
        let known = ["chunk_size", "heartbeat_interval", "address"];
        assert_eq!(nearest("chunk_sise", known), Some("chunk_size"));
        assert_eq!(nearest("hartbeat_intervall", known), Some("heartbeat_interval"));
        assert_eq!(nearest("colour", known), None);
    }
}
