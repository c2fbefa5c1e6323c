//! Runtime choice of the instruction set: one body of plain Rust, compiled for AVX-512, AVX2 and the baseline.
//!
//! A body is written over fixed arrays of 16 lanes, so that the order of its additions is the same whatever it is compiled for.

/// Lanes of one accumulator: an AVX-512 register, two AVX2 registers, four NEON registers.
pub const LANES: usize = 16;

#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Avx512,
    Avx2,
    Baseline,
}

/// What this CPU has; the standard library caches the answer.
#[cfg(target_arch = "x86_64")]
#[inline]
pub fn level() -> Level {
    let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    let avx512 = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl");
    match (avx512, avx2) {
        (true, true) => Level::Avx512,
        (_, true) => Level::Avx2,
        _ => Level::Baseline,
    }
}

/// Defines a function whose body is compiled once per instruction set and chosen at run time.
macro_rules! vectorised {
    ($(#[$meta:meta])* $vis:vis fn $name:ident $(<const $size:ident: usize>)? ($($arg:ident: $type:ty),* $(,)?) $(-> $out:ty)? $body:block) => {
        $(#[$meta])*
        #[inline]
        $vis fn $name $(<const $size: usize>)? ($($arg: $type),*) $(-> $out)? {
            #[inline(always)]
            fn body $(<const $size: usize>)? ($($arg: $type),*) $(-> $out)? $body
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
                fn avx512 $(<const $size: usize>)? ($($arg: $type),*) $(-> $out)? { body $(::<$size>)? ($($arg),*) }
                #[target_feature(enable = "avx2,fma")]
                fn avx2 $(<const $size: usize>)? ($($arg: $type),*) $(-> $out)? { body $(::<$size>)? ($($arg),*) }
                match $crate::ops::simd::level() {
                    // SAFETY: `level` has just found these instruction sets on this CPU.
                    $crate::ops::simd::Level::Avx512 => return unsafe { avx512 $(::<$size>)? ($($arg),*) },
                    // SAFETY: as above.
                    $crate::ops::simd::Level::Avx2 => return unsafe { avx2 $(::<$size>)? ($($arg),*) },
                    $crate::ops::simd::Level::Baseline => {}
                }
            }
            body $(::<$size>)? ($($arg),*)
        }
    };
}
pub(crate) use vectorised;

/// The lanes added up pairwise, always in the same order.
#[inline(always)]
pub fn sum(lanes: [f32; LANES]) -> f32 {
    let mut lanes = lanes;
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] += lanes[i + width];
        }
        width /= 2;
    }
    lanes[0]
}
