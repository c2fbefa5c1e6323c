//! Parts what a cell prints from the words that evcxr's runtime says among it.

use wire::lab::MARK;

/// evcxr's words begin so, and so does our mark.
const WORD: &[u8] = b"EVCXR_";
const BEGIN: &[u8] = b"EVCXR_BEGIN_CONTENT";
const END: &[u8] = b"EVCXR_END_CONTENT";

#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    /// As it was printed.
    Text(Vec<u8>),
    /// A line for evcxr, without its newline.
    Word(Vec<u8>),
    /// What our `lab` counts.
    Mark(u64),
}

/// Takes bytes as they come; holds back only what may become a word.
#[derive(Default)]
pub struct Sieve {
    held: Vec<u8>,
    /// Between `BEGIN` and `END` every line is evcxr's.
    content: bool,
}

impl Sieve {
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Piece> {
        self.held.extend_from_slice(bytes);
        let mut pieces = Vec::new();
        loop {
            let at = if self.content { 0 } else { start(&self.held) };
            if at > 0 {
                pieces.push(Piece::Text(self.held.drain(..at).collect()));
            }
            let Some(end) = self.held.iter().position(|byte| *byte == b'\n') else { return pieces };
            let line: Vec<u8> = self.held.drain(..=end).take(end).collect();
            self.content = if self.content { line != END } else { line.starts_with(BEGIN) };
            let mark = line.strip_prefix(MARK.as_bytes()).and_then(|n| std::str::from_utf8(n).ok()?.parse().ok());
            pieces.push(mark.map_or(Piece::Word(line), Piece::Mark));
        }
    }
}

/// Where the first word begins, or what may still become one; all of it if none.
fn start(bytes: &[u8]) -> usize {
    (0..bytes.len())
        .find(|at| {
            let rest = &bytes[*at..];
            if rest.len() < WORD.len() { WORD.starts_with(rest) } else { rest.starts_with(WORD) }
        })
        .unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sieve(text: &str, size: usize) -> (String, Vec<String>) {
        let (mut sieve, mut printed, mut words) = (Sieve::default(), Vec::new(), Vec::new());
        for chunk in text.as_bytes().chunks(size) {
            for piece in sieve.push(chunk) {
                match piece {
                    Piece::Text(text) => printed.extend(text),
                    Piece::Word(word) => words.push(String::from_utf8(word).unwrap()),
                    Piece::Mark(n) => words.push(format!("mark {n}")),
                }
            }
        }
        (String::from_utf8(printed).unwrap(), words)
    }

    #[test]
    fn text_and_words_are_parted_however_they_come() {
        let text =
            "a\rEV\n10 %EVCXR_LANTERN_MARK 7\nb\nEVCXR_BEGIN_CONTENT text/plain\nx\ny\nEVCXR_END_CONTENT\nend\nEVCXR_EXECUTION_COMPLETE\n";
        for size in [1, 2, 3, 5, 7, 1000] {
            let (printed, words) = sieve(text, size);
            assert_eq!(printed, "a\rEV\n10 %b\nend\n", "{size}");
            let expected = ["mark 7", "EVCXR_BEGIN_CONTENT text/plain", "x", "y", "EVCXR_END_CONTENT", "EVCXR_EXECUTION_COMPLETE"];
            assert_eq!(words, expected, "{size}");
        }
    }

    #[test]
    fn nothing_is_held_back_that_cannot_be_a_word() {
        assert_eq!(Sieve::default().push(b"50 %\r"), [Piece::Text(b"50 %\r".to_vec())]);
        assert_eq!(Sieve::default().push(b"x E"), [Piece::Text(b"x ".to_vec())]);
    }
}
