//! Sixteen f32 lanes: one AVX-512 register, two AVX2 registers, or an array. Each lane does the same arithmetic everywhere.

use super::simd::LANES;

/// Methods are called inside functions compiled for the instruction set (see `vectorised_lanes`), where they inline.
pub trait Lanes: Copy {
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
    /// A half float from its little-endian bytes, in every lane.
    fn half(from: [u8; 2]) -> Self;
    fn f16(from: &[u16; LANES]) -> Self;
    fn bf16(from: &[u16; LANES]) -> Self;
    /// All lanes added pairwise, lane i to lane i + 8 first.
    fn sum(self) -> f32;
}

impl Lanes for [f32; LANES] {
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

#[cfg(target_arch = "x86_64")]
pub mod x86 {
    //! SAFETY of the whole module: the values exist only inside functions that `vectorised_lanes` compiles for AVX-512 or AVX2
    //! after finding them on this CPU; loads read arrays of the right size.

    use std::arch::x86_64::*;

    use super::{LANES, Lanes};

    #[derive(Clone, Copy)]
    pub struct Avx512(__m512);

    #[derive(Clone, Copy)]
    pub struct Avx2(__m256, __m256);

    /// Lane i to lane i + 4, then i + 2, then i + 1.
    #[inline(always)]
    unsafe fn sum8(x: __m256) -> f32 {
        unsafe {
            let four = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
        }
    }

    impl Lanes for Avx512 {
        #[inline(always)]
        fn splat(x: f32) -> Self {
            unsafe { Self(_mm512_set1_ps(x)) }
        }

        #[inline(always)]
        fn load(from: &[f32; LANES]) -> Self {
            unsafe { Self(_mm512_loadu_ps(from.as_ptr())) }
        }

        #[inline(always)]
        fn store(self) -> [f32; LANES] {
            let mut out = [0.0; LANES];
            unsafe { _mm512_storeu_ps(out.as_mut_ptr(), self.0) };
            out
        }

        #[inline(always)]
        fn add(self, other: Self) -> Self {
            unsafe { Self(_mm512_add_ps(self.0, other.0)) }
        }

        #[inline(always)]
        fn mul(self, other: Self) -> Self {
            unsafe { Self(_mm512_mul_ps(self.0, other.0)) }
        }

        #[inline(always)]
        fn fma(self, a: Self, b: Self) -> Self {
            unsafe { Self(_mm512_fmadd_ps(self.0, a.0, b.0)) }
        }

        #[inline(always)]
        fn max(self, other: Self) -> Self {
            unsafe { Self(_mm512_max_ps(self.0, other.0)) }
        }

        #[inline(always)]
        fn nibbles(from: &[u8; LANES]) -> (Self, Self) {
            unsafe {
                let wide = _mm512_cvtepu8_epi32(_mm_loadu_si128(from.as_ptr().cast()));
                let low = _mm512_and_si512(wide, _mm512_set1_epi32(15));
                (Self(_mm512_cvtepi32_ps(low)), Self(_mm512_cvtepi32_ps(_mm512_srli_epi32::<4>(wide))))
            }
        }

        #[inline(always)]
        fn signed(from: &[u8; LANES]) -> Self {
            unsafe { Self(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(from.as_ptr().cast())))) }
        }

        #[inline(always)]
        fn half(from: [u8; 2]) -> Self {
            unsafe { Self(_mm512_broadcastss_ps(_mm_cvtph_ps(_mm_cvtsi32_si128(i32::from(u16::from_le_bytes(from)))))) }
        }

        #[inline(always)]
        fn f16(from: &[u16; LANES]) -> Self {
            unsafe { Self(_mm512_cvtph_ps(_mm256_loadu_si256(from.as_ptr().cast()))) }
        }

