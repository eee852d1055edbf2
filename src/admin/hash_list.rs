//! `/hashlist.bin`: the same bytes as `btrt hashlist` writes, with a name by which whoever has them
//! already is spared to get them again (RFC 9110, section 13.1.2).

use crate::job::HashList;
use crate::protocol::http::Document;
use crate::protocol::http::response::Status;

/// The answer to somebody who has said with these values of `If-None-Match` what it knows.
pub fn document(list: &HashList, known: &[Box<[u8]>]) -> Document {
    let tag = format!("\"{}\"", list.tag);
    let status = if known.iter().any(|value| names(value, &tag)) {
        Status::NotModified
    } else {
        Status::Ok
    };
    Document {
        status,
        content_type: "application/octet-stream",
        // It may be kept, to be asked about each time.
        fields: format!("Cache-Control: no-cache\r\nETag: {tag}\r\n"),
        body: list.bytes.clone(),
    }
}

/// Whether a value names this tag, or any. A tag that was made weak on its way is as good.
fn names(value: &[u8], tag: &str) -> bool {
    let mut tags = value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
    tags.any(|one| one == b"*" || one.strip_prefix(b"W/").unwrap_or(one) == tag.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(known: &[&str]) -> Status {
        let list = HashList {
            bytes: [7; 20].into(),
            tag: "abc".into(),
        };
        let known: Vec<_> = known.iter().map(|value| value.as_bytes().into()).collect();
        let document = document(&list, &known);
        assert!(document.fields.contains("ETag: \"abc\"\r\n"));
        document.status
    }

    #[test]
    fn whoever_has_it_is_told_so() {
        for known in [
            &["\"abc\""][..],
            &["\"x\", \"abc\""],
            &["\"x\"", "W/\"abc\""],
            &["*"],
        ] {
            assert_eq!(status(known), Status::NotModified, "{known:?}");
        }
        for known in [&[][..], &["abc"], &["\"ab\""], &["\"x\",\"ABC\""], &[""]] {
            assert_eq!(status(known), Status::Ok, "{known:?}");
        }
    }
}
