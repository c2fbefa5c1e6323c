//! SVG and PNG to pixels. The fonts are read with the first picture: one family that is in the program, and the system's for other scripts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use resvg::tiny_skia::{FilterQuality, Pixmap, PixmapPaint, Transform};
use resvg::usvg::fontdb::{Database, Family, ID, Query, Weight};
use resvg::usvg::{FontResolver, Options, Tree};

use super::Art;

const REGULAR: &[u8] = include_bytes!("../../fonts/lantern-sans-regular.otf");
const BOLD: &[u8] = include_bytes!("../../fonts/lantern-sans-bold.otf");
const FAMILY: &str = "Lantern Sans";
/// A row of text in a terminal is about as high as a line of 18 pixels in our pictures.
const LINE: f32 = 18.0;

#[derive(Default)]
pub struct Painter {
    fonts: Option<Arc<Database>>,
    /// The system's fonts were looked for.
    system: bool,
}

impl Painter {
    /// Paints into at most `room` cells of `cell` pixels; gives the pixels of whole cells, and how many cells they are.
    pub fn paint(&mut self, art: &Art, cell: (u32, u32), room: (u32, u32)) -> Option<(Pixmap, (u32, u32))> {
        match art {
            Art::Svg(svg) => {
                let resolver = FontResolver { select_font: Box::new(|font, fonts| ours(font.weight(), fonts)), ..FontResolver::default() };
                let options = Options { fontdb: self.fonts(svg), font_resolver: resolver, ..Options::default() };
                let tree = Tree::from_str(svg, &options).ok()?;
                let frame = Frame::new((tree.size().width(), tree.size().height()), cell, room)?;
                let mut pixmap = frame.pixmap()?;
                resvg::render(&tree, Transform::from_scale(frame.scale, frame.scale), &mut pixmap.as_mut());
                Some((pixmap, frame.cells))
            }
            Art::Png(bytes) => {
                let image = Pixmap::decode_png(bytes).ok()?;
                let frame = Frame::new((image.width() as f32, image.height() as f32), cell, room)?;
                let mut pixmap = frame.pixmap()?;
                let paint = PixmapPaint { quality: FilterQuality::Bilinear, ..PixmapPaint::default() };
                pixmap.draw_pixmap(0, 0, image.as_ref(), &paint, Transform::from_scale(frame.scale, frame.scale), None);
                Some((pixmap, frame.cells))
            }
        }
    }

    fn fonts(&mut self, svg: &str) -> Arc<Database> {
        let more = !self.system && svg.chars().any(foreign);
        let fonts = self.fonts.get_or_insert_with(|| Arc::new(own()));
        if more {
            self.system = true;
            let fonts = Arc::make_mut(fonts);
            for path in system_fonts() {
                if let Ok(bytes) = std::fs::read(path) {
                    fonts.load_font_data(bytes);
                }
            }
        }
        fonts.clone()
    }
}

/// Whole cells and the scale at which a picture fills them.
struct Frame {
    cell: (u32, u32),
    cells: (u32, u32),
    scale: f32,
}

impl Frame {
    fn new((width, height): (f32, f32), cell: (u32, u32), room: (u32, u32)) -> Option<Self> {
        if !(width >= 1.0 && height >= 1.0) || room.0 == 0 || room.1 == 0 {
            return None;
        }
        let pixels = |(columns, rows): (u32, u32)| ((columns * cell.0) as f32, (rows * cell.1) as f32);
        let fit = |(w, h): (f32, f32)| (w / width).min(h / height);
        let wanted = (cell.1 as f32 / LINE).min(fit(pixels(room)));
        let count = |length: f32, unit: u32, most: u32| ((length * wanted / unit as f32 - 1e-3).ceil() as u32).clamp(1, most);
        let cells = (count(width, cell.0, room.0), count(height, cell.1, room.1));
        Some(Self { cell, cells, scale: fit(pixels(cells)) })
    }

    fn pixmap(&self) -> Option<Pixmap> {
        Pixmap::new(self.cells.0 * self.cell.0, self.cells.1 * self.cell.1)
    }
}

fn own() -> Database {
    let mut fonts = Database::new();
    fonts.load_font_data(REGULAR.to_vec());
    fonts.load_font_data(BOLD.to_vec());
    fonts
}

/// Our own family whatever a picture names, so that letters are as wide as the layout expects; its gaps are filled from the system's.
fn ours(weight: u16, fonts: &Database) -> Option<ID> {
    fonts.query(&Query { families: &[Family::Name(FAMILY)], weight: Weight(weight), ..Query::default() })
}

/// Letters that our own font does not have: beyond Latin, Greek, Cyrillic and common signs.
fn foreign(c: char) -> bool {
    c > '\u{45f}' && !('\u{2000}'..='\u{25ff}').contains(&c)
}

/// Chinese, Japanese, Korean first; then one with many signs. Of each the first that is there.
const WANTED: [&[&str]; 2] = [
    &[
        "notosanscjk-regular",
        "notosanscjksc-regular",
        "sourcehansans",
        "pingfang",
        "hiragino sans gb",
        "stheiti light",
        "msyh",
        "wqy-",
        "simhei",
        "simsun",
        "droidsansfallback",
    ],
    &["dejavusans.ttf", "arial unicode", "segoeui.ttf", "notosans-regular", "freesans.ttf"],
];

fn system_fonts() -> Vec<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let own = [".local/share/fonts", ".fonts", "Library/Fonts"].into_iter().filter_map(|place| Some(home.as_ref()?.join(place)));
    let shared = ["/usr/share/fonts", "/usr/local/share/fonts", "/System/Library/Fonts", "/Library/Fonts", "C:\\Windows\\Fonts"];
    let mut files = Vec::new();
    own.chain(shared.into_iter().map(PathBuf::from)).for_each(|folder| collect(&folder, 4, &mut files));
    files.sort();
    let named = |part: &str| files.iter().find(|(name, _)| name.contains(part)).map(|(_, path)| path.clone());
    WANTED.iter().filter_map(|names| names.iter().find_map(|name| named(name))).collect()
}

/// Font files below `folder`, with their names in small letters.
fn collect(folder: &Path, depth: usize, files: &mut Vec<(String, PathBuf)>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().to_ascii_lowercase());
        if [".ttf", ".otf", ".ttc"].iter().any(|end| name.ends_with(end)) {
            files.push((name, path));
        } else if depth > 0 && path.is_dir() {
            collect(&path, depth - 1, files);
        }
    }
}
