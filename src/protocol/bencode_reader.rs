//! Bencode (BEP 3) as others write it, who may mean harm.
//!
//! A scanner that hands out one token at a time and does not call itself, so that nothing in the
//! input decides how much of the stack is used. It takes what real trackers get wrong (unsorted
//! keys, leading zeros, bytes behind the end) and what does no harm to anybody who looks for a few
//! keys (a key twice, one without a value).

use std::fmt;

/// Lists and dictionaries inside each other. A tracker's answer needs four.
const MAX_DEPTH: u32 = 32;

/// Tokens in one input: those of a scrape of more than 10,000 torrents.
const MAX_TOKENS: u32 = 100_000;

/// Digits of a number, leading zeros included.
const MAX_DIGITS: usize = 32;

/// Reads tokens from bytes that are all there.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    depth: u32,
    tokens: u32,
}

/// One piece of bencode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// A dictionary begins.
    Dictionary,
    /// A list begins.
    List,
    /// The innermost dictionary or list ends.
    End,
    /// A byte string.
    String(&'a [u8]),
    /// An integer, cut to the range of the type.
    Integer(i64),
}

/// Why bytes are not read any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// They are not bencode, or end too soon.
    NotBencode,
    /// They are nested too deeply.
    TooDeep,
    /// There are too many values.
    TooMany,
}

