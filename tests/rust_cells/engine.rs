//! One engine, many checks: what evcxr can stays, cell magics, memory, and that nothing grows.

use std::path::Path;

use kernel::client::Client;
use wire::{Event, Form};

use super::{bad, good, said, value};
use crate::harness::kernel::{Kernel, printed, shown};
use crate::harness::world::World;

#[test]
fn an_engine_stays_well_whatever_its_cells_do() {
    // Ready before the first cell: idleness of no length starts it.
    let kernel = Kernel::start_with(&["llama-tiny"], &[("LANTERN_RUST_IDLE", "0"), ("LANTERN_RUST_MEMORY", "700MB")]);
    let client = kernel.client();
    good(&client, "%load llama-tiny");
    super::typed::hints(&client);
    evcxr(&client);
    cell_magics(&client);
    super::long::hundred(&client, kernel.process.id());
    memory(&client);
    super::doors::strangers(&client, kernel.process.id());
    super::doors::another(&kernel, &client);
    crates(&client, &kernel.world);
}

/// What evcxr can and a cell keeps.
fn evcxr(client: &Client) {
    good(client, "let x = 1 + 2;\nlet words = vec![\"a\".to_string()];");
    let vars = value(&good(client, ":vars"));
    assert!(vars.contains("x: i32") && vars.contains("words: Vec<String>"), "{vars}");
    assert_eq!(value(&good(client, ":type x")), "x: i32");
    // A type's own way to show itself goes before `{:?}`.
    let own = "#[derive(Debug)]\nstruct Own;\nimpl Own { fn evcxr_display(&self) { println!(\"EVCXR_BEGIN_CONTENT text/plain\\nmine\\nEVCXR_END_CONTENT\"); } }\nOwn";
    assert_eq!(value(&good(client, own)), "mine");
    assert_eq!(value(&good(client, ":fmt {}\n\"as it is\"")), "Output format: {}\nas it is");
    good(client, ":fmt {:?}");
    assert_eq!(value(&good(client, "\"quoted\"")), "\"quoted\"");
}

/// `:dep` of a crate on this disk, which may change between cells; and `.await`, for which evcxr wants a crate `tokio`: here our own.
fn crates(client: &Client, world: &World) {
    let mine = krate(world, "mine", "pub fn n() -> i32 { 1 }");
    good(client, &format!(":dep mine = {{ path = {mine:?} }}"));
    assert_eq!(value(&good(client, "mine::n()")), "1");
    krate(world, "mine", "pub fn n() -> i32 { 1 + 1 }");
    assert_eq!(value(&good(client, "mine::n()")), "2");
    let runtime = "pub mod runtime {\n    pub struct Runtime;\n    impl Runtime {\n        pub fn new() -> Result<Self, String> { Ok(Self) }\n        pub fn block_on<F: std::future::Future>(&self, future: F) -> F::Output {\n            let mut future = std::pin::pin!(future);\n            let mut context = std::task::Context::from_waker(std::task::Waker::noop());\n            loop { if let std::task::Poll::Ready(done) = future.as_mut().poll(&mut context) { return done; } }\n        }\n    }\n}\n";
    let tokio = krate(world, "tokio", runtime);
    good(client, &format!(":dep tokio = {{ path = {tokio:?} }}"));
    assert_eq!(value(&good(client, "async fn twice(n: i32) -> i32 { 2 * n }\ntwice(21).await")), "42");
}

fn krate(world: &World, name: &str, code: &str) -> String {
    let folder = world.path(name);
    std::fs::create_dir_all(folder.join("src")).unwrap();
    let manifest = format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n");
    std::fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    std::fs::write(folder.join("src/lib.rs"), code).unwrap();
    Path::to_str(&folder).unwrap().to_owned()
}

fn cell_magics(client: &Client) {
    let events = good(client, "%%capture kept\n%next \"the cat\" top=2\nprintln!(\"a line\");\neprintln!(\"aside\");\n1 + 1");
    assert_eq!(printed(&events), "kept as kept: 2 lines, 1 charts and tables; `%captured kept` shows it\n");
    assert!(shown(&events).is_empty() && value(&events).is_empty() && said(&events).is_empty(), "{events:?}");
    let again = good(client, "%captured kept");
    assert_eq!((printed(&again).as_str(), value(&again).as_str(), said(&again).as_str()), ("a line\n", "2", "aside\n"));
    assert!(shown(&again).len() == 1, "{again:?}");
    let read = good(client, "let kept = %captured kept\nlet text: String = kept.text;\ntext.lines().count()");
    assert_eq!((value(&read).as_str(), printed(&read).as_str()), ("2", ""));
    assert_eq!(value(&good(client, "%%rust\nlet n = 17\n% 5;\nn")), "2");
    let timed = good(client, "%%time\n%seed 7\n1 + 1");
    assert!(printed(&timed).contains("wall time ") && value(&timed) == "2", "{timed:?}");
    // Also where the cell fails, and then the error comes too.
    let (events, report) = bad(client, "%%time\n%%capture failed\nprintln!(\"before\");\npanic!(\"oh\")");
    assert_eq!(report.name, "RustPanicked");
    assert!(printed(&events).contains("kept as failed: 1 lines") && printed(&events).contains("wall time "), "{events:?}");
    for (code, name, hint) in [
        ("%%tim\n1", "UnknownCellMagic", "did you mean `%%time`?"),
        ("%%train\n1", "UnknownCellMagic", "did you mean `%train`?"),
        ("%time\n1", "UnknownMagic", "did you mean `%%time`?"),
        ("%%capture\n1", "Usage", "`%%capture?`"),
        ("%seed 7\n%%time", "Usage", "`%%time?`"),
        ("%captured kpt", "NoCapture", "did you mean `%captured kept`?"),
    ] {
        let (_, report) = bad(client, code);
        assert!(report.name == name && report.hint.as_deref().is_some_and(|said| said.contains(hint)), "{code}: {report:?}");
    }
    let help = good(client, "%%capture?");
    assert!(help.iter().any(|event| matches!(event, Event::Page { text } if text.contains("%captured NAME"))), "{help:?}");
}

/// A cell that takes too much loses its own program and nothing else.
fn memory(client: &Client) {
    good(client, "let marker = 41;");
    let (_, report) = bad(client, "let much = vec![1_u8; 1 << 30];\nmuch.len()");
    assert_eq!(report.name, "RustMemory", "{report:?}");
    assert!(report.message.contains("1.1 GB") && report.message.contains("700 MB"), "{report:?}");
    assert!(report.message.contains("Rust variables are lost") && report.message.contains("the model"), "{report:?}");
    assert_eq!(bad(client, "marker").1.name, "RustCompile");
    assert_eq!(value(&good(client, "lab::logits(\"the cat\")?.shape().len()")), "2");
    assert_eq!(value(&good(client, "vec![1_u8; 100 << 20].len()")), (100 << 20).to_string());
    let forms = good(client, "%tokens \"the cat\" --json");
    assert!(forms.iter().any(|event| matches!(event, Event::Value { forms } if Form::text(forms).contains("ids"))));
}
