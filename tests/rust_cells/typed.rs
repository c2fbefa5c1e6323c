//! Completion and help in Rust that is being typed.

use std::time::Instant;

use kernel::client::Client;
use wire::Execute;

use super::{end, good, wait_for};

fn names(client: &Client, code: &str) -> Vec<String> {
    client.complete(code, code.len()).candidates.into_iter().map(|candidate| candidate.text).collect()
}

/// The words that could stand at the end of `code`; asked again until the engine is ready.
fn words(client: &Client, code: &str) -> Vec<String> {
    let until = Instant::now() + super::LIMIT;
    loop {
        let found = names(client, code);
        if !found.is_empty() || Instant::now() > until {
            return found;
        }
        std::thread::yield_now();
    }
}

/// Until the engine has an answer.
fn asked_again(ask: impl Fn() -> Option<String>) -> String {
    let until = Instant::now() + super::LIMIT;
    loop {
        match ask() {
            Some(answer) => return answer,
            None if Instant::now() > until => return String::new(),
            None => std::thread::yield_now(),
        }
    }
}

pub fn hints(client: &Client) {
    good(
        client,
        "let 模型 = lab::encode(\"a\")?;\nlet attention = lab::attention(\"the cat\", 0)?;\nstruct Point { width: i32, height: i32 }\nlet point = Point { width: 1, height: 2 };",
    );
    assert!(words(client, "lab::atten").iter().any(|word| word.starts_with("attention")), "{:?}", names(client, "lab::atten"));
    assert!(words(client, "// 一\nlet n = atten").contains(&"attention".to_owned()));
    assert!(words(client, "attention.sha").iter().any(|word| word.starts_with("shape(")));
    assert_eq!(words(client, "point.wid"), ["width"]);
    // Positions are those of the cell: a magic line and wide characters stand before.
    let code = "%seed 7\n\"模\".len(); 模";
    let found = client.complete(code, code.len());
    assert_eq!((&code[found.start..found.end], found.candidates[0].text.as_str()), ("模", "模型"));
    let help = asked_again(|| client.inspect("let a = lab::attention(\"x\", 0)?;", 14));
    assert!(help.contains("Attention probabilities of"), "{help}");
    assert_eq!(asked_again(|| client.inspect("let n = point.width;", 10)).matches("Point").count(), 1);
    assert!(client.inspect("%%time", 3).unwrap().contains("Wall time"));
    let magics = client.complete("%%ca", 4);
    assert_eq!((magics.start, magics.candidates[0].text.as_str()), (0, "%%capture"));
    busy(client);
}

/// While a cell runs the names from before answer, at once.
fn busy(client: &Client) {
    let cell = client.execute(Execute::new("println!(\"on\");\nloop { lab::encode(\"a\")?; }"));
    wait_for(&cell, "on");
    let begun = Instant::now();
    assert_eq!(names(client, "atten"), ["attention"]);
    assert_eq!(names(client, "attention.sha"), [""; 0]);
    assert!(begun.elapsed().as_secs_f64() < 1.0, "{:?}", begun.elapsed());
    client.interrupt();
    assert_eq!(end(&cell).1.error.unwrap().name, "Interrupted");
}
