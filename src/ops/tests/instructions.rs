//! Every instruction set gives the bits of the plain arrays.

use super::super::lanes::{Codes, Lanes};
use super::super::simd::LANES;
use crate::random::Random;

#[inline(always)]
fn exercise<V: Lanes>() -> Vec<u32> {
    let mut r = Random::seeded(11);
    let mut out = Vec::new();
    for _ in 0..50 {
        let mut values = || -> [f32; LANES] { std::array::from_fn(|_| r.normal() as f32) };
        let (a, b, c) = (V::load(&values()), V::load(&values()), V::load(&values()));
        let bytes: [u8; LANES] = std::array::from_fn(|_| r.bits() as u8);
        let halves: [u16; LANES] = std::array::from_fn(|_| half::f16::from_f64(r.normal() * 1e-4).to_bits());
        let (low, high) = V::nibbles(&bytes);
        let half = V::half(halves[0].to_le_bytes());
        let (first, last) = V::looked_up(&bytes, a);
        let codes = V::Codes::load(&bytes);
        for (n, half) in halves.iter().enumerate().take(8) {
            let mixed = codes.right(n).and(0x5a).or(codes.left(n)).minus(n as u8 * 9).or(V::Codes::where_set(*half, 1 << n));
            out.extend(V::of(mixed).store().map(f32::to_bits));
        }
        for x in
            [a.add(b), a.mul(b), a.fma(b, c), a.max(b), low, high, first, last, V::signed(&bytes), half, V::f16(&halves), V::bf16(&halves)]
        {
            out.extend(x.store().map(f32::to_bits));
            out.push(x.sum().to_bits());
        }
    }
    out
}

#[cfg(target_arch = "x86_64")]
#[test]
fn avx2_and_avx512_equal_the_arrays() {
    use super::super::lanes_x86::{Avx2, Avx512};
    use super::super::simd::{Level, level};

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")]
    fn avx512() -> Vec<u32> {
        exercise::<Avx512>()
    }

    #[target_feature(enable = "avx2,fma,f16c")]
    fn avx2() -> Vec<u32> {
        exercise::<Avx2>()
    }

    let plain = exercise::<[f32; LANES]>();
    if level() == Level::Avx512 {
        // SAFETY: just found.
        assert!(unsafe { avx512() } == plain);
    }
    if level() != Level::Baseline {
        // SAFETY: just found.
        assert!(unsafe { avx2() } == plain);
    }
}
