//! Columns of text for a terminal.

use std::fmt;

/// Names longer than this are cut.
const LONGEST_NAME: usize = 60;

/// Rows of cells. Numbers stand at the right of their column; the last column is for names.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Vec<Vec<String>>,
    widths: Vec<usize>,
    has_head: bool,
}

impl Table {
    /// A table with these headings; without any if there are none.
    pub fn new(head: &[&str]) -> Table {
        let mut table = Table::default();
        if !head.is_empty() {
            table.has_head = true;
            let head: Vec<String> = head.iter().map(|&text| text.to_owned()).collect();
            table.row(&head);
        }
        table
    }

    pub fn row(&mut self, cells: &[String]) {
        self.widths.resize(self.widths.len().max(cells.len()), 0);
        for (width, cell) in self.widths.iter_mut().zip(cells) {
            *width = (*width).max(cell.chars().count());
        }
        self.rows.push(cells.to_vec());
    }

    /// Whether a column holds numbers, its heading apart.
    fn is_numeric(&self, column: usize) -> bool {
        let rows = self.rows.iter().skip(usize::from(self.has_head));
        let mut cells = rows.filter_map(|row| row.get(column));
        let is_number = |cell: &String| cell.bytes().all(|byte| !byte.is_ascii_alphabetic());
        let is_last = column + 1 == self.widths.len();
        self.has_head && !is_last && cells.all(is_number)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.rows {
            let mut line = String::new();
            for (column, (cell, &width)) in row.iter().zip(&self.widths).enumerate() {
                if width == 0 {
                    continue;
                }
                line += "  ";
                line += &if self.is_numeric(column) {
                    format!("{cell:>width$}")
                } else {
                    format!("{cell:<width$}")
                };
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// Text without control characters.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        if is_harmful(character) {
            escaped.extend(character.escape_unicode());
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// Control characters, and those that turn the direction of what follows.
fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Text from elsewhere: it must neither break the table nor have a say on the operator's terminal.
pub(super) fn shortened(text: &str) -> String {
    let escaped = escaped(text);
    match escaped.char_indices().nth(LONGEST_NAME) {
        None => escaped,
        Some((end, _)) => format!("{}…", &escaped[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_right_and_words_left() {
        let mut table = Table::new(&["peers", "", "name"]);
        for cells in [["7", "", "one"], ["1,234,567", "", "another"]] {
            table.row(&cells.map(str::to_owned));
        }
        assert_eq!(
            table.to_string(),
            "      peers  name\n          7  one\n  1,234,567  another\n"
        );
    }

    #[test]
    fn names_cannot_break_a_line() {
        assert_eq!(
            escaped("a\x1b[1m\nb\u{202e}é"),
            "a\\u{1b}[1m\\u{a}b\\u{202e}é"
        );
        let long = shortened(&"ß".repeat(200));
        assert_eq!(long.chars().count(), LONGEST_NAME + 1);
        assert!(long.ends_with('…'));
    }
}
