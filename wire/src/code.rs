//! Our own compact encoding, for what goes over the private channel: little-endian, lengths before contents, no schema.
//!
//! Both ends are built from the same sources, so nothing is versioned. What is read is checked: a frame that is short, long or
//! nonsense reads as `None`.

/// What can cross the channel.
pub trait Code: Sized {
    fn put(&self, out: &mut Vec<u8>);

    /// `None` if the bytes are not one of these.
    fn get(from: &mut Reader<'_>) -> Option<Self>;

    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.put(&mut out);
        out
    }

    /// All of `bytes` and nothing more.
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let value = Self::get(&mut reader)?;
        reader.0.is_empty().then_some(value)
    }
}

/// The bytes that are still unread.
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(n)?;
        self.0 = tail;
        Some(head)
    }
}

macro_rules! numbers {
    ($($t:ty)*) => {$(
        impl Code for $t {
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
            fn get(from: &mut Reader<'_>) -> Option<Self> {
                Some(Self::from_le_bytes(from.take(size_of::<$t>())?.try_into().ok()?))
            }
        }
    )*};
}
numbers!(u8 u32 u64 i64 f32 f64);

/// The bytes of numbers as this machine holds them; both ends of the channel are on one machine.
pub fn bytes_of(numbers: &[f32]) -> &[u8] {
    // SAFETY: f32 has no padding, every byte is initialised, and the lifetime is that of `numbers`.
    unsafe { std::slice::from_raw_parts(numbers.as_ptr().cast(), size_of_val(numbers)) }
}

/// The same, to be filled.
pub fn bytes_of_mut(numbers: &mut [f32]) -> &mut [u8] {
    // SAFETY: as above, and any four bytes are an f32.
    unsafe { std::slice::from_raw_parts_mut(numbers.as_mut_ptr().cast(), size_of_val(numbers)) }
}

/// Many numbers at once: their count, then their bytes in one piece.
pub fn put_numbers(numbers: &[f32], out: &mut Vec<u8>) {
    numbers.len().put(out);
    out.extend_from_slice(bytes_of(numbers));
}

/// What [`put_numbers`] wrote; `None` if it is not all there.
pub fn get_numbers(from: &mut Reader<'_>) -> Option<Vec<f32>> {
    let len = usize::get(from)?;
    let bytes = from.take(len.checked_mul(size_of::<f32>())?)?;
    let mut numbers = vec![0.0; len];
    bytes_of_mut(&mut numbers).copy_from_slice(bytes);
    Some(numbers)
}

impl Code for usize {
    fn put(&self, out: &mut Vec<u8>) {
        (*self as u64).put(out);
    }

    fn get(from: &mut Reader<'_>) -> Option<Self> {
        u64::get(from)?.try_into().ok()
    }
}

impl Code for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn get(from: &mut Reader<'_>) -> Option<Self> {
        match u8::get(from)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl Code for String {
    fn put(&self, out: &mut Vec<u8>) {
        self.len().put(out);
        out.extend_from_slice(self.as_bytes());
    }

    fn get(from: &mut Reader<'_>) -> Option<Self> {
        let len = usize::get(from)?;
        String::from_utf8(from.take(len)?.to_vec()).ok()
    }
}

impl<T: Code> Code for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.is_some().put(out);
        if let Some(value) = self {
            value.put(out);
        }
    }

    fn get(from: &mut Reader<'_>) -> Option<Self> {
        if bool::get(from)? { Some(Some(T::get(from)?)) } else { Some(None) }
    }
}

impl<T: Code, E: Code> Code for Result<T, E> {
    fn put(&self, out: &mut Vec<u8>) {
        self.is_ok().put(out);
        match self {
            Ok(value) => value.put(out),
            Err(error) => error.put(out),
        }
    }

    fn get(from: &mut Reader<'_>) -> Option<Self> {
        if bool::get(from)? { Some(Ok(T::get(from)?)) } else { Some(Err(E::get(from)?)) }
    }
}

