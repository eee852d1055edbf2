//! Bencode (BEP 3) as BTRT writes it.

/// Appends bencode to a buffer. The keys of a dictionary are the caller's to sort.
pub struct Writer<'a>(pub &'a mut Vec<u8>);

impl Writer<'_> {
    /// A byte string.
    pub fn string(&mut self, bytes: &[u8]) -> &mut Self {
        self.string_head(bytes.len());
        self.0.extend_from_slice(bytes);
        self
    }

    /// The part of a byte string before its bytes, which the caller appends.
    pub fn string_head(&mut self, length: usize) -> &mut Self {
        append_number(self.0, length);
        self.0.push(b':');
        self
    }

    /// An integer.
    pub fn integer(&mut self, value: impl itoa::Integer) -> &mut Self {
        self.0.push(b'i');
        append_number(self.0, value);
        self.0.push(b'e');
        self
    }

    /// A dictionary up to its first key.
    pub fn dictionary(&mut self) -> &mut Self {
        self.0.push(b'd');
        self
    }

    /// A list up to its first element.
    pub fn list(&mut self) -> &mut Self {
        self.0.push(b'l');
        self
    }

    /// Bytes that are bencode already.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// The end of a dictionary or list.
    pub fn end(&mut self) -> &mut Self {
        self.0.push(b'e');
        self
    }
}

/// Appends a decimal number. Digits are so few that copying them one by one takes less than calling
/// for it.
pub(super) fn append_number(to: &mut Vec<u8>, number: impl itoa::Integer) {
    let mut buffer = itoa::Buffer::new();
    for &digit in buffer.format(number).as_bytes() {
        to.push(digit);
    }
}
