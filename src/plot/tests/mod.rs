//! Golden text, and what holds for every chart: lines fit, documents are well formed, same chart same bytes.

mod golden;

use wire::*;

use super::*;

fn curve(n: usize) -> Curve {
    let wave = |i: usize, k: f64| 2.0 + 8.0 * (-(i as f64) / n as f64 * 4.0).exp() + k * ((i * 7919 % 101) as f64 / 101.0 - 0.5);
    let train = (0..n).map(|i| (i as f64, wave(i, 1.0))).collect();
    let validation = (0..n).step_by((n / 10).max(1)).map(|i| (i as f64, wave(i, 0.2) + 0.3)).collect();
    Curve {
        title: "loss & <perplexity> \"quoted\"".into(),
        x_label: "step".into(),
        y_label: "loss".into(),
        series: vec![Series { name: "train".into(), points: train }, Series { name: "validation".into(), points: validation }],
        marks: vec![Mark { x: n as f64 * 0.9, y: 2.5, label: "best 2.5".into() }],
    }
}

fn group(name: &str, values: &[f64]) -> Group {
    Group { name: name.into(), values: values.to_vec() }
}

fn bars() -> Bars {
    let labels = ["·cat", "·dog", "模型", "<&\">"].map(String::from).to_vec();
    let groups = vec![group("before", &[0.5, 0.25, 0.125, 0.0]), group("after", &[0.8, 0.2, 0.0001, f64::NAN])];
    Bars { title: "next token".into(), x_label: "probability".into(), labels, groups }
}

fn heatmap(n: usize) -> Heatmap {
    let names: Vec<String> = (0..n).map(|i| ["The", "·cat", "·sat", "·on", "·the", "·mat", "模型"][i % 7].to_owned()).collect();
    let values = (0..n * n).map(|i| if i % n > i / n { f64::NAN } else { 1.0 / (1 + i / n - i % n) as f64 }).collect();
    Heatmap { title: "attention".into(), x_label: "key".into(), y_label: "query".into(), columns: names.clone(), rows: names, values }
}

fn histogram(bins: usize) -> Histogram {
    let counts = |shift: f64| (0..bins).map(|i| (100.0 * (-((i as f64 - shift) / 4.0).powi(2)).exp()).round()).collect::<Vec<_>>();
    let edges = (0..=bins).map(|i| i as f64 * 0.5).collect();
    let groups = vec![group("q8_0", &counts(8.0)), group("q4_0", &counts(12.0))];
    Histogram { title: "error".into(), x_label: "absolute error".into(), edges, groups }
}

fn tokens() -> Spans {
    let texts = ["The", " cat", " sat", "\n", "模型", " on <&\"'>", " the", " mat", "."];
    let spans = texts.iter().enumerate().map(|(i, t)| Span { text: (*t).into(), note: format!("{}", 464 + i * 1237), tone: i }).collect();
    Spans { title: "9 tokens".into(), spans, legend: vec![] }
}

fn learned() -> Spans {
    let span = |text: &str, tone| Span { text: text.into(), note: String::new(), tone };
    let question = "### Instruction:\nName three colours that a painter might mix from red and blue, and say why.\n\n### Response:\n";
    let spans = vec![span(question, 0), span("Purple, violet and magenta: 红色加蓝色得到紫色。\n", 1), span("<|endoftext|>", 1)];
    Spans { title: "example 1".into(), spans, legend: vec!["ignored".into(), "learned".into()] }
}

fn awkward_curves() -> Vec<Curve> {
    let values: [&[f64]; 10] = [
        &[],
        &[1.0],
        &[f64::NAN],
        &[f64::NAN, 1.0, f64::NAN],
        &[3.0, 3.0, 3.0],
        &[1e308, -1e308, f64::INFINITY],
        &[1e-320, 2e-320],
        &[0.0],
        &[1e9, 1e9 + 1e-6],
        &[-5.0, 1e-9, 7e20],
    ];
    let series = |v: &[f64]| Series { name: "s".into(), points: v.iter().enumerate().map(|(i, &y)| (i as f64, y)).collect() };
    let marks = vec![Mark { x: 1e300, y: 0.0, label: "far away ".repeat(30) }, Mark { x: f64::NAN, y: 0.0, label: "none".into() }];
    let plain = values.iter().map(|v| Curve { series: vec![series(v)], ..Curve::default() });
    let marked =
        values.iter().map(|v| Curve { series: vec![series(v)], marks: marks.clone(), title: "题".repeat(90), ..Curve::default() });
    plain.chain(marked).collect()
}

