//! What happens to the logits before a token is chosen: transformers' processors and warpers, in its order, with its formulas.
//!
//! repetition penalty, no repeated n-grams, minimum of new tokens; then, when sampling, temperature, top-k, top-p, min-p
//! (huggingface/transformers `generation/logits_process.py`). What is cut becomes minus infinity.

use super::options::{DEFAULT_TOP_K, Options};
use crate::Result;

/// The chain for one generation.
#[derive(Clone, Debug)]
pub struct Processors {
    repetition_penalty: f32,
    no_repeat_ngram_size: usize,
    /// While the sequence is shorter, eos is banned.
    min_length: usize,
    eos: Vec<u32>,
    /// `None` when greedy.
    warp: Option<Warp>,
}

#[derive(Clone, Debug)]
struct Warp {
    temperature: f32,
    top_k: usize,
    top_p: f64,
    min_p: f64,
}

impl Processors {
    /// `eos` and `prompt`, the prompt's length in tokens, matter to `min_new_tokens` alone.
    ///
    /// # Errors
    /// Those of [`Options::validate`].
    pub fn new(options: &Options, eos: &[u32], prompt: usize) -> Result<Self> {
        options.validate()?;
        let warp = Warp {
            temperature: options.temperature.unwrap_or(1.0) as f32,
            top_k: options.top_k.unwrap_or(DEFAULT_TOP_K),
            top_p: options.top_p.unwrap_or(1.0),
            min_p: options.min_p.unwrap_or(0.0),
        };
        Ok(Self {
            repetition_penalty: options.repetition_penalty.unwrap_or(1.0) as f32,
            no_repeat_ngram_size: options.no_repeat_ngram_size.unwrap_or(0),
            min_length: prompt + options.min_new_tokens.unwrap_or(0),
            eos: eos.to_vec(),
            warp: options.samples().then_some(warp),
        })
    }

    /// `ids`: prompt and output so far; `logits`: [vocabulary], those that follow them.
    pub fn apply(&self, ids: &[u32], logits: &mut [f32]) {
        self.penalise(ids, logits);
        self.warp(logits);
    }

    /// The part that looks at the tokens so far.
    pub fn penalise(&self, ids: &[u32], logits: &mut [f32]) {
        if self.repetition_penalty != 1.0 {
            repetition_penalty(ids, logits, self.repetition_penalty);
        }
        no_repeat_ngram(ids, logits, self.no_repeat_ngram_size);
        if ids.len() < self.min_length {
            self.eos.iter().for_each(|&id| ban(logits, id));
        }
    }

    /// The part that only sampling needs; nothing when greedy.
    pub fn warp(&self, logits: &mut [f32]) {
        let Some(warp) = &self.warp else { return };
        if warp.temperature != 1.0 && warp.temperature > 0.0 {
            logits.iter_mut().for_each(|logit| *logit /= warp.temperature);
        }
        top_k(logits, warp.top_k);
        top_p(logits, warp.top_p);
        min_p(logits, warp.min_p);
    }
}

fn ban(logits: &mut [f32], id: u32) {
    if let Some(logit) = logits.get_mut(id as usize) {
        *logit = f32::NEG_INFINITY;
    }
}

/// Each id that occurs, once: a negative logit times `penalty`, another divided by it (CTRL, arXiv:1909.05858).
pub fn repetition_penalty(ids: &[u32], logits: &mut [f32], penalty: f32) {
    let mut seen = vec![false; logits.len()];
    for &id in ids {
        if let Some(first) = seen.get_mut(id as usize)
            && !std::mem::replace(first, true)
        {
            let logit = &mut logits[id as usize];
            *logit = if *logit < 0.0 { *logit * penalty } else { *logit / penalty };
        }
    }
}

/// Bans each token that would complete an n-gram that already stands in `ids`. `n` = 0: none.
pub fn no_repeat_ngram(ids: &[u32], logits: &mut [f32], n: usize) {
    if n == 0 || ids.len() + 1 < n {
        return;
    }
    let tail = &ids[ids.len() + 1 - n..];
    for ngram in ids.windows(n).filter(|ngram| ngram.starts_with(tail)) {
        ban(logits, ngram[n - 1]);
    }
}

