//! Where text that was written as it came has left the cursor.

use unicode_width::UnicodeWidthChar;

/// Rows below the place where the cell's output began, and the column, both from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cursor {
    pub rows: usize,
    pub column: usize,
    /// An escape sequence moved it somewhere we do not follow.
    pub lost: bool,
}

impl Cursor {
    /// Follows `text` on a terminal of `columns`.
    pub fn advance(&mut self, text: &str, columns: usize) {
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            match c {
                '\n' => (self.rows, self.column) = (self.rows + 1, 0),
                '\r' => self.column = 0,
                '\t' => self.column = (self.column / 8 + 1) * 8,
                '\x1b' => self.escape(&mut chars),
                c => self.step(c.width().unwrap_or(0), columns),
            }
        }
    }

    fn step(&mut self, width: usize, columns: usize) {
        self.column += width;
        if self.column > columns {
            (self.rows, self.column) = (self.rows + 1, width);
        }
    }

    /// Colours are harmless; any other sequence may move the cursor.
    fn escape(&mut self, chars: &mut std::str::Chars<'_>) {
        if chars.next() != Some('[') {
            self.lost = true;
            return;
        }
        let last = chars.find(|c| ('@'..='~').contains(c));
        self.lost |= last != Some('m');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_moves_the_cursor() {
        let mut cursor = Cursor::default();
        cursor.advance("ab\n模\x1b[31m型\x1b[0m", 80);
        assert_eq!(cursor, Cursor { rows: 1, column: 4, lost: false });
        cursor.advance(&"x".repeat(77), 80);
        assert_eq!(cursor, Cursor { rows: 2, column: 1, lost: false });
        cursor.advance("\r", 80);
        assert_eq!(cursor.column, 0);
        cursor.advance("\x1b[2A", 80);
        assert!(cursor.lost);
    }
}
