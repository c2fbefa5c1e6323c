//! <https://sw.kovidgoyal.net/kitty/graphics-protocol/>

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The protocol's limit for one piece of data.
const PIECE: usize = 4096;

/// Shows a PNG under a name over `columns` x `rows` cells; the cursor stays, and the terminal keeps quiet about it.
pub fn show(png: &[u8], id: u32, (columns, rows): (u32, u32)) -> String {
    let data = STANDARD.encode(png);
    let mut text = String::with_capacity(data.len() + 256);
    let mut at = 0;
    while at < data.len() {
        let end = (at + PIECE).min(data.len());
        let more = u8::from(end < data.len());
        let head = if at == 0 { format!("a=T,f=100,i={id},p=1,c={columns},r={rows},C=1,q=2,") } else { String::new() };
        text += &format!("\x1b_G{head}m={more};{}\x1b\\", &data[at..end]);
        at = end;
    }
    text
}

/// Takes the picture and its data away.
pub fn delete(id: u32) -> String {
    format!("\x1b_Ga=d,d=I,i={id},q=2\x1b\\")
}
