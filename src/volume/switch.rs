//! The payload of a switch record: which segments compaction gives up, and for which other.
//!
//! Little-endian u64: generation of the output (0: nothing was left to copy), then the generation of each source.

/// Most segments that one compaction gives up: bounds the switch record and what is held meanwhile.
pub const SOURCES_MAX: usize = 16;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switch {
    /// Generation of the segment whose records count from now on, if anything was copied.
    pub output: Option<u64>,
    /// Generations of the segments whose records don't count any more.
    pub sources: Vec<u64>,
}

impl Switch {
    pub fn encode(&self) -> Vec<u8> {
        let output = self.output.unwrap_or(0);
        std::iter::once(output).chain(self.sources.iter().copied()).flat_map(u64::to_le_bytes).collect()
    }

    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (words, rest) = bytes.as_chunks::<8>();
        let (output, sources) = words.split_first()?;
        let sources: Vec<u64> = sources.iter().map(|word| u64::from_le_bytes(*word)).collect();
        if !rest.is_empty() || sources.is_empty() || sources.len() > SOURCES_MAX {
            return None;
        }
        let output = Some(u64::from_le_bytes(*output)).filter(|generation| *generation != 0);
        Some(Self { output, sources })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn switches_survive_the_round_trip(
            output in proptest::option::of(1_u64..), sources in proptest::collection::vec(any::<u64>(), 1..SOURCES_MAX),
        ) {
            let switch = Switch { output, sources };
            prop_assert_eq!(Switch::decode(&switch.encode()), Some(switch));
        }

        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Switch::decode(&bytes);
        }
    }
}
