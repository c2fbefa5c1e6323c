//! Keys that were pressed while the terminal was asked: they wait for the next prompt.

use super::{Easel, Look, query};

#[derive(Default)]
pub struct Keys {
    bytes: Vec<u8>,
    /// An answer may still come.
    late: bool,
}

impl Keys {
    /// Asks. `None`: not now, a later chart may ask again; otherwise what draws, if anything does.
    pub fn ask(&mut self, look: &mut Look) -> Option<Option<Easel>> {
        let asked = look();
        self.bytes.extend(asked.keys);
        self.late |= asked.late;
        asked.done.then(|| asked.protocol.map(|protocol| Easel::new(protocol, asked.cell)))
    }

    /// The text that was typed, with its line ends; late answers are read and dropped.
    pub fn take(&mut self) -> String {
        if std::mem::take(&mut self.late) {
            self.bytes.extend(query::sift());
        }
        text(&std::mem::take(&mut self.bytes))
    }
}

/// Letters and line ends; Backspace takes one back, other keys have no meaning before there is a prompt.
fn text(bytes: &[u8]) -> String {
    let (mut text, decoded) = (String::new(), String::from_utf8_lossy(bytes));
    let mut chars = decoded.chars();
    while let Some(c) = chars.next() {
        match c {
            '\r' | '\n' => text.push('\n'),
            '\x08' | '\x7f' => drop(text.pop()),
            '\x1b' => {
                if chars.as_str().starts_with('[') {
                    chars.by_ref().skip(1).find(|c| ('@'..='~').contains(c));
                }
            }
            c if c.is_control() => {}
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_become_text() {
        assert_eq!(text("%statux\x7fs\r模\x1b[A\x01!\x1b[200~x".as_bytes()), "%status\n模!x");
    }
}
