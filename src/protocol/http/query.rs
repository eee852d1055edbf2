//! The query of a request: parameters, percent-decoding (RFC 3986, section 2.1) and numbers, as
//! trackers have always read them. That is not what web forms do: a plus sign stays one, since
//! info hashes are bytes and not text.

use memchr::memchr;

/// The parameters of a query as pairs of name and value, both still escaped; see [`pieces`]. A
/// parameter without `=` has an empty value.
pub fn parameters(query: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    pieces(query).map(|piece| match memchr(b'=', piece) {
        Some(at) => (&piece[..at], &piece[at + 1..]),
        None => (piece, &[][..]),
    })
}

/// The parameters of a query, each with its name and value in one piece. They are separated by
/// `&`, and by `?` as well: many clients append `?info_hash=…` to an announce URL that has a query
/// already. Empty ones are passed over.
pub fn pieces(query: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut ends = Ends::of(query);
    let mut start = 0;
    std::iter::from_fn(move || {
        while start < query.len() {
            let end = ends.next().unwrap_or(query.len());
            let piece = &query[start..end];
            start = end + 1;
            if !piece.is_empty() {
                return Some(piece);
            }
        }
        None
    })
}

/// The places of `&` and `?` in a query. Pieces are so short that a search for the end of each
/// would take longer to begin than to end: 64 bytes are looked at in one go.
struct Ends<'a> {
    query: &'a [u8],
    /// Where these 64 bytes begin.
    block: usize,
    /// The places among them that are still to come; see [`places`].
    places: u64,
}

impl<'a> Ends<'a> {
    fn of(query: &'a [u8]) -> Ends<'a> {
        Ends {
            query,
            block: 0,
            places: places(query, 0),
        }
    }
}

impl Iterator for Ends<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        while self.places == 0 {
            self.block += 64;
            if self.block >= self.query.len() {
                return None;
            }
            self.places = places(self.query, self.block);
        }
        let place = self.places.trailing_zeros() as usize;
        self.places &= self.places - 1;
        Some(self.block + place)
    }
}

/// Which of the 64 bytes from here on end a piece: a bit for each, the lowest for the first. Of what
/// is left of a longer query, which has more bytes in front of it, nothing has to be copied.
fn places(query: &[u8], start: usize) -> u64 {
    let rest = &query[start..];
    match (rest.first_chunk(), query.last_chunk()) {
        (Some(block), _) => places_in(block),
        (None, Some(block)) => places_in(block) >> (64 - rest.len()),
        (None, None) => {
            let mut block = [0; 64];
            block[..rest.len()].copy_from_slice(rest);
            places_in(&block)
        }
    }
}

/// The same of a block. There is no branch here that depends on the bytes, so that the compiler
/// takes many of them at once.
fn places_in(block: &[u8; 64]) -> u64 {
    let found = block.map(|byte| u8::from(byte == b'&') | u8::from(byte == b'?'));
    let (eights, _) = found.as_chunks();
    eights.iter().rev().fold(0, |places, eight| {
        // The product has the last bits of these eight bytes side by side in its first eight.
        let product = u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080);
        places << 8 | product >> 56
    })
}

/// The value of a parameter if it has this name.
pub fn value_of<'a, const N: usize>(piece: &'a [u8], name: &[u8; N]) -> Option<&'a [u8]> {
    match piece.strip_prefix(name)? {
        [] => Some(&[]),
        [b'=', value @ ..] => Some(value),
        _ => None,
    }
}

/// Decodes a value of 20 bytes. The error is how many it has instead.
pub fn decode_20(value: &[u8]) -> Result<[u8; 20], usize> {
    // The ids of most clients have nothing to decode.
    if let Ok(plain) = <[u8; 20]>::try_from(value)
        && !plain.iter().fold(false, |any, &byte| any | (byte == b'%'))
    {
        return Ok(plain);
    }
    let mut bytes = [0; 20];
    let mut rest = value;
    for (length, place) in bytes.iter_mut().enumerate() {
        *place = next_byte(&mut rest).ok_or(length)?;
    }
    match rest {
        [] => Ok(bytes),
        _ => Err(decode(value).count()),
    }
}

/// The bytes of a value. A `%` that two hexadecimal digits do not follow stands for itself.
pub fn decode(value: &[u8]) -> impl Iterator<Item = u8> {
    let mut rest = value;
    std::iter::from_fn(move || next_byte(&mut rest))
}

