//! Reading bitsandbytes' formats, NF4 and INT8, to the bits of its own dequantisation.

use super::lanes::vectorised_lanes;
use super::panels::{accumulate, dense_f32};
use super::simd::LANES;
use crate::quant::{CODE, Int8, Nf4, UNIT};

/// Numbers that a kernel reads at once; every block of NF4 holds a whole number of runs.
const RUN: usize = 2 * LANES;

/// Numbers `start..start + out.len()`, counted row by row.
pub fn widen_nf4(w: &Nf4, start: usize, out: &mut [f32]) {
    // A tile may begin inside a run.
    let before = (start.next_multiple_of(RUN) - start).min(out.len());
    let (head, out) = out.split_at_mut(before);
    let (runs, tail) = out.split_at_mut(out.len() / RUN * RUN);
    let single = |from: usize, out: &mut [f32]| out.iter_mut().enumerate().for_each(|(i, out)| *out = w.value(from + i));
    single(start, head);
    runs_nf4(w, start + before, runs);
    single(start + before + runs.len(), tail);
}

vectorised_lanes! {
    fn runs_nf4<V>(w: &Nf4, start: usize, out: &mut [f32]) -> () {
        let table = V::load(&CODE);
        let (bytes, _) = w.codes[start / 2..(start + out.len()) / 2].as_chunks::<LANES>();
        let (out, _) = out.as_chunks_mut::<LANES>();
        for (i, (bytes, out)) in bytes.iter().zip(out.chunks_exact_mut(2)).enumerate() {
            let scale = V::splat(w.scales.get((start + RUN * i) / w.block));
            let (first, last) = V::looked_up(bytes, table);
            out[0] = first.mul(scale).store();
            out[1] = last.mul(scale).store();
        }
    }
}

/// `ys[i][r] = w[first + i] . xs[r]`; each sum is the same whatever `R`.
pub fn dots_nf4<const R: usize>(w: &Nf4, first: usize, xs: [&[f32]; R], ys: &mut [[f32; R]]) {
    if w.columns.is_multiple_of(RUN) {
        return whole_nf4(w, first, xs, ys);
    }
    let mut row = vec![0.0; w.columns];
    for (i, y) in ys.iter_mut().enumerate() {
        widen_nf4(w, (first + i) * w.columns, &mut row);
        dense_f32(&row, xs, std::slice::from_mut(y));
    }
}

vectorised_lanes! {
    fn whole_nf4<V, const R: usize>(w: &Nf4, first: usize, xs: [&[f32]; R], ys: &mut [[f32; R]]) -> () {
        let table = V::load(&CODE);
        for (i, y) in ys.iter_mut().enumerate() {
            let start = (first + i) * w.columns;
            let (runs, _) = w.codes[start / 2..(start + w.columns) / 2].as_chunks::<LANES>();
            let mut lanes = [[V::splat(0.0); 2]; R];
            for (at, bytes) in runs.iter().enumerate() {
                let scale = V::splat(w.scales.get((start + RUN * at) / w.block));
                let (low, high) = V::looked_up(bytes, table);
                accumulate(&mut lanes, low.mul(scale), high.mul(scale), &xs, at);
            }
            for r in 0..R {
                y[r] = lanes[r][0].add(lanes[r][1]).sum();
            }
        }
    }
}

/// Numbers `start..start + out.len()`, counted row by row.
pub fn widen_int8(w: &Int8, start: usize, out: &mut [f32]) {
    let (mut at, mut out) = (start, out);
    while !out.is_empty() {
        let count = (w.columns - at % w.columns).min(out.len());
        let (now, rest) = out.split_at_mut(count);
        row_int8(&w.codes[at..at + count], w.scales[at / w.columns], now);
        (at, out) = (at + count, rest);
    }
}

vectorised_lanes! {
    /// Part of one row.
    fn row_int8<V>(codes: &[i8], scale: f32, out: &mut [f32]) -> () {
        let (runs, odd) = codes.as_chunks::<LANES>();
        let (whole, rest) = out.as_chunks_mut::<LANES>();
        for (codes, out) in runs.iter().zip(whole) {
            *out = V::signed(&codes.map(|code| code as u8)).mul(V::splat(scale)).mul(V::splat(UNIT)).store();
        }
        for (code, out) in odd.iter().zip(rest) {
            *out = f32::from(*code) * scale * UNIT;
        }
    }
}

/// `ys[i][r] = w[first + i] . xs[r]`; each sum is the same whatever `R`.
pub fn dots_int8<const R: usize>(w: &Int8, first: usize, xs: [&[f32]; R], ys: &mut [[f32; R]]) {
    if w.columns.is_multiple_of(RUN) {
        return whole_int8(w, first, xs, ys);
    }
    let mut row = vec![0.0; w.columns];
    for (i, y) in ys.iter_mut().enumerate() {
        widen_int8(w, (first + i) * w.columns, &mut row);
        dense_f32(&row, xs, std::slice::from_mut(y));
    }
}

vectorised_lanes! {
    fn whole_int8<V, const R: usize>(w: &Int8, first: usize, xs: [&[f32]; R], ys: &mut [[f32; R]]) -> () {
        let unit = V::splat(UNIT);
        for (i, y) in ys.iter_mut().enumerate() {
            let (runs, _) = w.codes[(first + i) * w.columns..][..w.columns].as_chunks::<RUN>();
            let scale = V::splat(w.scales[first + i]);
            let mut lanes = [[V::splat(0.0); 2]; R];
            for (at, codes) in runs.iter().enumerate() {
                let bytes = codes.map(|code| code as u8);
                let (halves, _) = bytes.as_chunks::<LANES>();
                let (low, high) = (V::signed(&halves[0]), V::signed(&halves[1]));
                accumulate(&mut lanes, low.mul(scale).mul(unit), high.mul(scale).mul(unit), &xs, at);
            }
            for r in 0..R {
                y[r] = lanes[r][0].add(lanes[r][1]).sum();
            }
        }
    }
}
