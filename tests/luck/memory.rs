//! A process that ends for want of memory, or is killed, is explained at the next start.

use super::llama;

/// A model of 1 GB, nearly all of it a hole in a file that takes no room.
#[cfg(target_os = "linux")]
fn large(world: &crate::harness::world::World) {
    const ROWS: u64 = 8_000_000;
    let path = world.path("llama-tiny/config.json");
    let mut config: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    config["vocab_size"] = ROWS.into();
    config["tie_word_embeddings"] = true.into();
    std::fs::write(&path, config.to_string()).unwrap();
    let path = world.path("llama-tiny/model.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let data = (bytes.len() - 8 - length) as u64;
    let hidden = config["hidden_size"].as_u64().unwrap();
    // The old tables stay where they are, the new one comes after all of it.
    let tables = header.as_object_mut().unwrap();
    let old = tables.insert("unused".into(), tables["model.embed_tokens.weight"].clone());
    assert!(old.is_none());
    tables["model.embed_tokens.weight"] =
        serde_json::json!({"dtype": "F32", "shape": [ROWS, hidden], "data_offsets": [data, data + ROWS * hidden * 4]});
    let header = header.to_string();
    let start = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &bytes[8 + length..]].concat();
    std::fs::write(&path, &start).unwrap();
    let total = (8 + header.len()) as u64 + data + ROWS * hidden * 4;
    std::fs::File::options().write(true).open(&path).unwrap().set_len(total).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn a_hard_limit_is_explained_at_the_next_start() {
    let world = llama();
    large(&world);
    let mut command = std::process::Command::new("sh");
    world.freeze(&mut command);
    // Room for the mapped file, not for its copy.
    let script = "ulimit -c 0; ulimit -v 2000000; exec \"$0\" -c '%load llama-tiny'";
    let died = command.args(["-c", script, env!("CARGO_BIN_EXE_lantern")]).output().unwrap();
    let said = String::from_utf8_lossy(&died.stderr);
    assert!(!died.status.success() && said.contains("1024000000"), "{:?} {said}", died.status);
    let next = || String::from_utf8(world.lantern(&["-c", "%seed"]).output().unwrap().stderr).unwrap();
    let told = next();
    assert!(told.starts_with("an earlier session ended while `%load llama-tiny` ran (begun 20"), "{told}");
    assert!(told.contains(": it asked for 1 GB more and did not get it. What needs less: `%load … dtype=bf16`"), "{told}");
    assert_eq!(next(), "", "told once");
}

#[test]
fn a_killed_process_is_told_once_and_a_living_one_is_not() {
    use std::io::{BufRead, BufReader};
    let world = llama();
    world.write("text.txt", crate::harness::world::TEXT.repeat(50));
    let code = "%pretrain text.txt layers=1 hidden=32 heads=2 vocab=300 steps=1000000 block=16";
    let mut command = world.lantern(&["-c", code]);
    let mut working = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    // Kept open to the end: a program whose reader goes away ends well.
    let mut said = BufReader::new(working.stdout.take().unwrap());
    said.read_line(&mut line).unwrap();
    assert!(line.starts_with("a fresh llama"), "{line}");
    let next = || String::from_utf8(world.lantern(&["-c", "%seed"]).output().unwrap().stderr).unwrap();
    assert_eq!(next(), "", "it lives");
    working.kill().unwrap();
    working.wait().unwrap();
    let told = next();
    assert!(told.contains(&format!("`{code}`")) && told.contains("out of memory, killed or switched off"), "{told}");
    assert_eq!(next(), "", "told once");
    assert_eq!(std::fs::read_dir(world.home().join("running")).unwrap().count(), 0);
}

#[test]
fn what_ends_well_or_with_an_error_leaves_no_note() {
    let world = llama();
    world.run("%load llama-tiny\n%eval ppl text.txt\n%quant bf16");
    world.fail("%load nowhere");
    world.run("%seed");
    assert_eq!(std::fs::read_dir(world.home().join("running")).unwrap().count(), 0);
}
