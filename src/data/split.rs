//! Some examples are kept from training to see whether what was learned holds for others.

use std::collections::{BTreeSet, HashSet};

use super::Example;
use crate::random::Random;
use crate::{Error, Result};

/// Training and validation examples of a seeded shuffle; `val` of them, at least one when `val > 0` and there are two.
///
/// # Errors
/// `BadValue` unless `0 <= val < 1`.
pub fn split(mut examples: Vec<Example>, val: f64, seed: u64) -> Result<(Vec<Example>, Vec<Example>)> {
    if !(0.0..1.0).contains(&val) {
        return Err(Error::BadValue { option: "val".into(), given: val.to_string(), allowed: "0 <= val < 1".into() });
    }
    let n = examples.len();
    if val == 0.0 || n < 2 {
        return Ok((examples, Vec::new()));
    }
    let kept = ((n as f64 * val).round() as usize).clamp(1, n - 1);
    Random::seeded(seed).fork("split").shuffle(&mut examples);
    let held_out = examples.split_off(n - kept);
    Ok((examples, held_out))
}

/// Rows of `n` that a stream keeps for validation, at most `most`, in order; as many as [`split`] would keep otherwise.
pub fn held(n: usize, val: f64, most: usize, seed: u64) -> Vec<usize> {
    if val == 0.0 || n < 2 {
        return Vec::new();
    }
    let kept = ((n as f64 * val).round() as usize).clamp(1, (n - 1).min(most));
    let (mut random, mut held) = (Random::seeded(seed).fork("split"), BTreeSet::new());
    while held.len() < kept {
        held.insert(random.below(n));
    }
    held.into_iter().collect()
}

/// Validation examples that also stand, token for token, in the training set: they measure memory, not learning.
pub fn duplicates(train: &[Example], val: &[Example]) -> usize {
    let seen: HashSet<&[u32]> = train.iter().map(|example| example.ids.as_slice()).collect();
    val.iter().filter(|example| seen.contains(example.ids.as_slice())).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examples(n: u32) -> Vec<Example> {
        (0..n).map(|i| Example::new(vec![i, i], 0)).collect()
    }

    #[test]
    fn the_same_seed_splits_the_same_way() {
        let (train, val) = split(examples(100), 0.1, 7).unwrap();
        assert_eq!((train.len(), val.len()), (90, 10));
        assert_eq!(split(examples(100), 0.1, 7).unwrap(), (train.clone(), val.clone()));
        assert_ne!(split(examples(100), 0.1, 8).unwrap().1, val);
        let mut all: Vec<u32> = train.iter().chain(&val).map(|e| e.ids[0]).collect();
        all.sort_unstable();
        assert_eq!(all, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn small_sets_keep_one_of_each() {
        for (n, val, expected) in [(1, 0.1, (1, 0)), (2, 0.01, (1, 1)), (2, 0.99, (1, 1)), (9, 0.0, (9, 0))] {
            let (train, held_out) = split(examples(n), val, 1).unwrap();
            assert_eq!((train.len(), held_out.len()), expected);
        }
        for val in [1.0, -0.1, f64::NAN] {
            assert!(matches!(split(examples(3), val, 1), Err(Error::BadValue { .. })));
        }
    }

    #[test]
    fn duplicates_across_the_split_are_counted() {
        assert_eq!(duplicates(&examples(3), &examples(5)), 3);
    }
}
