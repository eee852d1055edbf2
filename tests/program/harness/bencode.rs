//! A strict reader of bencode, for answers only: what a lenient client would still understand
//! fails a test. Keys must be sorted and different, numbers canonical, nothing may follow.

use std::collections::BTreeMap;

/// One bencoded value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Integer(i64),
    Bytes(Vec<u8>),
    List(Vec<Value>),
    Dictionary(BTreeMap<Vec<u8>, Value>),
}

impl Value {
    /// Reads the whole of `input` as one value.
    pub fn decode(input: &[u8]) -> Self {
        let mut reader = Reader { input, position: 0 };
        let value = reader.value();
        assert_eq!(
            reader.position,
            input.len(),
            "bytes follow the value: {}",
            input.escape_ascii()
        );
        value
    }

    /// The value of a key of a dictionary, if it is there.
    pub fn get(&self, key: &[u8]) -> Option<&Self> {
        match self {
            Self::Dictionary(entries) => entries.get(key),
            other => panic!("not a dictionary: {other:?}"),
        }
    }

    pub fn integer(&self) -> i64 {
        match self {
            Self::Integer(number) => *number,
            other => panic!("not an integer: {other:?}"),
        }
    }

    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            other => panic!("not a byte string: {other:?}"),
        }
    }

    pub fn list(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            other => panic!("not a list: {other:?}"),
        }
    }
}

struct Reader<'input> {
    input: &'input [u8],
    position: usize,
}

impl<'input> Reader<'input> {
    fn value(&mut self) -> Value {
        match self.peek() {
            b'i' => {
                self.position += 1;
                Value::Integer(self.number_until(b'e'))
            }
            b'l' => Value::List(self.items()),
            b'd' => Value::Dictionary(self.entries()),
            _ => Value::Bytes(self.byte_string().to_vec()),
        }
    }

    fn items(&mut self) -> Vec<Value> {
        self.position += 1;
        let mut items = Vec::new();
        while self.peek() != b'e' {
            items.push(self.value());
        }
        self.position += 1;
        items
    }

    fn entries(&mut self) -> BTreeMap<Vec<u8>, Value> {
        self.position += 1;
        let mut entries = BTreeMap::new();
        while self.peek() != b'e' {
            let key = self.byte_string().to_vec();
            if let Some((last, _)) = entries.last_key_value() {
                assert!(
                    *last < key,
                    "keys out of order: {}",
                    self.input.escape_ascii()
                );
            }
            let value = self.value();
            entries.insert(key, value);
        }
        self.position += 1;
        entries
    }

    fn byte_string(&mut self) -> &'input [u8] {
        let length = usize::try_from(self.number_until(b':')).expect("a length is not negative");
        let start = self.position;
        self.position += length;
        self.input
            .get(start..self.position)
            .expect("a byte string runs past the end")
    }

    /// A number as bencode wants it: `-0`, `007` and `+1` are wrong.
    fn number_until(&mut self, end: u8) -> i64 {
        let rest = &self.input[self.position..];
        let length = rest
            .iter()
            .position(|&byte| byte == end)
            .expect("a number ends");
        let digits = std::str::from_utf8(&rest[..length]).expect("a number is ASCII");
        let number: i64 = digits
            .parse()
            .unwrap_or_else(|_| panic!("not a number: {digits}"));
        assert_eq!(
            number.to_string(),
            digits,
            "a number is written in one way only"
        );
        self.position += length + 1;
        number
    }

    fn peek(&self) -> u8 {
        *self
            .input
            .get(self.position)
            .expect("the value ends too early")
    }
}

#[test]
fn reads_what_a_tracker_answers() {
    let value = Value::decode(b"d8:completei-3e5:peersl1:a0:ee");
    assert_eq!(value.get(b"complete").map(Value::integer), Some(-3));
    assert_eq!(value.get(b"peers").map(|peers| peers.list().len()), Some(2));
    assert_eq!(value.get(b"nothing"), None);
}

#[test]
fn refuses_what_a_tracker_must_not_answer() {
    for wrong in [
        "",
        "i1ei2e",
        "i01e",
        "i-0e",
        "5:abc",
        "d1:bi1e1:ai2ee",
        "d1:ai1e1:ai2ee",
        "li1e",
    ] {
        let outcome = std::panic::catch_unwind(|| Value::decode(wrong.as_bytes()));
        assert!(outcome.is_err(), "{wrong} was read as {outcome:?}");
    }
}
