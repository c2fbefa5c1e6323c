//! What stands at the bottom of the screen and is redrawn in place: charts, as pictures or in text, and progress lines.

use std::rc::Rc;
use std::time::{Duration, Instant};

use unicode_width::UnicodeWidthStr;
use wire::Form;

use crate::graphics::{Content, Easel, Picture, is_art};
use crate::meter::Meter;
use crate::paint::{Line, Paint};

/// A chart that text has pushed up is not drawn again at once: samples between steps would repeat it each time.
const AGAIN: Duration = Duration::from_secs(3);
/// A picture is drawn anew at most this often, and takes at most a twentieth of the time.
const PICTURE: Duration = Duration::from_millis(400);

/// One or more rows of the screen.
#[derive(Clone)]
pub enum Part {
    Line(Line),
    Picture(Rc<Picture>),
}

impl Part {
    pub fn rows(&self) -> usize {
        match self {
            Self::Line(_) => 1,
            Self::Picture(picture) => picture.rows,
        }
    }
}

pub struct Board {
    paint: Paint,
    /// Where pictures are possible.
    pub easel: Option<Easel>,
    blocks: Vec<Block>,
    meters: Vec<(String, Meter)>,
    /// What was left above text in this cell, as it was drawn last.
    left: Vec<(String, Content)>,
}

struct Block {
    id: Option<String>,
    content: Content,
    /// Not drawn before.
    from: Instant,
    shown: Option<Shown>,
}

/// A block's picture, what it shows, for which size of the screen, and when it may change.
struct Shown {
    picture: Rc<Picture>,
    content: Content,
    size: (usize, usize),
    due: Instant,
}

impl Board {
    pub fn new(paint: Paint) -> Self {
        Self { paint, easel: None, blocks: Vec::new(), meters: Vec::new(), left: Vec::new() }
    }

    /// A new cell: nothing of the one before belongs to it.
    pub fn begin(&mut self) {
        self.left.clear();
    }

    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    pub fn has_meters(&self) -> bool {
        !self.meters.is_empty()
    }

    pub fn has_left(&self) -> bool {
        !self.left.is_empty()
    }

    pub fn clear_blocks(&mut self) {
        self.blocks.clear();
    }

    pub fn clear_meters(&mut self) {
        self.meters.clear();
    }

    pub fn clear(&mut self) {
        self.blocks.clear();
        self.left.clear();
    }

    /// Puts something on the board, in the place of what has its id; says whether anything changed.
    pub fn put(&mut self, id: Option<String>, content: Content) -> bool {
        if let Some(block) = self.blocks.iter_mut().find(|block| id.is_some() && block.id == id) {
            let changed = block.content != content;
            block.content = content;
            return changed;
        }
        let mut from = Instant::now();
        if let Some((_, before)) = self.left.iter().find(|(known, _)| Some(known) == id.as_ref()) {
            if *before == content {
                return false;
            }
            from += AGAIN;
        }
        self.blocks.push(Block { id, content, from, shown: None });
        true
    }

    pub fn progress(&mut self, id: String, n: u64, of: u64, label: &str) {
        let now = Instant::now();
        let known = self.meters.iter().position(|(known, _)| *known == id);
        match known {
            Some(i) if of > 0 && n >= of => drop(self.meters.remove(i)),
            Some(i) => self.meters[i].1.update(label, n, of, now),
            None if of > 0 && n >= of => {}
            None => self.meters.push((id, Meter::new(label, n, of, now))),
        }
    }

    /// What takes the picture of that name away; may be empty.
    pub fn remove(&self, id: u32) -> String {
        self.easel.as_ref().map(|easel| easel.remove(id)).unwrap_or_default()
    }

    /// Something is to be drawn that could be a picture.
    pub fn has_art(&self, now: Instant) -> bool {
        self.blocks.iter().any(|block| block.from <= now && is_art(&block.content))
    }

    pub fn has_due(&self, now: Instant) -> bool {
        self.blocks.iter().any(|block| block.from <= now)
    }

    /// Something waits for its turn.
    pub fn waits(&self, now: Instant) -> bool {
        let behind = |block: &Block| block.shown.as_ref().is_some_and(|shown| shown.content != block.content);
        self.blocks.iter().any(|block| block.from > now || behind(block))
    }

    /// The rows as they should be on a screen of `size` (columns, rows); with `now`, progress too, and pictures not more often than is good.
    pub fn parts(&mut self, now: Option<Instant>, size: (usize, usize)) -> Vec<Part> {
        let width = size.0.saturating_sub(1).max(20);
        let mut parts = Vec::new();
        for block in self.blocks.iter_mut().filter(|block| now.is_none_or(|now| block.from <= now)) {
            match self.easel.as_mut().and_then(|easel| block.picture(easel, now, size)) {
                Some(picture) => parts.push(Part::Picture(picture)),
                None => parts.extend(lines(&block.content, self.paint, width).into_iter().map(Part::Line)),
            }
        }
        if let Some(now) = now {
            parts.extend(self.meters.iter().map(|(_, meter)| Part::Line(meter.line(self.paint, width, now))));
        }
        parts
    }

    /// Keeps only the blocks that wait for their turn, unless `all`: gives those to be drawn a last time their end with [`Board::leave`].
    pub fn split(&mut self, all: bool) -> Waiting {
        let now = Instant::now();
        let (ready, waiting) = std::mem::take(&mut self.blocks).into_iter().partition(|block| all || block.from <= now);
        self.blocks = ready;
        Waiting(waiting)
    }

    /// What is on the board stays where it is on the screen; `waiting` comes back.
    pub fn leave(&mut self, waiting: Waiting) {
        for Block { id, content, .. } in std::mem::replace(&mut self.blocks, waiting.0) {
            let Some(id) = id else { continue };
            self.left.retain(|(known, _)| *known != id);
            self.left.push((id, content));
        }
    }
}

/// Blocks that are not drawn yet.
pub struct Waiting(Vec<Block>);

impl Block {
    fn picture(&mut self, easel: &mut Easel, now: Option<Instant>, size: (usize, usize)) -> Option<Rc<Picture>> {
        if let Some(shown) = &self.shown
            && shown.size == size
            && (shown.content == self.content || now.is_some_and(|now| now < shown.due))
        {
            return Some(shown.picture.clone());
        }
        let began = Instant::now();
        let id = self.shown.as_ref().map(|shown| shown.picture.id);
        let room = (size.0.saturating_sub(1), size.1.saturating_sub(3));
        let picture = Rc::new(easel.picture(&self.content, id, room)?);
        let due = Instant::now() + PICTURE.max(began.elapsed() * 20);
        self.shown = Some(Shown { picture: picture.clone(), content: self.content.clone(), size, due });
        Some(picture)
    }
}

fn lines(content: &Content, paint: Paint, width: usize) -> Vec<Line> {
    match content {
        Content::Chart(chart) => paint.chart(chart, width),
        Content::Forms(forms) => Form::text(forms).lines().map(|line| Line { text: line.to_owned(), width: line.width() }).collect(),
    }
}