fn charts() -> Vec<Chart> {
    let mut all: Vec<Chart> = awkward_curves().into_iter().map(Chart::Curve).collect();
    all.extend([2, 50, 5000].map(|n| Chart::Curve(curve(n))));
    all.extend([Bars::default(), bars()].map(Chart::Bars));
    let signed = Bars { labels: vec!["long label ".repeat(20), "b\x1b[31m\n".into()], groups: vec![group("", &[-3e200, 1e-5])], ..bars() };
    let short = Bars { labels: vec!["a".into(); 3], groups: vec![group("", &[])], ..Bars::default() };
    all.extend([signed, short].map(Chart::Bars));
    all.extend([0, 1, 6, 40, 400].map(|n| Chart::Heatmap(heatmap(n))));
    all.push(Chart::Heatmap(Heatmap { rows: vec!["r".into()], columns: vec!["c".into(); 3], values: vec![-1.0], ..Heatmap::default() }));
    all.extend([0, 1, 30, 300].map(|n| Chart::Histogram(histogram(n))));
    all.push(Chart::Histogram(Histogram { groups: vec![group("", &[1.0; 9])], edges: vec![0.0, 1.0, f64::NAN], ..Histogram::default() }));
    let odd = ["", "\u{1}", "a\u{301}☺\u{fe0f}👨‍👩‍👧", "\r\n\t", "长".repeat(100).as_str()].map(|t| Span {
        text: t.into(),
        note: t.into(),
        tone: 99,
    });
    let odd = Spans { spans: odd.to_vec(), legend: vec!["x".repeat(200), String::new()], ..Spans::default() };
    all.extend([Spans::default(), tokens(), learned(), odd].map(Chart::Spans));
    all
}

#[test]
fn every_line_fits_and_has_no_control_characters() {
    for chart in charts() {
        for width in (0..=100).chain([200]) {
            let lines = cells(&chart, width).into_iter().map(|l| l.into_iter().map(|p| p.text).collect::<String>());
            let plain = plain(&chart, width);
            for line in lines.chain(plain.lines().map(str::to_owned)) {
                assert!(columns::columns(&line) <= width, "{width} < {}: {line}", columns::columns(&line));
                assert!(!line.chars().any(char::is_control), "{line:?}");
            }
        }
    }
}

/// Tags balance, attributes are quoted, text holds no bare `<` or `&`.
fn assert_well_formed(text: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        let (before, tag) = rest.split_at(start);
        assert!(!before.contains('>'), "{before}");
        let end = tag.find('>').expect("a tag ends");
        let inner = &tag[1..end];
        assert!(!inner.contains('<') && inner.matches('"').count() % 2 == 0, "{inner}");
        let name = inner.trim_start_matches('/').split([' ', '/']).next().unwrap();
        if inner.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "{inner}");
        } else if !inner.ends_with('/') && name != "br" {
            open.push(name);
        }
        rest = &tag[end + 1..];
    }
    assert!(open.is_empty(), "{open:?}");
    for part in text.split('&').skip(1) {
        assert!(["lt;", "gt;", "amp;", "quot;", "apos;", "#39;"].iter().any(|e| part.starts_with(e)), "{part:.20}");
    }
    assert!(!text.contains("NaN") && !text.contains("inf\""), "not a number in the picture");
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
}

#[test]
fn pictures_are_well_formed_and_repeat() {
    for chart in charts() {
        let picture = svg(&chart);
        assert_well_formed(&picture);
        assert!(picture.starts_with("<svg ") && picture.trim_end().ends_with("</svg>"));
        assert_eq!(picture, svg(&chart));
        assert_eq!(html(&chart).is_some(), matches!(chart, Chart::Spans(_)));
        html(&chart).iter().for_each(|page| assert_well_formed(page));
    }
}

#[test]
fn mark_labels_stay_in_the_picture() {
    for x in [0.0, 50.0, 100.0] {
        for y in [0.0, 1.0] {
            let points = vec![(0.0, 0.0), (100.0, 1.0)];
            let series = vec![Series { name: String::new(), points }];
            let marks = vec![Mark { x, y, label: "MARKED HERE".into() }];
            let picture = svg(&Chart::Curve(Curve { series: series.clone(), marks: marks.clone(), ..Curve::default() }));
            let at = picture.find("MARKED").unwrap();
            let tag = &picture[picture[..at].rfind("<text").unwrap()..at];
            let number = |name: &str| tag.split(name).nth(1).unwrap().split('"').next().unwrap().parse::<f64>().unwrap() / 4.0;
            assert!(number(" x=\"") >= 0.0 && number(" x=\"") + 11.0 * 9.0 < 640.0, "{tag}");
            assert!(number(" y=\"") > 12.0 && number(" y=\"") < 360.0, "{tag}");
            let text = plain(&Chart::Curve(Curve { series, marks, ..Curve::default() }), 60);
            assert!(text.contains("MARKED HERE") && text.contains('●'), "{text}");
        }
    }
}

#[test]
fn tones_say_what_a_piece_is() {
    let lines = cells(&Chart::Spans(learned()), 60);
    let learned: String = lines.iter().skip(2).flatten().filter(|p| p.tone == Some(Tone::Span(1))).map(|p| p.text.as_str()).collect();
    assert_eq!(learned, "Purple, violet and magenta: 红色加蓝色得到紫色。⏎<|endoftext|>");
    assert_eq!(cells(&Chart::Bars(bars()), 60)[0], vec![Piece { text: "next token".into(), tone: Some(Tone::Title) }]);
}
