//! A progress line: label, bar, count, rate, time left.

use std::time::{Duration, Instant};

use lantern::words::ui;
use unicode_width::UnicodeWidthStr;

use crate::paint::{Line, Paint, Role};

#[derive(Clone, Debug)]
pub struct Meter {
    label: String,
    n: u64,
    /// 0: not known.
    of: u64,
    /// When the first event came, and where it stood then.
    since: Instant,
    from: u64,
}

impl Meter {
    pub fn new(label: &str, n: u64, of: u64, now: Instant) -> Self {
        Self { label: label.to_owned(), n, of, since: now, from: n }
    }

    pub fn update(&mut self, label: &str, n: u64, of: u64, now: Instant) {
        // A second pass under the same name starts its own clock.
        if n < self.n || of != self.of {
            (self.since, self.from) = (now, n);
        }
        (self.label, self.n, self.of) = (label.to_owned(), n, of);
    }

    /// At most `width` columns.
    pub fn line(&self, paint: Paint, width: usize, now: Instant) -> Line {
        let tail = self.tail(now);
        let label = clip(&self.label, width.saturating_sub(tail.width() + 2));
        let room = width.saturating_sub(label.width() + tail.width() + 3).min(30);
        if self.of == 0 || room < 6 {
            let text = clip(&format!("{label} {tail}"), width);
            return Line { width: text.width(), text };
        }
        let full = (room as u128 * u128::from(self.n.min(self.of)) / u128::from(self.of)) as usize;
        let bar = format!("{}{}", paint.role(Role::Bar, &"━".repeat(full)), paint.role(Role::Note, &"─".repeat(room - full)));
        let space = if label.is_empty() { "" } else { " " };
        Line { text: format!("{label}{space}{bar} {tail}"), width: label.width() + space.len() + room + 1 + tail.width() }
    }

    fn tail(&self, now: Instant) -> String {
        let count = if self.of == 0 { short(self.n) } else { format!("{}/{}", short(self.n), short(self.of)) };
        let seconds = now.saturating_duration_since(self.since).as_secs_f64();
        let done = self.n.saturating_sub(self.from);
        if done == 0 || seconds < 0.5 {
            return count;
        }
        let rate = done as f64 / seconds;
        let left = self.of.saturating_sub(self.n) as f64 / rate;
        let eta = if self.of == 0 { String::new() } else { format!("  {} {}", clock(left), ui::LEFT) };
        format!("{count}  {}/s{eta}", rounded(rate))
    }
}

/// 950, 12.3k, 4.56M: three digits are enough to see it move.
fn short(n: u64) -> String {
    match n {
        0..100_000 => n.to_string(),
        100_000..1_000_000 => format!("{}k", n / 1000),
        1_000_000..1_000_000_000 => format!("{:.1}M", n as f64 / 1e6),
        _ => format!("{:.2}G", n as f64 / 1e9),
    }
}

fn rounded(rate: f64) -> String {
    match rate {
        rate if rate >= 100.0 => short(rate as u64),
        rate if rate >= 10.0 => format!("{rate:.0}"),
        rate => format!("{rate:.1}"),
    }
}

fn clock(seconds: f64) -> String {
    let seconds = Duration::try_from_secs_f64(seconds).map_or(0, |left| left.as_secs());
    match seconds {
        0..3600 => format!("{}:{:02}", seconds / 60, seconds % 60),
        _ => format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60),
    }
}

/// The longest beginning of `text` that fits into `width` columns.
pub fn clip(text: &str, width: usize) -> String {
    let mut used = 0;
    let fits = |c: &char| {
        used += unicode_width::UnicodeWidthChar::width(*c).unwrap_or(0);
        used <= width
    };
    text.chars().take_while(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::Depth;

    #[test]
    fn a_line_shows_rate_and_time_left_and_fits() {
        let paint = Paint { depth: Depth::None };
        let start = Instant::now();
        let mut meter = Meter::new("训练", 0, 100, start);
        meter.update("训练", 25, 100, start + Duration::from_secs(10));
        let line = meter.line(paint, 80, start + Duration::from_secs(10));
        assert_eq!(line.text, "训练 ━━━━━━━─────────────────────── 25/100  2.5/s  0:30 left");
        for width in 4..80 {
            let line = meter.line(paint, width, start + Duration::from_secs(10));
            assert!(line.width <= width && line.width == line.text.width(), "{width}: {line:?}");
        }
    }
}