impl<T: Code> Code for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.len().put(out);
        self.iter().for_each(|item| item.put(out));
    }

    fn get(from: &mut Reader<'_>) -> Option<Self> {
        let len = usize::get(from)?;
        // A length that lies must not cost memory: every item takes at least a byte of what is there.
        let mut items = Vec::with_capacity(len.min(from.0.len()));
        for _ in 0..len {
            items.push(T::get(from)?);
        }
        Some(items)
    }
}

impl<A: Code, B: Code> Code for (A, B) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
    }

    fn get(from: &mut Reader<'_>) -> Option<Self> {
        Some((A::get(from)?, B::get(from)?))
    }
}

/// Structs field by field: `coded!(Mark { x, y, label })`.
macro_rules! coded {
    ($($name:ident { $($field:ident),* $(,)? })*) => {$(
        impl $crate::code::Code for $name {
            fn put(&self, out: &mut Vec<u8>) {
                $($crate::code::Code::put(&self.$field, out);)*
                let _ = out;
            }
            fn get(from: &mut $crate::code::Reader<'_>) -> Option<Self> {
                let _ = &from;
                Some(Self { $($field: $crate::code::Code::get(from)?),* })
            }
        }
    )*};
}

/// Enums: a number for the case, then its fields.
macro_rules! coded_enum {
    ($name:ident { $($tag:literal => $case:ident $(($inner:ident))? $({ $($field:ident),* $(,)? })?),* $(,)? }) => {
        impl $crate::code::Code for $name {
            fn put(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$case $(($inner))? $({ $($field),* })? => {
                        out.push($tag);
                        $($crate::code::Code::put($inner, out);)?
                        $($($crate::code::Code::put($field, out);)*)?
                    })*
                }
            }
            fn get(from: &mut $crate::code::Reader<'_>) -> Option<Self> {
                match <u8 as $crate::code::Code>::get(from)? {
                    $($tag => {
                        $(let $inner = $crate::code::Code::get(from)?;)?
                        Some(Self::$case $(($inner))? $({ $($field: $crate::code::Code::get(from)?),* })?)
                    })*
                    _ => None,
                }
            }
        }
    };
}

pub(crate) use {coded, coded_enum};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Chart, Curve, Mark, Series};

    #[test]
    fn what_is_written_is_read_and_nothing_else_is() {
        let chart = Chart::Curve(Curve {
            title: "损失".into(),
            series: vec![Series { name: "train".into(), points: vec![(1.0, 2.5), (2.0, f64::INFINITY)] }],
            marks: vec![Mark { x: 1.0, y: 2.5, label: "best".into() }],
            ..Curve::default()
        });
        let bytes = chart.to_bytes();
        assert_eq!(Chart::from_bytes(&bytes), Some(chart));
        for cut in 0..bytes.len() {
            assert_eq!(Chart::from_bytes(&bytes[..cut]), None, "{cut}");
        }
        assert_eq!(Chart::from_bytes(&[&bytes[..], &[0]].concat()), None);
    }

    #[test]
    fn a_length_that_lies_costs_nothing() {
        assert_eq!(Vec::<u64>::from_bytes(&u64::MAX.to_le_bytes()), None);
        assert_eq!(String::from_bytes(&u64::MAX.to_le_bytes()), None);
        assert_eq!(get_numbers(&mut Reader(&(u64::MAX / 4).to_le_bytes())), None);
    }

    #[test]
    fn numbers_keep_their_bits() {
        let numbers = [0.0, -0.0, 1.5, f32::MIN_POSITIVE / 2.0, f32::from_bits(0x7fc0_1234), f32::NEG_INFINITY];
        let mut out = Vec::new();
        put_numbers(&numbers, &mut out);
        let bits = |numbers: &[f32]| numbers.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&get_numbers(&mut Reader(&out)).unwrap()), bits(&numbers));
        assert_eq!(get_numbers(&mut Reader(&out[..out.len() - 1])), None);
    }
}
