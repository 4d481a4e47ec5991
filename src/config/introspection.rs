//! The field names of a settings struct, without a second list of them: serde's derived `Deserialize` announces its
//! fields to the deserializer, and this one does nothing but listen.

use serde::{
    de::{self, DeserializeOwned, Visitor},
    forward_to_deserialize_any,
};
use std::fmt;

/// The fields of `T` in the order of its definition. Empty when `T` is no struct with named fields.
pub fn field_names<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut names: &'static [&'static str] = &[];
    // Always an error: there is nothing to read. What counts was noted on the way.
    let _ = T::deserialize(Listener { names: &mut names });
    names
}

struct Listener<'a> {
    names: &'a mut &'static [&'static str],
}

impl<'de> de::Deserializer<'de> for Listener<'_> {
    type Error = NothingToRead;

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, NothingToRead> {
        Err(NothingToRead)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, NothingToRead> {
        *self.names = fields;
        Err(NothingToRead)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[derive(Debug)]
struct NothingToRead;

impl fmt::Display for NothingToRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there is nothing to read")
    }
}

impl std::error::Error for NothingToRead {}

impl de::Error for NothingToRead {
    fn custom<T: fmt::Display>(_message: T) -> Self {
        Self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_a_struct_are_named_in_order_optional_ones_included() {
        #[derive(serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        #[derive(Default)]
        #[allow(dead_code, reason = "only the names matter here")]
        struct Example {
            first: u32,
            second_one: Option<String>,
        }
        assert_eq!(field_names::<Example>(), ["first", "second_one"]);
        assert!(field_names::<u32>().is_empty());
    }
}
