//! Answers that are more than a tracker's: of any type, and with header fields of their own.

use super::response::{Persistence, Status, end_of_head};
use std::sync::Arc;

/// An answer whose body is all there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Its status. [`Status::NotModified`] has no body, whatever stands in `body`.
    pub status: Status,
    /// Its media type.
    pub content_type: &'static str,
    /// Further header fields, each a line with `\r\n` behind it.
    pub fields: String,
    /// Its body; for many connections at once if need be.
    pub body: Arc<[u8]>,
}

impl Document {
    /// Appends the whole answer, or just its head to whoever asked with HEAD.
    pub fn write(&self, to: &mut Vec<u8>, persistence: Persistence, head_only: bool) {
        self.write_head(to, persistence);
        to.extend_from_slice(&self.body_for(head_only));
    }

    /// The body, as far as it goes out: not to whoever asked with HEAD.
    pub fn body_for(&self, head_only: bool) -> Arc<[u8]> {
        if head_only || self.status == Status::NotModified {
            return Arc::default();
        }
        self.body.clone()
    }

    /// Appends the answer up to its body.
    pub fn write_head(&self, to: &mut Vec<u8>, persistence: Persistence) {
        to.extend_from_slice(self.status.line().as_bytes());
        to.extend_from_slice(self.fields.as_bytes());
        to.extend_from_slice(b"X-Content-Type-Options: nosniff");
        // Without a body there is nothing to tell of it (RFC 9110, section 15.4.5).
        if self.status != Status::NotModified {
            let (of_type, length) = (self.content_type, self.body.len());
            let described = format!("\r\nContent-Type: {of_type}\r\nContent-Length: {length}");
            to.extend_from_slice(described.as_bytes());
        }
        to.extend_from_slice(end_of_head(persistence));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(status: Status, head_only: bool) -> String {
        let document = Document {
            status,
            content_type: "application/json",
            fields: "ETag: \"1\"\r\n".to_owned(),
            body: Arc::from(&b"{}"[..]),
        };
        let mut bytes = Vec::new();
        document.write(&mut bytes, Persistence::Close, head_only);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn only_the_head_goes_to_whoever_asked_for_it() {
        let head = "HTTP/1.1 200 OK\r\nETag: \"1\"\r\nX-Content-Type-Options: nosniff\r\n\
                    Content-Type: application/json\r\nContent-Length: 2\r\n\
                    Connection: close\r\n\r\n";
        assert_eq!(text(Status::Ok, true), head);
        assert_eq!(text(Status::Ok, false), format!("{head}{{}}"));
    }

    #[test]
    fn what_has_not_changed_has_no_body() {
        assert_eq!(
            text(Status::NotModified, false),
            "HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\n\
             X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
        );
    }
}
