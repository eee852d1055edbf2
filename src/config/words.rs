//! How serde reads the values that are written as words, lists of them, and
//! sections.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Unexpected, Visitor};

/// A value that is written as a word.
pub trait Word: Sized {
    /// What may be written, after "must be".
    const EXPECTED: &'static str;

    /// The value, unless the word is no such thing.
    fn read(word: &str) -> Option<Self>;
}

/// Reads a [`Word`], from a number too: `443` needs no quotes in a list of ports.
struct AsWord<T>(T);

impl<'de, T: Word> Deserialize<'de> for AsWord<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WordVisitor<T>(PhantomData<T>);

        impl<T: Word> Visitor<'_> for WordVisitor<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(T::EXPECTED)
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<T, E> {
                T::read(word.trim()).ok_or_else(|| E::invalid_value(Unexpected::Str(word), &self))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
                T::read(&number.to_string())
                    .ok_or_else(|| E::invalid_value(Unexpected::Unsigned(number), &self))
            }
        }

        let visitor = WordVisitor(PhantomData);
        deserializer.deserialize_any(visitor).map(Self)
    }
}

/// A key whose value is a word; empty is the default.
pub fn word<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Word,
{
    let word = Option::<AsWord<T>>::deserialize(deserializer)?;
    Ok(word.map(|AsWord(word)| word))
}

/// A key whose value is a word; empty turns it off.
pub fn word_or_off<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Word,
{
    word(deserializer).map(Some)
}

/// A key whose value is a list of words; empty is the default.
pub fn words<'de, D, T>(deserializer: D) -> Result<Option<Vec<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Word,
{
    let words = Option::<Vec<AsWord<T>>>::deserialize(deserializer)?;
    Ok(words.map(|words| words.into_iter().map(|AsWord(word)| word).collect()))
}

/// Reads a struct from a section only: serde itself would take a list for one.
pub fn section<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct SectionVisitor<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for SectionVisitor<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a section of keys")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(de::value::MapAccessDeserializer::new(map))
        }
    }

    deserializer.deserialize_map(SectionVisitor(PhantomData))
}