/// Keeps the `k` largest and all that equal the smallest of them. `k` = 0: all.
pub fn top_k(logits: &mut [f32], k: usize) {
    if k == 0 || k >= logits.len() {
        return;
    }
    let mut sorted = logits.to_vec();
    let (_, &mut threshold, _) = sorted.select_nth_unstable_by(k - 1, |a, b| b.total_cmp(a));
    logits.iter_mut().filter(|logit| **logit < threshold).for_each(|logit| *logit = f32::NEG_INFINITY);
}

/// Keeps the likeliest tokens up to and with the one whose probability brings the sum to `p` (arXiv:1904.09751).
///
/// transformers sorts upwards and removes while the sum is at most 1 - p; here the sorted part grows from the top until what
/// lies below it is at most 1 - p: the same tokens, without sorting the whole vocabulary. Of equals the higher ids stay.
pub fn top_p(logits: &mut [f32], p: f64) {
    if p >= 1.0 {
        return;
    }
    let probabilities = distribution(logits);
    let mut order: Vec<usize> = (0..logits.len()).collect();
    let likelier = |a: &usize, b: &usize| probabilities[*b].total_cmp(&probabilities[*a]).then(b.cmp(a));
    let total: f64 = probabilities.iter().map(|&q| f64::from(q)).sum();
    let (mut sorted, mut above) = (0, 0.0);
    while sorted < order.len() {
        let end = (sorted * 8).max(64).min(order.len());
        if end < order.len() {
            order[sorted..].select_nth_unstable_by(end - sorted, likelier);
        }
        order[sorted..end].sort_unstable_by(likelier);
        for i in sorted..end {
            // What is left at and below this one, as f32, the way torch compares it.
            if i > 0 && (total - above) as f32 <= (1.0 - p) as f32 {
                order[i..].iter().for_each(|&id| logits[id] = f32::NEG_INFINITY);
                return;
            }
            above += f64::from(probabilities[order[i]]);
        }
        sorted = end;
    }
}

/// Removes what is less likely than `min_p` times the likeliest (arXiv:2407.01082).
pub fn min_p(logits: &mut [f32], min_p: f64) {
    if min_p <= 0.0 {
        return;
    }
    let probabilities = distribution(logits);
    let top = probabilities.iter().copied().fold(0.0_f32, f32::max);
    let threshold = min_p as f32 * top;
    for (logit, &probability) in logits.iter_mut().zip(&probabilities) {
        if probability < threshold {
            *logit = f32::NEG_INFINITY;
        }
    }
}