impl<'a> Reader<'a> {
    /// Reads from the beginning.
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader {
            rest: bytes,
            depth: 0,
            tokens: 0,
        }
    }

    /// The next token.
    pub fn token(&mut self) -> Result<Token<'a>, Fault> {
        self.tokens += 1;
        if self.tokens > MAX_TOKENS {
            return Err(Fault::TooMany);
        }
        let (&first, after) = self.rest.split_first().ok_or(Fault::NotBencode)?;
        match first {
            b'd' | b'l' => {
                self.rest = after;
                self.depth += 1;
                if self.depth > MAX_DEPTH {
                    return Err(Fault::TooDeep);
                }
                Ok(if first == b'd' {
                    Token::Dictionary
                } else {
                    Token::List
                })
            }
            b'e' => {
                self.rest = after;
                self.depth = self.depth.checked_sub(1).ok_or(Fault::NotBencode)?;
                Ok(Token::End)
            }
            b'i' => {
                self.rest = after;
                let negative = after.first() == Some(&b'-');
                if negative {
                    self.rest = after.get(1..).unwrap_or_default();
                }
                let number = self.digits(b'e')?;
                Ok(Token::Integer(if negative { -number } else { number }))
            }
            b'0'..=b'9' => {
                let length = self.digits(b':')?;
                let length = usize::try_from(length).map_err(|_| Fault::NotBencode)?;
                let (string, rest) = self
                    .rest
                    .split_at_checked(length)
                    .ok_or(Fault::NotBencode)?;
                self.rest = rest;
                Ok(Token::String(string))
            }
            _ => Err(Fault::NotBencode),
        }
    }

    /// The next key of a dictionary; `None` at its end.
    pub fn key(&mut self) -> Result<Option<&'a [u8]>, Fault> {
        match self.token()? {
            Token::String(key) => Ok(Some(key)),
            Token::End => Ok(None),
            _ => Err(Fault::NotBencode),
        }
    }

    /// Passes over the rest of the value that this token began.
    pub fn skip(&mut self, token: Token<'_>) -> Result<(), Fault> {
        if matches!(token, Token::Dictionary | Token::List) {
            let outside = self.depth - 1;
            while self.depth > outside {
                self.token()?;
            }
        }
        Ok(())
    }

    /// Digits up to the byte that ends them.
    fn digits(&mut self, end: u8) -> Result<i64, Fault> {
        let mut number: i64 = 0;
        let mut count = 0;
        while let Some((&byte, after)) = self.rest.split_first() {
            self.rest = after;
            if byte == end && count > 0 {
                return Ok(number);
            }
            count += 1;
            if !byte.is_ascii_digit() || count > MAX_DIGITS {
                return Err(Fault::NotBencode);
            }
            number = number
                .saturating_mul(10)
                .saturating_add(i64::from(byte - b'0'));
        }
        Err(Fault::NotBencode)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::NotBencode => "not bencode",
            Fault::TooDeep => "nested too deeply",
            Fault::TooMany => "too many values",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All tokens of one value.
    fn tokens(bytes: &[u8]) -> Result<Vec<Token<'_>>, Fault> {
        let mut reader = Reader::new(bytes);
        let mut tokens = vec![reader.token()?];
        while reader.depth > 0 {
            tokens.push(reader.token()?);
        }
        Ok(tokens)
    }

    #[test]
    fn values_of_every_kind_are_read() {
        use Token::*;
        let read = tokens(b"d1:bi-3e1:al2:ab0:i007eeeand more");
        let expected = [
            Dictionary,
            String(b"b"),
            Integer(-3),
            String(b"a"),
            List,
            String(b"ab"),
            String(b""),
            Integer(7),
            End,
            End,
        ];
        assert_eq!(read, Ok(expected.to_vec()));
        assert_eq!(tokens(b"i-0e"), Ok(vec![Integer(0)]));
        assert_eq!(tokens(b"02:ab"), Ok(vec![String(b"ab")]));
        assert_eq!(
            tokens(b"i99999999999999999999e"),
            Ok(vec![Integer(i64::MAX)])
        );
        assert_eq!(
            tokens(b"i-99999999999999999999e"),
            Ok(vec![Integer(-i64::MAX)])
        );
    }

    #[test]
    fn what_is_not_bencode_is_refused() {
        for bytes in [
            "",
            "e",
            "x",
            "i",
            "ie",
            "i-e",
            "i--1e",
            "i1",
            "i1.5e",
            "i 1e",
            ":",
            "1",
            "1:",
            "3:ab",
            "-1:a",
            "99999999999999999999:a",
            "l",
            "d1:a",
            "<html>",
        ] {
            assert_eq!(tokens(bytes.as_bytes()), Err(Fault::NotBencode), "{bytes}");
        }
        let digits = format!("i{}1e", "0".repeat(100_000));
        assert_eq!(tokens(digits.as_bytes()), Err(Fault::NotBencode));
    }

    #[test]
    fn depth_and_count_have_an_end() {
        assert_eq!(tokens(&b"l".repeat(20_000)), Err(Fault::TooDeep));
        assert_eq!(tokens(&b"d1:a".repeat(20_000)), Err(Fault::TooDeep));
        let many = [b"l", &b"0:".repeat(500_000)[..], b"e"].concat();
        assert_eq!(tokens(&many), Err(Fault::TooMany));
        let deep = [b"l".repeat(32), b"e".repeat(32)].concat();
        assert_eq!(tokens(&deep).map(|tokens| tokens.len()), Ok(64));
    }

    #[test]
    fn a_value_is_passed_over_whole() {
        let mut reader = Reader::new(b"d1:ald1:xleei5ee1:b1:ce");
        assert_eq!(reader.token(), Ok(Token::Dictionary));
        assert_eq!(reader.key(), Ok(Some(&b"a"[..])));
        let value = reader.token().unwrap();
        reader.skip(value).unwrap();
        assert_eq!(reader.key(), Ok(Some(&b"b"[..])));
        let value = reader.token().unwrap();
        reader.skip(value).unwrap();
        assert_eq!(reader.key(), Ok(None));
    }

    /// Bytes that look like bencode more often than chance would have it.
    fn nearly_bencode() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            Just(b"d".to_vec()),
            Just(b"l".to_vec()),
            Just(b"e".to_vec()),
            Just(b"i-5e".to_vec()),
            Just(b"1:a".to_vec()),
            proptest::collection::vec(any::<u8>(), 0..4),
        ];
        proptest::collection::vec(piece, 0..64).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_to_an_end(bytes in nearly_bencode()) {
            let whole = tokens(&bytes);
            // What was read stays the same, whatever stands behind it.
            if let Ok(read) = &whole {
                let longer = [&bytes[..], b"3:xyz"].concat();
                prop_assert_eq!(tokens(&longer), Ok(read.clone()));
            }
            // A beginning is never taken for something else.
            for end in 0..bytes.len() {
                if let Ok(read) = tokens(&bytes[..end]) {
                    prop_assert_eq!(&Ok(read), &whole);
                }
            }
        }
    }
}
