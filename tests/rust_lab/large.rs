//! Large answers take another way than small ones, and bring the same bits; tensors meet other crates.

use kernel::client::Client;
use wire::Event;

use super::{bad, good, holds, said};
use crate::harness::kernel::shown;

pub fn all(client: &Client) {
    good(client, "%load spark");
    both_ways(client);
    drawn(client);
}

/// 3.7 MB: lent, then (on a connection that refuses that) through the channel.
fn both_ways(client: &Client) {
    good(client, "let table = lab::weight(\"model.embed_tokens.weight\")?;");
    good(
        client,
        "unsafe { std::env::set_var(\"LANTERN_LAB_INLINE\", \"1\") };\nlet inline = lab::weight(\"model.embed_tokens.weight\")?;\nunsafe { std::env::remove_var(\"LANTERN_LAB_INLINE\") };",
    );
    let same = "fn bits(t: &lab::Tensor) -> Vec<u32> { t.data().iter().map(|x| x.to_bits()).collect() }\n";
    holds(client, &format!("{same}table.shape() == [4096, 224] && table.shape() == inline.shape() && bits(&table) == bits(&inline)"));
    holds(
        client,
        "let ids = lab::encode(\"the old king\")?;\nlet x = lab::hidden(\"the old king\", 0)?;\n(0..ids.len()).all(|t| x.row(t as isize).data() == table.row(ids[t] as isize).data())",
    );
    // Nothing that was lent stays open.
    holds(
        client,
        "for _ in 0..50 { lab::weight(\"model.embed_tokens.weight\")?; }\nstd::fs::read_dir(\"/proc/self/fd\").map_or(0, |all| all.count()) < 40",
    );
}

/// plotters, taken from what cargo has on this machine: shown at once, one in the place of the other.
fn drawn(client: &Client) {
    let plotters =
        "plotters = { version = \"0.3\", default-features = false, features = [\"svg_backend\", \"all_series\", \"all_elements\"] }";
    good(client, &format!(":offline 1\n:dep {plotters}\nuse plotters::prelude::*;"));
    let draw = "lab::plot!(\"p\", (200, 100), |root| { root.fill(&WHITE)?; root.draw(&Circle::new((50 + N, 50), 5, RED.filled()))?; })?;";
    let code = format!("{}\nprintln!(\"between\");\n{}", draw.replace('N', "1"), draw.replace('N', "2"));
    let events = good(client, &code);
    let kinds: Vec<&str> = events
        .iter()
        .filter_map(|event| match event {
            Event::Print { .. } => Some("text"),
            Event::Show { .. } => Some("picture"),
            _ => None,
        })
        .collect();
    assert_eq!(kinds, ["picture", "text", "picture"], "{events:?}");
    let pictures: Vec<&str> = events
        .iter()
        .filter_map(
            |event| if let Event::Show { forms, .. } = event { forms.iter().find(|form| form.mime == "image/svg+xml") } else { None },
        )
        .map(|form| form.body.as_str())
        .collect();
    assert!(pictures[0].contains("cx=\"51\"") && pictures[1].contains("cx=\"52\""), "{pictures:?}");
    assert_eq!(shown(&events).len(), 1, "the second stands in the place of the first");
    let (events, report) = bad(client, "lab::plot!((200, 100), |_root| { Err(\"no ink\")?; })?;");
    assert_eq!((report.name.as_str(), said(&events).contains("no ink")), ("RustReturned", true), "{events:?}");
}
