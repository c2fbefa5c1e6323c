//! The rows that stand at the bottom of the screen, as they were written: what must be known to write over them.

use std::rc::Rc;

use crate::board::Part;
use crate::graphics::Picture;

#[derive(Default)]
pub struct Sheet {
    /// Widths of the lines; a picture's rows have none.
    widths: Vec<usize>,
    /// Pictures, and the row at which each begins.
    pub pictures: Vec<(usize, Rc<Picture>)>,
}

impl Sheet {
    pub fn is_empty(&self) -> bool {
        self.widths.is_empty()
    }

    /// Rows on a terminal of `columns`; one that `rewraps` has wrapped lines that a narrower window does not hold.
    pub fn rows(&self, columns: usize, rewraps: bool) -> usize {
        let rows = |width: &usize| if rewraps { width.div_ceil(columns).max(1) } else { 1 };
        self.widths.iter().map(rows).sum()
    }

    /// What is written from the first row on to have `parts` stand there, and the new sheet. `before` is what stands there now, if the
    /// window is as it was: a picture in its old place is not sent again, and its rows are not wiped, so that nothing flickers.
    pub fn write(parts: &[Part], before: Option<&Self>) -> (String, Self) {
        let (mut text, mut sheet) = (String::new(), Self::default());
        let old = |at: usize| before.and_then(|before| before.pictures.iter().find(|(row, _)| *row == at).map(|(_, old)| old));
        for part in parts {
            match part {
                Part::Line(line) => {
                    text += &line.text;
                    text += "\x1b[K\n";
                    sheet.widths.push(line.width);
                }
                Part::Picture(picture) => {
                    let at = sheet.widths.len();
                    let covers = old(at).is_some_and(|old| (old.rows, old.columns) == (picture.rows, picture.columns));
                    text += &if covers { "\n" } else { "\x1b[K\n" }.repeat(picture.rows);
                    if !old(at).is_some_and(|old| Rc::ptr_eq(old, picture)) {
                        // Its rows are there, so nothing scrolls while it is drawn; the cursor comes back.
                        text += &format!("\x1b7\x1b[{}A{}\x1b8", picture.rows, picture.bytes);
                    }
                    sheet.widths.extend(std::iter::repeat_n(0, picture.rows));
                    sheet.pictures.push((at, picture.clone()));
                }
            }
        }
        (text, sheet)
    }

    pub fn shows(&self, id: u32) -> bool {
        self.pictures.iter().any(|(_, picture)| picture.id == id)
    }
}
