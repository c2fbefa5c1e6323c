//! Numbers as people read them, for axes, tables and progress lines.

/// At most four significant digits; whole numbers below a thousand million stay exact; tiny and huge ones are `1.2e-4`.
pub fn number(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "∞" } else { "-∞" }.to_owned();
    }
    let size = value.abs();
    if size == 0.0 {
        return "0".to_owned();
    }
    if value.fract() == 0.0 && size < 1e9 {
        return format!("{value:.0}");
    }
    if !(1e-3..1e9).contains(&size) {
        let text = format!("{value:.3e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{}e{exponent}", trimmed(mantissa));
    }
    let decimals = (3 - size.log10().floor() as i32).clamp(0, 6) as usize;
    trimmed(&format!("{value:.decimals$}")).to_owned()
}

/// Decimal units, two or three digits: `512 B`, `1.2 GB`.
pub fn bytes(count: u64) -> String {
    if count < 1000 {
        return format!("{count} B");
    }
    let mut value = count as f64;
    let mut unit = "B";
    for next in ["kB", "MB", "GB", "TB", "PB", "EB"] {
        value /= 1000.0;
        unit = next;
        if value < 999.5 {
            break;
        }
    }
    if value < 99.95 { format!("{} {unit}", trimmed(&format!("{value:.1}"))) } else { format!("{value:.0} {unit}") }
}

/// How many there are: `960`, `134.5 M`.
pub fn count(n: u64) -> String {
    let units = [(1_000_000_000, "G"), (1_000_000, "M"), (10_000, "k")];
    match units.into_iter().find(|(from, _)| n >= *from) {
        Some((10_000, unit)) => format!("{:.1} {unit}", n as f64 / 1e3),
        Some((from, unit)) => format!("{:.1} {unit}", n as f64 / from as f64),
        None => n.to_string(),
    }
}

/// Seconds as `850 µs`, `12 ms`, `3.4 s`, `34 s`, `2 min 05 s`, `1 h 02 min`, `2 d 3 h`; anything not a time is `–`.
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "–".to_owned();
    }
    if seconds == 0.0 {
        return "0 s".to_owned();
    }
    if seconds < 0.9995e-3 {
        return format!("{:.0} µs", seconds * 1e6);
    }
    if seconds < 0.9995 {
        return format!("{:.0} ms", seconds * 1e3);
    }
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        3600..86400 => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
        _ => format!("{} d {} h", whole / 86400, whole % 86400 / 3600),
    }
}

fn trimmed(digits: &str) -> &str {
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let cases = [
            (0.1 + 0.2, "0.3"),
            (0.0, "0"),
            (-0.0, "0"),
            (2.345678, "2.346"),
            (12.0, "12"),
            (123456.0, "123456"),
            (1234.56, "1235"),
            (0.00012, "1.2e-4"),
            (-2.5e-7, "-2.5e-7"),
            (1.5e12, "1.5e12"),
            (9.99999, "10"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-∞"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn bytes_and_durations() {
        let sizes = [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (999_950, "1 MB"), (1_234_567_890, "1.2 GB"), (134_515_008, "135 MB")];
        for (count, text) in sizes {
            assert_eq!(bytes(count), text);
        }
        assert_eq!(bytes(u64::MAX), "18.4 EB");
        let times = [
            (0.0, "0 s"),
            (0.00085, "850 µs"),
            (0.012, "12 ms"),
            (0.9999, "1.0 s"),
            (3.44, "3.4 s"),
            (59.7, "1 min 00 s"),
            (125.0, "2 min 05 s"),
            (3720.0, "1 h 02 min"),
            (183_600.0, "2 d 3 h"),
            (f64::INFINITY, "–"),
        ];
        for (seconds, text) in times {
            assert_eq!(duration(seconds), text);
        }
    }
}