        #[inline(always)]
        fn bf16(from: &[u16; LANES]) -> Self {
            unsafe {
                let wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(from.as_ptr().cast()));
                Self(_mm512_castsi512_ps(_mm512_slli_epi32::<16>(wide)))
            }
        }

        #[inline(always)]
        fn sum(self) -> f32 {
            unsafe { sum8(_mm256_add_ps(_mm512_castps512_ps256(self.0), _mm512_extractf32x8_ps::<1>(self.0))) }
        }
    }

    impl Lanes for Avx2 {
        #[inline(always)]
        fn splat(x: f32) -> Self {
            unsafe { Self(_mm256_set1_ps(x), _mm256_set1_ps(x)) }
        }

        #[inline(always)]
        fn load(from: &[f32; LANES]) -> Self {
            unsafe { Self(_mm256_loadu_ps(from.as_ptr()), _mm256_loadu_ps(from.as_ptr().add(8))) }
        }

        #[inline(always)]
        fn store(self) -> [f32; LANES] {
            let mut out = [0.0; LANES];
            unsafe {
                _mm256_storeu_ps(out.as_mut_ptr(), self.0);
                _mm256_storeu_ps(out.as_mut_ptr().add(8), self.1);
            }
            out
        }

        #[inline(always)]
        fn add(self, other: Self) -> Self {
            unsafe { Self(_mm256_add_ps(self.0, other.0), _mm256_add_ps(self.1, other.1)) }
        }

        #[inline(always)]
        fn mul(self, other: Self) -> Self {
            unsafe { Self(_mm256_mul_ps(self.0, other.0), _mm256_mul_ps(self.1, other.1)) }
        }

        #[inline(always)]
        fn fma(self, a: Self, b: Self) -> Self {
            unsafe { Self(_mm256_fmadd_ps(self.0, a.0, b.0), _mm256_fmadd_ps(self.1, a.1, b.1)) }
        }

        #[inline(always)]
        fn max(self, other: Self) -> Self {
            unsafe { Self(_mm256_max_ps(self.0, other.0), _mm256_max_ps(self.1, other.1)) }
        }

        #[inline(always)]
        fn nibbles(from: &[u8; LANES]) -> (Self, Self) {
            unsafe {
                let bytes = _mm_loadu_si128(from.as_ptr().cast());
                let halves = [_mm256_cvtepu8_epi32(bytes), _mm256_cvtepu8_epi32(_mm_srli_si128::<8>(bytes))];
                let low = halves.map(|half| _mm256_cvtepi32_ps(_mm256_and_si256(half, _mm256_set1_epi32(15))));
                let high = halves.map(|half| _mm256_cvtepi32_ps(_mm256_srli_epi32::<4>(half)));
                (Self(low[0], low[1]), Self(high[0], high[1]))
            }
        }

        #[inline(always)]
        fn signed(from: &[u8; LANES]) -> Self {
            unsafe {
                let bytes = _mm_loadu_si128(from.as_ptr().cast());
                let half = |bytes| _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes));
                Self(half(bytes), half(_mm_srli_si128::<8>(bytes)))
            }
        }

        #[inline(always)]
        fn half(from: [u8; 2]) -> Self {
            unsafe {
                let wide = _mm256_broadcastss_ps(_mm_cvtph_ps(_mm_cvtsi32_si128(i32::from(u16::from_le_bytes(from)))));
                Self(wide, wide)
            }
        }

        #[inline(always)]
        fn f16(from: &[u16; LANES]) -> Self {
            unsafe {
                let half = |at| _mm256_cvtph_ps(_mm_loadu_si128(from.as_ptr().add(at).cast()));
                Self(half(0), half(8))
            }
        }

        #[inline(always)]
        fn bf16(from: &[u16; LANES]) -> Self {
            unsafe {
                let wide = |at| _mm256_cvtepu16_epi32(_mm_loadu_si128(from.as_ptr().add(at).cast()));
                let half = |at| _mm256_castsi256_ps(_mm256_slli_epi32::<16>(wide(at)));
                Self(half(0), half(8))
            }
        }

        #[inline(always)]
        fn sum(self) -> f32 {
            unsafe { sum8(_mm256_add_ps(self.0, self.1)) }
        }
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
                use $crate::ops::lanes::x86::{Avx2, Avx512};
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
