//! Sixteen f32 lanes: one AVX-512 register, two AVX2 registers, or an array. Each lane does the same arithmetic everywhere.

use super::simd::LANES;

/// Sixteen bytes that hold parts of codes.
pub trait Codes: Copy {
    fn load(from: &[u8; LANES]) -> Self;
    fn and(self, mask: u8) -> Self;
    fn or(self, other: Self) -> Self;
    /// Zeros come in at the top; `n < 8`.
    fn right(self, n: usize) -> Self;
    /// Zeros come in at the bottom; `n < 8`.
    fn left(self, n: usize) -> Self;
    fn minus(self, other: u8) -> Self;
    /// `value` in byte i where bit i is set, else 0.
    fn where_set(bits: u16, value: u8) -> Self;
}

impl Codes for [u8; LANES] {
    #[inline(always)]
    fn load(from: &[u8; LANES]) -> Self {
        *from
    }

    #[inline(always)]
    fn and(self, mask: u8) -> Self {
        self.map(|byte| byte & mask)
    }

    #[inline(always)]
    fn or(self, other: Self) -> Self {
        std::array::from_fn(|i| self[i] | other[i])
    }

    #[inline(always)]
    fn right(self, n: usize) -> Self {
        self.map(|byte| byte >> n)
    }

    #[inline(always)]
    fn left(self, n: usize) -> Self {
        self.map(|byte| byte << n)
    }

    #[inline(always)]
    fn minus(self, other: u8) -> Self {
        self.map(|byte| byte.wrapping_sub(other))
    }

    #[inline(always)]
    fn where_set(bits: u16, value: u8) -> Self {
        std::array::from_fn(|i| if bits >> i & 1 == 1 { value } else { 0 })
    }
}

/// Methods are called inside functions compiled for the instruction set (see `vectorised_lanes`), where they inline.
pub trait Lanes: Copy {
    type Codes: Codes;
    fn splat(x: f32) -> Self;
    fn load(from: &[f32; LANES]) -> Self;
    fn store(self) -> [f32; LANES];
    fn add(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    /// `self * a + b`, rounded once.
    fn fma(self, a: Self, b: Self) -> Self;
    /// The larger; `other` where one is NaN.
    fn max(self, other: Self) -> Self;
    /// The low and the high nibbles of 16 bytes.
    fn nibbles(from: &[u8; LANES]) -> (Self, Self);
    fn signed(from: &[u8; LANES]) -> Self;
    /// Codes as signed bytes.
    fn of(codes: Self::Codes) -> Self;
    /// For the nibbles of 16 bytes, the high one of each first, their entries of `table`: the first sixteen and the last.
    fn looked_up(from: &[u8; LANES], table: Self) -> (Self, Self);
    /// A half float from its little-endian bytes, in every lane.
    fn half(from: [u8; 2]) -> Self;
    fn f16(from: &[u16; LANES]) -> Self;
    fn bf16(from: &[u16; LANES]) -> Self;
    /// All lanes added pairwise, lane i to lane i + 8 first.
    fn sum(self) -> f32;
}

impl Lanes for [f32; LANES] {
    type Codes = [u8; LANES];

    #[inline(always)]
    fn splat(x: f32) -> Self {
        [x; LANES]
    }

    #[inline(always)]
    fn load(from: &[f32; LANES]) -> Self {
        *from
    }

    #[inline(always)]
    fn store(self) -> [f32; LANES] {
        self
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        std::array::from_fn(|l| self[l] + other[l])
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        std::array::from_fn(|l| self[l] * other[l])
    }

    #[inline(always)]
    fn fma(self, a: Self, b: Self) -> Self {
        std::array::from_fn(|l| self[l].mul_add(a[l], b[l]))
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        std::array::from_fn(|l| if self[l] > other[l] { self[l] } else { other[l] })
    }

    #[inline(always)]
    fn nibbles(from: &[u8; LANES]) -> (Self, Self) {
        (from.map(|byte| f32::from(byte & 15)), from.map(|byte| f32::from(byte >> 4)))
    }

    #[inline(always)]
    fn signed(from: &[u8; LANES]) -> Self {
        from.map(|byte| f32::from(byte as i8))
    }

    #[inline(always)]
    fn of(codes: Self::Codes) -> Self {
        Self::signed(&codes)
    }

    #[inline(always)]
    fn looked_up(from: &[u8; LANES], table: Self) -> (Self, Self) {
        let entry = |at: usize| table[usize::from(if at.is_multiple_of(2) { from[at / 2] >> 4 } else { from[at / 2] & 15 })];
        (std::array::from_fn(entry), std::array::from_fn(|i| entry(i + LANES)))
    }

    #[inline(always)]
    fn half(from: [u8; 2]) -> Self {
        [super::blocks::half_to_float(u16::from_le_bytes(from)); LANES]
    }

    #[inline(always)]
    fn f16(from: &[u16; LANES]) -> Self {
        from.map(super::blocks::half_to_float)
    }

    #[inline(always)]
    fn bf16(from: &[u16; LANES]) -> Self {
        from.map(|bits| f32::from_bits(u32::from(bits) << 16))
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        super::simd::sum(self)
    }
}

/// Defines a function whose body is generic over the lanes `V`, compiled once per instruction set and chosen at run time.
macro_rules! vectorised_lanes {
    ($(#[$meta:meta])* $vis:vis fn $name:ident<$V:ident $(, const $size:ident: usize)?> ($($arg:ident: $type:ty),* $(,)?) -> $out:ty $body:block) => {
        $(#[$meta])*
        #[inline]
        $vis fn $name $(<const $size: usize>)? ($($arg: $type),*) -> $out {
            #[inline(always)]
            fn body<$V: $crate::ops::lanes::Lanes $(, const $size: usize)?>($($arg: $type),*) -> $out $body
            #[cfg(target_arch = "x86_64")]
            {
                use $crate::ops::lanes_x86::{Avx2, Avx512};
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")]
                fn avx512 $(<const $size: usize>)? ($($arg: $type),*) -> $out { body::<Avx512 $(, $size)?>($($arg),*) }
                #[target_feature(enable = "avx2,fma,f16c")]
                fn avx2 $(<const $size: usize>)? ($($arg: $type),*) -> $out { body::<Avx2 $(, $size)?>($($arg),*) }
                match $crate::ops::simd::level() {
                    // SAFETY: `level` has just found these instruction sets on this CPU.
                    $crate::ops::simd::Level::Avx512 => return unsafe { avx512 $(::<$size>)? ($($arg),*) },
                    // SAFETY: as above.
                    $crate::ops::simd::Level::Avx2 => return unsafe { avx2 $(::<$size>)? ($($arg),*) },
                    $crate::ops::simd::Level::Baseline => {}
                }
            }
            body::<[f32; $crate::ops::simd::LANES] $(, $size)?>($($arg),*)
        }
    };
}
pub(crate) use vectorised_lanes;
