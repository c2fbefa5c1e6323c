//! Ranges of numbers, their round ticks and the points worth drawing.

/// Larger values are drawn at this edge, so that a difference never overflows.
const EDGE: f64 = 1e300;
const TINY: f64 = 1e-290;

/// A range that is never empty: `lo < hi`, both finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extent {
    pub lo: f64,
    pub hi: f64,
}

impl Extent {
    /// The range of the finite values; nothing where there is none. Equal values get room around them.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut range: Option<(f64, f64)> = None;
        for value in values.into_iter().filter(|v| v.is_finite()) {
            let value = value.clamp(-EDGE, EDGE);
            range = Some(range.map_or((value, value), |(lo, hi)| (value.min(lo), value.max(hi))));
        }
        range.map(|(lo, hi)| Self::around(lo, hi))
    }

    fn around(lo: f64, hi: f64) -> Self {
        let size = lo.abs().max(hi.abs());
        if hi - lo > (size * 1e-6).max(TINY) {
            return Self { lo, hi };
        }
        let middle = lo + (hi - lo) / 2.0;
        let room = if size > TINY * 1e3 { size * 0.1 } else { 1.0 };
        Self { lo: middle - room, hi: middle + room }
    }

    /// The same range with `share` of its length added on both sides.
    pub fn padded(self, share: f64) -> Self {
        let room = (self.hi - self.lo) * share;
        Self { lo: self.lo - room, hi: self.hi + room }
    }

    /// Where a value stands: 0 at `lo`, 1 at `hi`.
    pub fn place(&self, value: f64) -> f64 {
        (value.clamp(-EDGE, EDGE) - self.lo) / (self.hi - self.lo)
    }
}

/// A round value and its text.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    pub value: f64,
    pub label: String,
}

/// About `count` round values inside the range; `whole` allows integers only.
pub fn ticks(range: Extent, count: usize, whole: bool) -> Vec<Tick> {
    let rough = (range.hi - range.lo) / count.max(1) as f64;
    let mut power = rough.log10().floor() as i32;
    let mut step = f64::INFINITY;
    for factor in [1.0, 2.0, 5.0, 10.0] {
        step = factor * 10f64.powi(power);
        if step >= rough * 0.999 {
            break;
        }
    }
    if whole && step < 1.0 {
        step = 1.0;
    }
    power = (step * 1.001).log10().floor() as i32;
    let first = (range.lo / step - 1e-9).ceil();
    let last = (range.hi / step + 1e-9).floor();
    let values: Vec<f64> = (0..=50).map(|i| first + f64::from(i)).take_while(|&i| i <= last).map(|i| i * step).collect();
    let largest = values.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    values.into_iter().map(|value| Tick { value, label: label(value, largest, power) }).collect()
}

/// All ticks of an axis share their unit and their decimals; `power` is the decimal exponent of the step.
fn label(value: f64, largest: f64, power: i32) -> String {
    if value == 0.0 || largest == 0.0 {
        return "0".to_owned();
    }
    if !(1e-3..1e15).contains(&largest) {
        let exponent = (largest * 1.000001).log10().floor() as i32;
        let decimals = (exponent - power).clamp(0, 8) as usize;
        return format!("{:.decimals$}e{exponent}", value / 10f64.powi(exponent));
    }
    let (unit, name) = match largest {
        l if l >= 1e12 => (12, "T"),
        l if l >= 1e9 => (9, "B"),
        l if l >= 1e6 => (6, "M"),
        l if l >= 1e5 => (3, "k"),
        _ => (0, ""),
    };
    let decimals = (unit - power).clamp(0, 9) as usize;
    format!("{:.decimals$}{name}", value / 10f64.powi(unit))
}

/// The runs of points between gaps: a point that is not finite ends a run.
pub fn runs(points: &[(f64, f64)]) -> Vec<Vec<(f64, f64)>> {
    points.split(|(x, y)| !x.is_finite() || !y.is_finite()).filter(|run| !run.is_empty()).map(|run| run.to_vec()).collect()
}

/// Points in pixels, at most four for one pixel column: first, lowest, highest, last.
pub fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut kept = Vec::new();
    for column in points.chunk_by(|a, b| a.0.floor() == b.0.floor()) {
        if column.len() <= 4 {
            kept.extend_from_slice(column);
            continue;
        }
        let by_y = |a: &usize, b: &usize| column[*a].1.total_cmp(&column[*b].1);
        let low = (0..column.len()).min_by(by_y).unwrap_or(0);
        let high = (0..column.len()).max_by(by_y).unwrap_or(0);
        let mut picked = [0, low, high, column.len() - 1];
        picked.sort_unstable();
        let mut last = None;
        for i in picked {
            if last != Some(i) {
                kept.push(column[i]);
            }
            last = Some(i);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(lo: f64, hi: f64, count: usize, whole: bool) -> String {
        let ticks = ticks(Extent { lo, hi }, count, whole);
        ticks.into_iter().map(|t| t.label).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(labels(0.0, 1.0, 5, false), "0 0.2 0.4 0.6 0.8 1.0");
        assert_eq!(labels(0.05, 0.41, 4, false), "0.1 0.2 0.3 0.4");
        assert_eq!(labels(0.0, 3.0, 8, true), "0 1 2 3");
        assert_eq!(labels(0.0, 1e6, 4, true), "0 0.5M 1.0M");
        assert_eq!(labels(0.0, 2.2e-4, 3, false), "0 1e-4 2e-4");
        assert_eq!(labels(-3.0, 3.0, 3, false), "-2 0 2");
        assert_eq!(labels(0.0, 120_000.0, 4, true), "0 50k 100k");
    }

    #[test]
    fn a_range_is_never_empty() {
        for values in [vec![0.0], vec![5.0, 5.0], vec![1e308, -1e308], vec![1e-310], vec![f64::MAX], vec![1e9, 1e9 + 1e-5]] {
            let range = Extent::of(values.clone()).unwrap();
            assert!(range.lo < range.hi && (range.hi - range.lo).is_finite(), "{values:?} {range:?}");
            let ticks = ticks(range.padded(0.05), 5, false);
            assert!(!ticks.is_empty() && ticks.len() < 12, "{values:?} {ticks:?}");
            let mut texts: Vec<_> = ticks.iter().map(|t| &t.label).collect();
            texts.dedup();
            assert_eq!(texts.len(), ticks.len(), "{values:?} {ticks:?}");
        }
        assert_eq!(Extent::of([f64::NAN]), None);
    }

    #[test]
    fn thinning_keeps_the_extremes() {
        let points: Vec<(f64, f64)> = (0..1000).map(|i| (f64::from(i) / 100.0, f64::from(i * 7919 % 1009))).collect();
        let thin = thinned(&points);
        assert!(thin.len() <= 40);
        let top = |p: &[(f64, f64)]| p.iter().map(|p| p.1).fold(0.0, f64::max);
        assert_eq!(top(&thin), top(&points));
        assert_eq!((thin[0], thin[thin.len() - 1]), (points[0], points[999]));
    }
}
