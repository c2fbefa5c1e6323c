//! Sums, dot products and maxima of rows, in lanes of a fixed order.

use super::lanes::vectorised_lanes;

vectorised_lanes! {
    /// `sum(x)`.
    pub fn total<V>(x: &[f32]) -> f32 {
        let (chunks, rest) = x.as_chunks();
        let mut lanes = V::splat(0.0);
        for chunk in chunks {
            lanes = lanes.add(V::load(chunk));
        }
        let mut total = lanes.sum();
        for x in rest {
            total += x;
        }
        total
    }
}

vectorised_lanes! {
    /// `sum(x * y)`.
    pub fn product_sum<V>(x: &[f32], y: &[f32]) -> f32 {
        let ((xs, rest), (ys, other)) = (x.as_chunks(), y.as_chunks());
        let mut lanes = V::splat(0.0);
        for (x, y) in xs.iter().zip(ys) {
            lanes = V::load(x).fma(V::load(y), lanes);
        }
        let mut total = lanes.sum();
        for (x, y) in rest.iter().zip(other) {
            total = x.mul_add(*y, total);
        }
        total
    }
}

vectorised_lanes! {
    /// `sum((x - mean)^2)`.
    pub fn squares<V>(x: &[f32], mean: f32) -> f32 {
        let (chunks, rest) = x.as_chunks();
        let (mut lanes, shift) = (V::splat(0.0), V::splat(-mean));
        for chunk in chunks {
            let x = V::load(chunk).add(shift);
            lanes = x.fma(x, lanes);
        }
        let mut total = lanes.sum();
        for x in rest {
            total = (x - mean).mul_add(x - mean, total);
        }
        total
    }
}

vectorised_lanes! {
    /// The largest value; NaN is passed over or kept, so a row with NaN stays visible in what is computed from it.
    pub fn highest<V>(x: &[f32]) -> f32 {
        let (chunks, rest) = x.as_chunks();
        let mut lanes = V::splat(f32::NEG_INFINITY);
        for chunk in chunks {
            lanes = V::load(chunk).max(lanes);
        }
        let mut highest = f32::NEG_INFINITY;
        for x in lanes.store().iter().chain(rest) {
            highest = if *x > highest { *x } else { highest };
        }
        highest
    }
}
