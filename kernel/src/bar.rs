//! A progress bar as front ends draw it: what, how far, how fast, how long still.

use std::time::Instant;

use lantern::plot::number;
use lantern::words::ui;
use serde_json::{Value, json};

/// Columns of the bar in text.
const WIDTH: usize = 30;
/// A rate of less time than this says nothing.
const SOON: f64 = 0.5;

#[derive(Clone, Debug)]
pub struct Bar {
    label: String,
    n: u64,
    of: u64,
    /// It counts bytes.
    bytes: bool,
    /// Where it stood before it first moved, and when that was.
    from: (u64, Instant),
}

impl Bar {
    /// What is fetched is counted in bytes; all else in steps.
    pub fn new(id: &str, n: u64, of: u64, label: &str, now: Instant) -> Self {
        Self { label: label.to_owned(), n, of, bytes: id == "fetch", from: (n, now) }
    }

    pub fn update(&mut self, n: u64, of: u64, label: &str, now: Instant) {
        // A second pass under the same name has a clock of its own; a wait before the first byte is no part of the rate.
        if n < self.n || n == self.from.0 {
            self.from = (n, now);
        }
        (self.n, self.of) = (n, of);
        label.clone_into(&mut self.label);
    }

    pub fn is_over(&self) -> bool {
        self.n >= self.of
    }

    /// A bar while it runs; one grey line at the end.
    pub fn data(&self, now: Instant) -> Value {
        let safe = self.label.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        if self.is_over() {
            let count = self.count(self.of);
            let html = format!("<div style=\"color:#888;font-size:90%\">{safe} &#10003; {count}</div>");
            return json!({ "text/html": html, "text/plain": format!("{} ✓ {count}", self.label) });
        }
        let (n, of, filled) = (self.n, self.of, (u128::from(self.n) * WIDTH as u128 / u128::from(self.of)) as usize);
        let tail = format!("{}/{}{}", self.count(n), self.count(of), self.pace(now));
        let bar = format!("<progress value=\"{n}\" max=\"{of}\" style=\"width:12em;vertical-align:middle\"></progress>");
        let plain = format!("{}{} {} {tail}", "━".repeat(filled), "╌".repeat(WIDTH - filled), self.label);
        json!({ "text/html": format!("<div style=\"font-size:90%\">{bar} {safe} {tail}</div>"), "text/plain": plain })
    }

    /// Rate and time left, once there is something to tell.
    fn pace(&self, now: Instant) -> String {
        let seconds = now.saturating_duration_since(self.from.1).as_secs_f64();
        let done = self.n.saturating_sub(self.from.0);
        if done == 0 || seconds < SOON {
            return String::new();
        }
        let rate = done as f64 / seconds;
        let left = number::duration((self.of - self.n) as f64 / rate);
        // Two digits are enough to see it move.
        let rate = match () {
            () if self.bytes => number::bytes(rate as u64),
            () if rate < 9.95 => format!("{rate:.1}"),
            () => format!("{rate:.0}"),
        };
        format!(" · {rate}/s · {left} {}", ui::LEFT)
    }

    fn count(&self, n: u64) -> String {
        if self.bytes { number::bytes(n) } else { n.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn plain(bar: &Bar, now: Instant) -> String {
        bar.data(now)["text/plain"].as_str().expect("text").to_owned()
    }

    #[test]
    fn a_finished_bar_is_one_line() {
        let now = Instant::now();
        let bar = |n, of| Bar::new("p", n, of, "a<b", now);
        assert_eq!(plain(&bar(50, 100), now), format!("{}{} a<b 50/100", "━".repeat(15), "╌".repeat(15)));
        assert_eq!(bar(100, 100).data(now)["text/html"], "<div style=\"color:#888;font-size:90%\">a&lt;b &#10003; 100</div>");
        assert_eq!(plain(&bar(0, 0), now), "a<b ✓ 0");
    }

    #[test]
    fn a_download_tells_bytes_rate_and_time_left() {
        let start = Instant::now();
        let mut bar = Bar::new("fetch", 10_000_000, 100_000_000, "fetching x", start);
        let now = start + Duration::from_secs(10);
        bar.update(40_000_000, 100_000_000, "fetching x", now);
        assert!(plain(&bar, now).ends_with("fetching x 40 MB/100 MB · 3 MB/s · 20 s left"), "{}", plain(&bar, now));
        bar.update(40_000_000, 100_000_000, "fetching x", now + Duration::from_secs(5));
        assert!(plain(&bar, now + Duration::from_secs(5)).contains("· 2 MB/s · 30 s"));
        // Begun again, from another mirror.
        bar.update(1_000_000, 100_000_000, "fetching x", now);
        assert!(plain(&bar, now).ends_with("fetching x 1 MB/100 MB"), "{}", plain(&bar, now));
    }

    #[test]
    fn the_wait_before_it_moves_is_no_part_of_the_rate() {
        let start = Instant::now();
        let mut bar = Bar::new("fetch", 0, 10_000_000, "x", start);
        bar.update(0, 10_000_000, "x", start + Duration::from_secs(100));
        bar.update(2_000_000, 10_000_000, "x", start + Duration::from_secs(102));
        assert!(plain(&bar, start + Duration::from_secs(102)).ends_with("x 2 MB/10 MB · 1 MB/s · 8.0 s left"));
    }

    #[test]
    fn steps_have_a_rate_too() {
        let start = Instant::now();
        let mut bar = Bar::new("train", 0, 100, "loss 2.5", start);
        bar.update(25, 100, "loss 2.4", start + Duration::from_secs(10));
        assert!(plain(&bar, start + Duration::from_secs(10)).ends_with("loss 2.4 25/100 · 2.5/s · 30 s left"));
    }
}
