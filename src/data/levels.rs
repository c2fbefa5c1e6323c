//! Where rows begin in a page of a list: the repetition level 0 marks each row's first value.

use parquet::basic::Encoding;
use parquet::column::page::Page;
use parquet::errors::{ParquetError, Result};

/// How many rows begin in a page of a list in format 1, and whether its first value belongs to the row before.
pub fn begun(page: &Page, deepest: i16) -> Result<(usize, bool)> {
    let broken = || ParquetError::General("repetition levels end too early".to_owned());
    let Page::DataPage { buf, num_values, rep_level_encoding, .. } = page else { return Err(broken()) };
    if *rep_level_encoding != Encoding::RLE {
        return Err(ParquetError::NYI(format!("repetition levels in {rep_level_encoding}")));
    }
    let length = buf.get(..4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes).ok_or_else(broken)?;
    let levels = buf.get(4..4 + length as usize).ok_or_else(broken)?;
    levels_of(levels, 16 - (deepest as u16).leading_zeros(), *num_values as usize).ok_or_else(broken)
}

/// Zeros among `count` numbers of `width` bits in the hybrid of runs and packed bits, and whether the first is none
/// (<https://parquet.apache.org/docs/file-format/data-pages/encodings/#RLE>).
fn levels_of(mut bytes: &[u8], width: u32, count: usize) -> Option<(usize, bool)> {
    let (mut seen, mut zeros, mut inside) = (0, 0, false);
    while seen < count {
        let mut header = 0_u64;
        for shift in (0..63).step_by(7) {
            let (byte, rest) = bytes.split_first()?;
            bytes = rest;
            header |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let size = width.div_ceil(8) as usize;
        let (run, packed) = ((header >> 1) as usize, header & 1 == 1);
        let take = if packed { run.checked_mul(width as usize)? } else { size };
        let (values, rest) = bytes.split_at_checked(take.min(bytes.len()))?;
        bytes = rest;
        let bit = |i: usize| values.get(i / 8).is_some_and(|byte| byte >> (i % 8) & 1 == 1);
        let zero = |i: usize| !(i * width as usize..(i + 1) * width as usize).any(bit);
        let length = if packed { run.checked_mul(8)? } else { run }.min(count - seen);
        if length == 0 {
            return None;
        }
        inside |= seen == 0 && !zero(0);
        zeros += if packed { (0..length).filter(|i| zero(*i)).count() } else { usize::from(zero(0)) * length };
        seen += length;
    }
    Some((zeros, inside))
}

#[cfg(test)]
mod tests {
    use super::levels_of;

    #[test]
    fn zeros_are_counted_in_runs_and_in_packed_bits() {
        // A run of five zeros, eight packed bits (first bit lowest) with three zeros, a run of two ones.
        let bytes = [5 << 1, 0, 1 << 1 | 1, 0b0101_1011, 2 << 1, 1];
        assert_eq!(levels_of(&bytes, 1, 15), Some((8, false)));
        assert_eq!(levels_of(&bytes, 1, 8), Some((6, false)), "the page ends within the packed bits");
        assert_eq!(levels_of(&bytes[2..], 1, 8), Some((3, true)), "the first value belongs to the row before");
        // Two bits each: 0, 1, 2, 0, then padding.
        assert_eq!(levels_of(&[1 << 1 | 1, 0b0010_0100, 0], 2, 4), Some((2, false)));
        // A run longer than 63: its header takes two bytes.
        assert_eq!(levels_of(&[0x80 | (100 << 1 & 0x7f) as u8, (100 << 1 >> 7) as u8, 0], 1, 100), Some((100, false)));
        for broken in [&[][..], &[0, 0], &[0x80], &[5 << 1]] {
            assert_eq!(levels_of(broken, 1, 9), None, "{broken:?}");
        }
    }
}
