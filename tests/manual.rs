//! The man pages say what the program knows.

use std::path::Path;
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn printed(command: &mut Command) -> String {
    let output = command.output().expect("the command can be run");
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// A page without troff's language.
fn page(source: &str) -> String {
    source
        .replace("\\(ti", "~")
        .replace("\\fB", "")
        .replace('\\', "")
}

#[test]
fn btrt_conf_5_names_every_key_with_its_default() {
    let file = root().join("conf/btrt.conf.default");
    let mut manual = Command::new(root().join("scripts/manual"));
    let page = page(&printed(manual.arg(&file)));
    let lines: Vec<&str> = page.lines().map(str::trim).collect();
    let text = std::fs::read_to_string(&file).expect("the default file");
    let mut keys = 0;
    for line in text.lines() {
        // A key that is commented out: no space behind the number sign.
        let Some(key) = line.trim_start().strip_prefix('#') else {
            continue;
        };
        if key.starts_with(|first: char| first.is_ascii_lowercase() || first == '-') {
            keys += 1;
            let key = key.trim_end_matches(':');
            let named = |line: &&&str| line.strip_suffix(":fR").unwrap_or(line) == key;
            assert!(lines.iter().find(named).is_some(), "{key} is missing");
        }
    }
    assert!(keys > 50, "only {keys} keys were found");
}

#[test]
fn btrt_8_names_every_command_option_and_signal() {
    fn words(line: &str) -> Vec<&str> {
        let words = line.split([' ', ',', '"']);
        words.filter(|word| !word.is_empty()).collect()
    }

    let source = std::fs::read_to_string(root().join("scripts/btrt.8")).expect("the page");
    let page = page(&source);
    let lines: Vec<Vec<&str>> = page.lines().map(words).collect();
    // What stands behind ".TP", without the ".B" or ".BR" in front.
    let entries = lines.windows(2).filter(|pair| pair[0] == [".TP"]);
    let entries: Vec<&[&str]> = entries
        .map(|pair| &pair[1][usize::from(pair[1][0].starts_with('.'))..])
        .collect();

    let help = printed(Command::new(env!("CARGO_BIN_EXE_btrt")).arg("help"));
    let mut named = 0;
    let begins = |line: &&str| line.starts_with("  ") && !line.starts_with("   ");
    for line in help.lines().filter(begins) {
        let words = words(line);
        let is_name = |word: &&&str| word.starts_with('-') || word.starts_with("SIG");
        let names: Vec<&str> = words.iter().take_while(is_name).copied().collect();
        let is_entry = |entry: &&[&str]| match words[0] {
            "db" => entry.starts_with(&words[..2]),
            command if names.is_empty() => entry[0] == command,
            _ => names.iter().all(|name| entry.contains(name)),
        };
        assert!(entries.iter().any(is_entry), "{line:?}");
        named += 1;
    }
    assert!(named > 10, "only {named} names were found in {help}");
}
