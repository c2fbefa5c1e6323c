//! The exact text of small charts and tables.

use super::*;

#[test]
fn a_curve_in_text() {
    let points = (0..=20).map(|i| (f64::from(i), 2.0 + 2.0 * (-f64::from(i) / 5.0).exp())).collect();
    let series = vec![Series { name: "train".into(), points }];
    let marks = vec![Mark { x: 20.0, y: 2.04, label: "best".into() }];
    let chart = Chart::Curve(Curve { title: "loss".into(), x_label: "step".into(), series, marks, ..Curve::default() });
    assert_eq!(
        plain(&chart, 40),
        concat!(
            "loss\n",
            "━━ train\n",
            "4.0 ┤⢆\n",
            "    │⠈⢆\n",
            "    │ ⠘⡄\n",
            "3.5 ┤  ⠘⡄\n",
            "    │   ⠘⢄\n",
            "    │    ⠈⢆\n",
            "3.0 ┤      ⠑⢄\n",
            "    │        ⠣⡀\n",
            "2.5 ┤         ⠈⠑⢄\n",
            "    │            ⠉⠒⠤⣀\n",
            "    │                ⠉⠑⠢⠤⢄⣀⡀        best\n",
            "2.0 ┤                      ⠈⠉⠉⠑⠒⠒⠒⠒⠦⠤⠤⠤●\n",
            "    └┬────────────────┬────────────────┬\n",
            "     0               10               20\n",
            "                    step\n",
        )
    );
}

#[test]
fn a_noisy_curve_is_its_mean_in_text() {
    let points = (0..4000).map(|i| (f64::from(i), 5.0 - f64::from(i / 1000) + if i % 2 == 0 { 2.0 } else { -2.0 })).collect();
    let series = vec![Series { name: String::new(), points }];
    let text = plain(&Chart::Curve(Curve { series, ..Curve::default() }), 40);
    let dots = |line: &str| line.chars().filter(|c| ('\u{2801}'..='\u{28ff}').contains(c)).count();
    // Four steps of a stair, not a block.
    assert!(text.lines().map(dots).sum::<usize>() < 60, "{text}");
}

#[test]
fn bars_in_text() {
    assert_eq!(
        plain(&Chart::Bars(bars()), 40),
        concat!(
            "next token\n",
            "█a before   █b after\n",
            "·cat a ████████████████▉             0.5\n",
            "     b ███████████████████████████   0.8\n",
            "·dog a ████████▌                    0.25\n",
            "     b ██████▊                       0.2\n",
            "模型 a ████▎                       0.125\n",
            "     b ▏                            1e-4\n",
            "<&\"> a                                 0\n",
            "     b                                 –\n",
            "     probability\n",
        )
    );
}

#[test]
fn a_heatmap_in_text() {
    assert_eq!(
        plain(&Chart::Heatmap(heatmap(4)), 40),
        concat!(
            "attention\n",
            "       The  ·cat  ·sat   ·on\n",
            "The  █   1\n",
            "·cat ░0.50 █   1\n",
            "·sat ·0.33 ░0.50 █   1\n",
            "·on  ·0.25 ·0.33 ░0.50 █   1\n",
            "0.25 ··░░▒▒▓▓██ 1\n",
            "↓ query   → key\n",
        )
    );
    assert_eq!(
        plain(&Chart::Heatmap(heatmap(4)), 26),
        concat!(
            "attention\n",
            "        1 2 3 4\n",
            "1 The  ██\n",
            "2 ·cat ░░██\n",
            "3 ·sat ··░░██\n",
            "4 ·on  ····░░██\n",
            "0.25 ··░░▒▒▓▓██ 1\n",
            "↓ query   → key\n",
        )
    );
}

#[test]
fn a_histogram_in_text() {
    assert_eq!(
        plain(&Chart::Histogram(Histogram { groups: vec![group("", &[1.0, 4.0, 2.0])], ..histogram(3) }), 40),
        concat!(
            "error\n",
            "0 … 0.5 ███████▌                       1\n",
            "0.5 … 1 ██████████████████████████████ 4\n",
            "1 … 1.5 ███████████████                2\n",
            "        absolute error\n",
        )
    );
}

#[test]
fn tokens_in_text() {
    assert_eq!(
        plain(&Chart::Spans(tokens()), 40),
        concat!(
            "9 tokens\n",
            "The│·cat│·sat│⏎\n",
            "464 1701 2938 4175\n",
            "模型│·on <&\"'>│·the│·mat│.\n",
            "5412 6649      7886 9123 10360\n",
        )
    );
}

#[test]
fn running_text_in_text() {
    assert_eq!(
        plain(&Chart::Spans(learned()), 40),
        concat!(
            "example 1\n",
            "… ignored   […] learned\n",
            "### Instruction:⏎\n",
            "Name three colours that a painter might\n",
            "mix from red and blue, and say why.⏎\n",
            "⏎\n",
            "### Response:⏎\n",
            "[Purple, violet and magenta:\n",
            "红色加蓝色得到紫色。⏎]\n",
            "[<|endoftext|>]\n",
        )
    );
}

#[test]
fn tables() {
    let rows = [["smollm2", "134515008", "2.346", "a chat model"], ["模型", "7", "12.5 %", "一个很长的说明文字，会被截断"]];
    let rows = rows.map(|r| r.map(String::from).to_vec()).to_vec();
    let table = Table { headings: ["name", "parameters", "ppl", "note"].map(String::from).to_vec(), rows };
    assert_eq!(
        table_text(&table, 50),
        concat!(
            "name     parameters     ppl  note\n",
            "───────  ──────────  ──────  ─────────────────────\n",
            "smollm2   134515008   2.346  a chat model\n",
            "模型              7  12.5 %  一个很长的说明文字，…\n",
        )
    );
    assert_eq!(table_text(&Table::pairs([("steps", "120"), ("损失", "2.31")]), 40), concat!("steps  120\n", "损失   2.31\n",));
    let page = table_html(&Table { headings: vec!["<a>".into(), "n".into()], rows: vec![vec!["x & \"y\"\nz".into(), "1.5".into()]] });
    assert_eq!(
        page,
        "<table>\n<thead><tr><th style=\"text-align:left\">&lt;a&gt;</th><th style=\"text-align:right\">n</th></tr></thead>\n<tbody>\n\
         <tr><td style=\"text-align:left\">x &amp; &quot;y&quot;<br>z</td><td style=\"text-align:right\">1.5</td></tr>\n</tbody>\n</table>\n"
    );
    for width in 0..60 {
        assert!(table_text(&table, width).lines().all(|l| columns::columns(l) <= width), "{width}");
    }
}
