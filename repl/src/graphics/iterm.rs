//! <https://iterm2.com/documentation-images.html>

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Shows a PNG over `columns` x `rows` cells from the cursor on; where the cursor is then differs by terminal.
pub fn show(png: &[u8], (columns, rows): (u32, u32)) -> String {
    let (size, data) = (png.len(), STANDARD.encode(png));
    format!("\x1b]1337;File=inline=1;size={size};width={columns};height={rows};preserveAspectRatio=0:{data}\x07")
}