fn next_byte(rest: &mut &[u8]) -> Option<u8> {
    let (&first, after) = rest.split_first()?;
    *rest = after;
    if first == b'%'
        && let [high, low, after @ ..] = after
    {
        let high = HEX_DIGITS[usize::from(*high)];
        let low = HEX_DIGITS[usize::from(*low)];
        if high | low != NO_DIGIT {
            *rest = after;
            return Some(high << 4 | low);
        }
    }
    Some(first)
}

const NO_DIGIT: u8 = 0xff;
/// What each byte is worth as a hexadecimal digit. The digits of a hash are random: a processor
/// cannot foresee what kind the next one is, so that looking it up beats asking.
const HEX_DIGITS: [u8; 256] = {
    let mut values = [NO_DIGIT; 256];
    let mut digit = 0;
    while digit < 16 {
        values[b"0123456789abcdef"[digit] as usize] = digit as u8;
        values[b"0123456789ABCDEF"[digit] as usize] = digit as u8;
        digit += 1;
    }
    values
};

/// A decimal number, cut to the range of the type; `None` if it is none.
pub fn number(value: &[u8]) -> Option<i64> {
    let (negative, digits) = match value {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let mut number: i64 = 0;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number.saturating_mul(10).saturating_add(digit.into());
    }
    Some(if negative { -number } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection;
    use proptest::prelude::*;
    use proptest::sample::select;

    fn pairs(query: &str) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        parameters(query.as_bytes())
            .map(|(name, value)| (text(name), text(value)))
            .collect()
    }

    #[test]
    fn parameters_are_told_apart_however_they_are_joined() {
        let expected = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|&(n, v)| (n.into(), v.into())).collect()
        };
        assert_eq!(pairs("a=1&b=2"), expected(&[("a", "1"), ("b", "2")]));
        assert_eq!(pairs("p=x?a=1"), expected(&[("p", "x"), ("a", "1")]));
        assert_eq!(pairs("&&a&b=1=2&"), expected(&[("a", ""), ("b", "1=2")]));
        assert_eq!(pairs(""), []);
    }

    #[test]
    fn escapes_of_any_case_are_decoded_and_broken_ones_stand_for_themselves() {
        let decoded = |value: &str| decode(value.as_bytes()).collect::<Vec<_>>();
        assert_eq!(decoded("%fC%Ee~+"), b"\xfc\xee~+");
        assert_eq!(decoded("%"), b"%");
        assert_eq!(decoded("%4"), b"%4");
        assert_eq!(decoded("%zz%41"), b"%zzA");
        assert_eq!(decoded("%%41"), b"%A");
    }

    #[test]
    fn values_of_another_length_say_which() {
        assert_eq!(
            decode_20(b"-qB4520-iE)gk1*Dn16("),
            Ok(*b"-qB4520-iE)gk1*Dn16(")
        );
        assert_eq!(decode_20(b"%00"), Err(1));
        assert_eq!(decode_20(&[b'x'; 21]), Err(21));
        assert_eq!(decode_20(b""), Err(0));
    }

    #[test]
    fn numbers_are_cut_to_the_range() {
        assert_eq!(number(b"0"), Some(0));
        assert_eq!(number(b"-1"), Some(-1));
        assert_eq!(number(b"006881"), Some(6881));
        assert_eq!(number(b"99999999999999999999999"), Some(i64::MAX));
        assert_eq!(number(b"-99999999999999999999999"), Some(-i64::MAX));
        for nonsense in [&b""[..], b"-", b"+1", b"1.5", b"0x10", b" 1"] {
            assert_eq!(number(nonsense), None);
        }
    }

    proptest! {
        #[test]
        fn every_value_survives_escaping(bytes: [u8; 20], upper: bool, escape_all: bool) {
            let escaped: String = bytes
                .iter()
                .map(|&byte| match byte {
                    b if b.is_ascii_alphanumeric() && !escape_all => char::from(b).to_string(),
                    b if upper => format!("%{b:02X}"),
                    b => format!("%{b:02x}"),
                })
                .collect();
            prop_assert_eq!(decode_20(escaped.as_bytes()), Ok(bytes));
        }

        #[test]
        fn pieces_are_what_stands_between_the_ends(
            query in collection::vec(select(b"xyz=&?"), 0..300),
        ) {
            let expected = query.split(|byte| b"&?".contains(byte));
            let expected: Vec<_> = expected.filter(|piece| !piece.is_empty()).collect();
            prop_assert_eq!(pieces(&query).collect::<Vec<_>>(), expected);
        }

        #[test]
        fn any_bytes_are_read_without_panic_and_nothing_is_invented(query: Vec<u8>) {
            let length: usize = parameters(&query)
                .map(|(name, value)| name.len() + decode(value).count())
                .sum();
            prop_assert!(length <= query.len());
        }
    }
}
