//! Sixel: six rows of pixels at a time, one pass for each colour. <https://vt100.net/docs/vt3xx-gp/chapter14.html>

use std::collections::HashMap;

use resvg::tiny_skia::Pixmap;

/// Registers that every sixel terminal has.
const COLOURS: usize = 256;
/// Bits of each channel that tell colours apart when they are counted.
const BITS: u32 = 5;

/// A picture in at most 256 colours; what is transparent stays as it was on the screen.
pub fn encode(pixmap: &Pixmap) -> String {
    let (width, height) = (pixmap.width() as usize, pixmap.height() as usize);
    let pixels: Vec<Option<[u8; 3]>> = pixmap
        .pixels()
        .iter()
        .map(|p| {
            let p = p.demultiply();
            (p.alpha() >= 128).then(|| [p.red(), p.green(), p.blue()])
        })
        .collect();
    let (palette, index) = palette(&pixels);
    let mut text = format!("\x1bP0;1;0q\"1;1;{width};{height}");
    for (i, [r, g, b]) in palette.iter().enumerate() {
        let percent = |c: &u8| (u32::from(*c) * 100 + 127) / 255;
        text += &format!("#{i};2;{};{};{}", percent(r), percent(g), percent(b));
    }
    for band in pixels.chunks(width * 6) {
        text += &band_text(band, width, &index);
        text.push('-');
    }
    text + "\x1b\\"
}

/// One band: a run of sixels for each colour in it, `$` back to the left edge between them.
fn band_text(band: &[Option<[u8; 3]>], width: usize, index: &HashMap<u32, usize>) -> String {
    let mut rows: HashMap<usize, Vec<u8>> = HashMap::new();
    for (at, pixel) in band.iter().enumerate() {
        let Some(colour) = pixel.and_then(|p| index.get(&key(p))) else { continue };
        rows.entry(*colour).or_insert_with(|| vec![0; width])[at % width] |= 1 << (at / width);
    }
    let mut colours: Vec<_> = rows.into_iter().collect();
    colours.sort_unstable_by_key(|(colour, _)| *colour);
    let passes = colours.iter().map(|(colour, bits)| {
        let end = bits.iter().rposition(|b| *b != 0).map_or(0, |i| i + 1);
        let runs = bits[..end].chunk_by(|a, b| a == b).map(run);
        format!("#{colour}{}", runs.collect::<String>())
    });
    passes.collect::<Vec<_>>().join("$")
}

fn run(same: &[u8]) -> String {
    let sixel = char::from(63 + same[0]);
    if same.len() > 3 { format!("!{}{sixel}", same.len()) } else { String::from(sixel).repeat(same.len()) }
}

fn key([r, g, b]: [u8; 3]) -> u32 {
    let part = |c: u8| u32::from(c) >> (8 - BITS);
    part(r) << (2 * BITS) | part(g) << BITS | part(b)
}

/// The most frequent colours (each the mean of its neighbourhood), and the register of every colour that occurs.
fn palette(pixels: &[Option<[u8; 3]>]) -> (Vec<[u8; 3]>, HashMap<u32, usize>) {
    let mut sums: HashMap<u32, [u64; 4]> = HashMap::new();
    for pixel in pixels.iter().flatten() {
        let sum = sums.entry(key(*pixel)).or_default();
        sum[3] += 1;
        (0..3).for_each(|i| sum[i] += u64::from(pixel[i]));
    }
    let mean = |s: &[u64; 4]| [0, 1, 2].map(|i| ((s[i] + s[3] / 2) / s[3]) as u8);
    let mut counted: Vec<(u32, [u64; 4])> = sums.into_iter().collect();
    counted.sort_unstable_by_key(|(key, sum)| (std::cmp::Reverse(sum[3]), *key));
    let palette: Vec<[u8; 3]> = counted.iter().take(COLOURS).map(|(_, sum)| mean(sum)).collect();
    let nearest = |colour: [u8; 3]| {
        let far = |other: &[u8; 3]| (0..3).map(|i| i32::from(colour[i].abs_diff(other[i])).pow(2)).sum::<i32>();
        (0..palette.len()).min_by_key(|i| far(&palette[*i])).unwrap_or(0)
    };
    let index = counted.iter().enumerate().map(|(i, (key, sum))| (*key, if i < COLOURS { i } else { nearest(mean(sum)) }));
    (palette.clone(), index.collect())
}
