//! The lanes as AVX-512 and AVX2 registers.
//!
//! SAFETY of the whole module: the values exist only inside functions that `vectorised_lanes` compiles for AVX-512 or AVX2
//! after finding them on this CPU; loads read arrays of the right size.

use std::arch::x86_64::*;

use super::lanes::{Codes, Lanes};
use super::simd::LANES;

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

/// The nibbles of 16 bytes as 32 bytes, the high one of each first.
#[inline(always)]
unsafe fn in_order(from: &[u8; LANES]) -> (__m128i, __m128i) {
    let bytes: __m128i = Codes::load(from);
    let (high, low) = (bytes.right(4), bytes.and(15));
    unsafe { (_mm_unpacklo_epi8(high, low), _mm_unpackhi_epi8(high, low)) }
}

impl Codes for __m128i {
    #[inline(always)]
    fn load(from: &[u8; LANES]) -> Self {
        unsafe { _mm_loadu_si128(from.as_ptr().cast()) }
    }

    #[inline(always)]
    fn and(self, mask: u8) -> Self {
        unsafe { _mm_and_si128(self, _mm_set1_epi8(mask as i8)) }
    }

    #[inline(always)]
    fn or(self, other: Self) -> Self {
        unsafe { _mm_or_si128(self, other) }
    }

    /// Bytes are shifted in pairs; what came from the neighbour is masked away.
    #[inline(always)]
    fn right(self, n: usize) -> Self {
        unsafe { _mm_srl_epi16(self, _mm_cvtsi32_si128(n as i32)) }.and(0xff >> n)
    }

    #[inline(always)]
    fn left(self, n: usize) -> Self {
        unsafe { _mm_sll_epi16(self, _mm_cvtsi32_si128(n as i32)) }.and(0xff << n)
    }

    #[inline(always)]
    fn minus(self, other: u8) -> Self {
        unsafe { _mm_sub_epi8(self, _mm_set1_epi8(other as i8)) }
    }

    #[inline(always)]
    fn where_set(bits: u16, value: u8) -> Self {
        unsafe {
            let halves = _mm_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
            let spread = _mm_shuffle_epi8(_mm_cvtsi32_si128(i32::from(bits)), halves);
            let each = _mm_set1_epi64x(0x8040_2010_0804_0201_u64 as i64);
            _mm_cmpeq_epi8(_mm_and_si128(spread, each), each).and(value)
        }
    }
}

impl Lanes for Avx512 {
    type Codes = __m128i;

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
        Self::of(Codes::load(from))
    }

    #[inline(always)]
    fn of(codes: __m128i) -> Self {
        unsafe { Self(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(codes))) }
    }

    #[inline(always)]
    fn looked_up(from: &[u8; LANES], table: Self) -> (Self, Self) {
        unsafe {
            let entries = |codes| Self(_mm512_permutexvar_ps(_mm512_cvtepu8_epi32(codes), table.0));
            let (first, last) = in_order(from);
            (entries(first), entries(last))
        }
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
    type Codes = __m128i;

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
        Self::of(Codes::load(from))
    }

    #[inline(always)]
    fn of(codes: __m128i) -> Self {
        unsafe {
            let half = |codes| _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(codes));
            Self(half(codes), half(_mm_srli_si128::<8>(codes)))
        }
    }

    /// A permutation knows three bits of a code; the fourth, moved to the sign, says which half of the table.
    #[inline(always)]
    fn looked_up(from: &[u8; LANES], table: Self) -> (Self, Self) {
        unsafe {
            let eight = |codes| {
                let codes = _mm256_cvtepu8_epi32(codes);
                let (low, high) = (_mm256_permutevar8x32_ps(table.0, codes), _mm256_permutevar8x32_ps(table.1, codes));
                _mm256_blendv_ps(low, high, _mm256_castsi256_ps(_mm256_slli_epi32::<28>(codes)))
            };
            let entries = |codes| Self(eight(codes), eight(_mm_srli_si128::<8>(codes)));
            let (first, last) = in_order(from);
            (entries(first), entries(last))
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
