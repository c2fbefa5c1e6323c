//! Colours of pictures. Series colours keep apart for most colour-blind readers and on white.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rgb(pub u8, pub u8, pub u8);

pub const INK: Rgb = Rgb(31, 41, 55);
pub const GREY: Rgb = Rgb(107, 114, 128);
pub const AXIS: Rgb = Rgb(156, 163, 175);
pub const GRID: Rgb = Rgb(236, 238, 241);
pub const WHITE: Rgb = Rgb(255, 255, 255);

const SERIES: [Rgb; 8] = [
    Rgb(37, 99, 235),
    Rgb(234, 108, 10),
    Rgb(5, 150, 105),
    Rgb(147, 51, 234),
    Rgb(220, 38, 38),
    Rgb(8, 145, 178),
    Rgb(190, 24, 93),
    Rgb(101, 123, 13),
];

const SPANS: [Rgb; 8] = [
    Rgb(214, 230, 255),
    Rgb(253, 230, 160),
    Rgb(196, 243, 212),
    Rgb(252, 212, 232),
    Rgb(225, 216, 254),
    Rgb(254, 216, 178),
    Rgb(178, 240, 250),
    Rgb(226, 229, 233),
];

/// Viridis at ten even steps (Smith and van der Walt, matplotlib, CC0).
const VIRIDIS: [Rgb; 10] = [
    Rgb(68, 1, 84),
    Rgb(72, 40, 120),
    Rgb(62, 74, 137),
    Rgb(49, 104, 142),
    Rgb(38, 130, 142),
    Rgb(31, 158, 137),
    Rgb(53, 183, 121),
    Rgb(110, 206, 88),
    Rgb(181, 222, 43),
    Rgb(253, 231, 37),
];

/// Blue, white, red: for values on both sides of zero.
const DIVERGING: [Rgb; 5] = [Rgb(33, 82, 168), Rgb(130, 170, 222), Rgb(247, 247, 247), Rgb(235, 150, 120), Rgb(178, 32, 43)];

pub fn series(index: usize) -> Rgb {
    SERIES[index % SERIES.len()]
}

pub fn span(tone: usize) -> Rgb {
    SPANS[tone % SPANS.len()]
}

/// `at` in 0..=1; `both` where 0.5 means zero.
pub fn heat(at: f64, both: bool) -> Rgb {
    let stops: &[Rgb] = if both { &DIVERGING } else { &VIRIDIS };
    let place = at.clamp(0.0, 1.0) * (stops.len() - 1) as f64;
    let below = (place as usize).min(stops.len() - 2);
    let share = place - below as f64;
    let mix = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * share).round() as u8;
    let (a, b) = (stops[below], stops[below + 1]);
    Rgb(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}

impl Rgb {
    /// Dark or white ink, whichever reads better on this colour.
    pub fn ink(self) -> Rgb {
        let light = 0.299 * f64::from(self.0) + 0.587 * f64::from(self.1) + 0.114 * f64::from(self.2);
        if light > 140.0 { INK } else { WHITE }
    }

    /// `#rrggbb`.
    pub fn hex(self) -> String {
        format!("#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
}