/// Softmax: [vocabulary] probabilities; all 0 if every logit is minus infinity.
pub fn distribution(logits: &[f32]) -> Vec<f32> {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if top == f32::NEG_INFINITY {
        return vec![0.0; logits.len()];
    }
    let powers: Vec<f32> = logits.iter().map(|logit| (logit - top).exp()).collect();
    let sum: f64 = powers.iter().map(|&power| f64::from(power)).sum();
    powers.iter().map(|&power| (f64::from(power) / sum) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    const CUT: f32 = f32::NEG_INFINITY;

    #[test]
    fn formulas_by_hand() {
        let mut logits = [2.0, -2.0, 1.0, 0.0];
        repetition_penalty(&[1, 0, 1, 9], &mut logits, 2.0);
        assert_eq!(logits, [1.0, -4.0, 1.0, 0.0]);
        top_k(&mut logits, 1);
        assert_eq!(logits, [1.0, CUT, 1.0, CUT]);

        let mut logits = [0.0; 5];
        no_repeat_ngram(&[1, 2, 3, 1, 2], &mut logits, 3);
        assert_eq!(logits, [0.0, 0.0, 0.0, CUT, 0.0]);
        no_repeat_ngram(&[4], &mut logits, 3);
        no_repeat_ngram(&[4], &mut logits, 1);
        assert_eq!(logits, [0.0, 0.0, 0.0, CUT, CUT]);

        let ln = |p: [f32; 4]| p.map(f32::ln);
        for (p, kept) in [(0.49, 1), (0.5, 1), (0.51, 2), (0.8, 3), (0.999, 4)] {
            let mut logits = ln([0.125, 0.5, 0.25, 0.125]);
            top_p(&mut logits, p);
            assert_eq!(logits.iter().filter(|&&logit| logit > CUT).count(), kept, "{p}");
            assert!(logits[1] > CUT);
        }
        let mut logits = ln([0.125, 0.5, 0.26, 0.115]);
        min_p(&mut logits, 0.4);
        assert_eq!(logits.map(|logit| logit > CUT), [false, true, true, false]);
    }

    #[test]
    fn top_p_by_parts_equals_a_full_sort() {
        let mut random = Random::seeded(1);
        for round in 0..60 {
            let logits = random.normals(1000, 0.2 + f64::from(round) / 10.0);
            let p = random.uniform().max(0.01);
            let mut fast = logits.clone();
            top_p(&mut fast, p);
            let probabilities = distribution(&logits);
            let mut order: Vec<usize> = (0..1000).collect();
            order.sort_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b]));
            let (mut slow, mut sum) = (logits, 0.0);
            for &id in &order[..999] {
                sum += f64::from(probabilities[id]);
                if sum as f32 <= (1.0 - p) as f32 {
                    slow[id] = CUT;
                }
            }
            assert_eq!(fast, slow, "{round} {p}");
        }
    }

    #[test]
    fn eos_waits_for_min_new_tokens_and_greedy_never_warps() {
        let options = Options { min_new_tokens: Some(2), ..Options::default() };
        let chain = Processors::new(&options, &[3], 5).unwrap();
        for (len, banned) in [(5, true), (6, true), (7, false)] {
            let mut logits: Vec<f32> = (0..99).map(|i| i as f32).collect();
            chain.apply(&vec![0; len], &mut logits);
            assert_eq!((logits[3] == CUT, logits[0]), (banned, 0.0));
        }
        let sampling = Processors::new(&Options { do_sample: Some(true), ..Options::default() }, &[], 0).unwrap();
        let mut logits: Vec<f32> = (0..99).map(|i| i as f32).collect();
        sampling.apply(&[], &mut logits);
        assert_eq!(logits.iter().filter(|&&logit| logit > CUT).count(), DEFAULT_TOP_K);
    }

    /// `tests/reference/processors.py`: chains that transformers built, null for minus infinity.
    #[test]
    fn chains_equal_transformers() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/processors.json");
        let cases: Vec<serde_json::Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert!(cases.len() >= 60);
        let row = |value: &serde_json::Value| -> Vec<f32> {
            value.as_array().unwrap().iter().map(|x| x.as_f64().map_or(CUT, |x| x as f32)).collect()
        };
        for case in &cases {
            let number = |name: &str| case["settings"].get(name).and_then(serde_json::Value::as_f64);
            let options = Options {
                repetition_penalty: number("repetition_penalty"),
                no_repeat_ngram_size: number("no_repeat_ngram_size").map(|n| n as usize),
                temperature: number("temperature"),
                top_k: Some(number("top_k").unwrap_or(0.0) as usize),
                top_p: number("top_p"),
                min_p: number("min_p"),
                do_sample: Some(true),
                ..Options::default()
            };
            let ids: Vec<u32> = case["ids"].as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect();
            let mut logits = row(&case["logits"]);
            Processors::new(&options, &[], 0).unwrap().apply(&ids, &mut logits);
            let mut scores = row(&case["scores"]);
            // Where top-p cuts between equal scores, which of them stays is up to the sort.
            let mut kept: Vec<f32> = row(&case["logits"]);
            Processors::new(&Options { top_p: None, min_p: None, ..options.clone() }, &[], 0).unwrap().apply(&ids, &mut kept);
            kept.sort_unstable_by(f32::total_cmp);
            if options.top_p.is_some() && kept.windows(2).any(|pair| pair[0] == pair[1] && pair[0] > CUT) {
                logits.sort_unstable_by(f32::total_cmp);
                scores.sort_unstable_by(f32::total_cmp);
            }
            for (given, expected) in logits.iter().zip(scores) {
                let close = *given == expected || (given - expected).abs() <= 1e-6 * expected.abs();
                assert!(close, "{given} instead of {expected}: {}", case["settings"]);
            }
        }
    }
}
