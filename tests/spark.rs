//! The model that ships: small enough, and its recipe has all that it needs.

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::harness::world::{World, root};

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

#[test]
fn it_fits_what_was_promised() {
    let bytes = std::fs::read(root().join("models/spark/model.safetensors")).unwrap();
    assert!(bytes.len() <= 8_000_000, "{} bytes", bytes.len());
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    // Norms are vectors and stay f32.
    let half =
        |(_, tensor): &(String, safetensors::tensor::TensorView)| tensor.dtype() == safetensors::Dtype::F16 || tensor.shape().len() == 1;
    assert!(tensors.tensors().iter().all(half));
    let config: serde_json::Value = serde_json::from_str(&read("models/spark/config.json")).unwrap();
    assert!(config["vocab_size"].as_u64().unwrap() <= 4096);
}

#[test]
fn the_recipe_has_its_text_and_the_text_its_origin() {
    let (recipe, licences) = (read("models/spark/recipe.txt"), read("DATA-LICENSES.md"));
    let line = recipe.lines().find(|line| line.starts_with("%pretrain ")).unwrap();
    let texts: Vec<&str> = line.split(' ').nth(1).unwrap().split(',').collect();
    assert_eq!(texts.len(), std::fs::read_dir(root().join("models/spark/text")).unwrap().count());
    for text in texts {
        let hash = format!("{:x}", Sha256::digest(std::fs::read(root().join(text)).unwrap()));
        let name = Path::new(text).file_name().unwrap().to_str().unwrap();
        assert!(licences.contains(&format!("| `{name}` | `{hash}` |")), "{text} {hash}");
    }
}

#[test]
fn the_recipe_runs_in_small() {
    let world = World::with(&[]);
    let recipe = read("models/spark/recipe.txt");
    let first = recipe.lines().find_map(|line| line.strip_prefix("%pretrain ")?.split(',').next()).unwrap();
    // The same lines on a page of the text, with steps for a second.
    let text = read(first);
    world.write("page.txt", &text[..20_000]);
    let small = |line: &str| match line.strip_prefix("%pretrain ") {
        Some(rest) => format!("%pretrain page.txt {}", rest.split_once(' ').unwrap().1)
            .replace("steps=6000", "steps=2")
            .replace("vocab=4096", "vocab=300"),
        None => line.to_owned(),
    };
    let lines: Vec<String> = recipe.lines().map(small).collect();
    world.write("recipe.txt", lines.join("\n"));
    let ran = world.lantern(&["run", "recipe.txt"]).output().unwrap();
    assert!(ran.status.success(), "{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(world.path("target/spark/model.safetensors").exists());
}
