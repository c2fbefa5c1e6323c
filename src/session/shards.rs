//! The tensors of a model as one file, or as shards with the index that transformers writes.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use crate::adapter;
use crate::model::Piece;
use crate::{Error, Result};

const INDEX: &str = "model.safetensors.index.json";

/// Writes `pieces`, in files of at most `limit` bytes of tensors; one that is larger gets a file of its own. One file has no index.
///
/// # Errors
/// `DiskFull`, `Io`.
pub fn write(folder: &Path, pieces: &[(String, Piece)], limit: u64, parameters: u64) -> Result<Vec<PathBuf>> {
    let shards = split(pieces, limit);
    let total: u64 = pieces.iter().map(|(_, piece)| piece.size()).sum();
    let mut files = Vec::new();
    let mut map: BTreeMap<&str, String> = BTreeMap::new();
    for (i, shard) in shards.iter().enumerate() {
        let name = match shards.len() {
            1 => "model.safetensors".to_owned(),
            count => format!("model-{:05}-of-{count:05}.safetensors", i + 1),
        };
        map.extend(shard.iter().map(|(key, _)| (key.as_str(), name.clone())));
        let path = folder.join(name);
        let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
        adapter::write_tensors(shard.iter().map(|(key, piece)| (key.as_str(), piece)), metadata, &path)?;
        files.push(path);
    }
    if shards.len() > 1 {
        let index = serde_json::json!({ "metadata": { "total_parameters": parameters, "total_size": total }, "weight_map": map });
        let text = serde_json::to_string_pretty(&index).map_err(|e| Error::Internal { doing: "index".into(), cause: e.to_string() })?;
        let path = folder.join(INDEX);
        std::fs::write(&path, text + "\n").map_err(Error::io(&path))?;
        files.push(path);
    }
    Ok(files)
}

/// In order, as huggingface_hub's `split_torch_state_dict_into_shards` does it.
fn split(pieces: &[(String, Piece)], limit: u64) -> Vec<Vec<&(String, Piece)>> {
    let (mut shards, mut open, mut bytes) = (Vec::new(), Vec::new(), 0);
    for named in pieces {
        let size = named.1.size();
        if size > limit {
            shards.push(vec![named]);
            continue;
        }
        if bytes + size > limit {
            shards.push(std::mem::take(&mut open));
            bytes = 0;
        }
        open.push(named);
        bytes += size;
    }
    if !open.is_empty() || shards.is_empty() {
        shards.push(open);
    }
    shards
}
