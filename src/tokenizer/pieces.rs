//! SentencePiece out of a GGUF file's metadata: pieces with scores become byte-pair merges, as transformers converts them.
//!
//! SentencePiece's BPE joins the pair whose joined piece scores best (<https://arxiv.org/abs/1808.06226>); sorted by that score,
//! all ways to join two pieces into a third are a list of merges. Text is written with `▁` for a space, one more in front; what
//! has no piece is spelled in byte tokens.

use std::collections::HashMap;

use tokenizers::Tokenizer as Raw;
use tokenizers::decoders::DecoderWrapper;
use tokenizers::decoders::byte_fallback::ByteFallback;
use tokenizers::decoders::fuse::Fuse;
use tokenizers::decoders::sequence::Sequence as Decoders;
use tokenizers::decoders::strip::Strip;
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::normalizers::{NormalizerWrapper, Prepend, Replace, Sequence};

use super::gguf::{BYTE, Meta, NORMAL, UNKNOWN, USER_DEFINED};
use crate::words::ui;

const SPACE: &str = "▁";

/// The tokenizer without its special tokens. Errors are causes, to be put beside the path.
pub fn bpe(meta: &Meta, tokens: &[&str]) -> Result<Raw, String> {
    let (scores, kinds) = (meta.floats("scores"), meta.numbers("token_type"));
    if scores.len() != tokens.len() || kinds.len() != tokens.len() {
        return Err(ui::NO_SCORES.text().to_owned());
    }
    let charsmap = meta.get("precompiled_charsmap").and_then(|map| map.to_vec().ok()).is_some_and(|map| !map.is_empty());
    if charsmap || meta.flag("remove_extra_whitespaces").unwrap_or(false) {
        return Err(ui::SENTENCEPIECE_NORMALISER.text().to_owned());
    }
    let said = |cause: tokenizers::Error| cause.to_string();
    let vocabulary: Vocab = tokens.iter().enumerate().map(|(id, token)| ((*token).to_owned(), id as u32)).collect();
    let unknown = kinds.iter().position(|kind| *kind == UNKNOWN).or(meta.id("unknown").map(|id| id as usize));
    let bytes = kinds.iter().filter(|kind| **kind == BYTE).count() == 256;
    let mut model = BPE::builder().vocab_and_merges(vocabulary, merges(tokens, &scores, &kinds)).fuse_unk(true).byte_fallback(bytes);
    if let Some(token) = unknown.and_then(|id| tokens.get(id)) {
        model = model.unk_token((*token).to_owned());
    }
    let mut raw = Raw::new(model.build().map_err(said)?);
    let prefix = meta.flag("add_space_prefix").unwrap_or(true);
    let mut normalisers: Vec<NormalizerWrapper> = vec![Replace::new(" ", SPACE).map_err(said)?.into()];
    let mut decoders: Vec<DecoderWrapper> =
        vec![Replace::new(SPACE, " ").map_err(said)?.into(), ByteFallback::new().into(), Fuse::new().into()];
    if prefix {
        normalisers.insert(0, Prepend::new(SPACE.to_owned()).into());
        decoders.push(Strip::new(' ', 1, 0).into());
    }
    raw.with_normalizer(Some(Sequence::new(normalisers))).map_err(said)?;
    raw.with_decoder(Some(Decoders::new(decoders)));
    Ok(raw)
}

/// Every way to cut a piece in two pieces, best joined score first, then the longest left part, then the longest right part
/// (transformers' `convert_slow_tokenizer.generate_merges`).
fn merges(tokens: &[&str], scores: &[f32], kinds: &[i64]) -> Vec<(String, String)> {
    let reachable = |id: &usize| [NORMAL, USER_DEFINED].contains(&kinds[*id]);
    let pieces: HashMap<&str, usize> = (0..tokens.len()).filter(reachable).map(|id| (tokens[id], id)).collect();
    let mut found: Vec<(f32, [usize; 2], &str, &str)> = Vec::new();
    for id in (0..tokens.len()).filter(reachable) {
        for (at, _) in tokens[id].char_indices().skip(1) {
            let (left, right) = tokens[id].split_at(at);
            if pieces.contains_key(left) && pieces.contains_key(right) {
                found.push((scores[id], [left.chars().count(), right.chars().count()], left, right));
            }
        }
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.cmp(&a.1)));
    found.into_iter().map(|(_, _, left, right)| (left.to_owned(), right.to_owned())).collect()
}
