//! `tests/README.md` names the tests that show what is promised: they must be there.

use std::fs;
use std::path::Path;

#[test]
fn every_test_that_shows_a_promise_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("tests/README.md")).expect("the page");
    // Every second piece stands between two backticks.
    let quoted = page.split('`').skip(1).step_by(2);
    let is_ours = |text: &&str| {
        ["src/", "tests/", "scripts/"]
            .iter()
            .any(|top| text.starts_with(top))
    };
    let mut count = 0;
    for named in quoted.filter(is_ours) {
        let (file, name) = match named.split_once(": ") {
            Some((file, name)) => (file, Some(name)),
            None => (named, None),
        };
        let source = fs::read_to_string(root.join(file));
        let source = source.unwrap_or_else(|error| panic!("{file}: {error}"));
        if let Some(name) = name {
            assert!(
                source.contains(&format!("fn {name}(")),
                "{file} has no {name}"
            );
        }
        count += 1;
    }
    assert!(count > 50, "the promises were not found");
}
