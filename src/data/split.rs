//! Some examples are kept from training to see whether what was learned holds for others.

use std::collections::{HashMap, HashSet};

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
    let kept = share(n, val);
    Random::seeded(seed).fork("split").shuffle(&mut examples);
    let held_out = examples.split_off(n - kept);
    Ok((examples, held_out))
}

/// The same split of the numbers 0..n, of which at most `most` are kept for validation. Without any the order is theirs.
pub fn numbers(n: u32, val: f64, most: usize, seed: u64) -> (Vec<u32>, Vec<u32>) {
    let mut all: Vec<u32> = (0..n).collect();
    if val == 0.0 || n < 2 {
        return (all, Vec::new());
    }
    let kept = share(n as usize, val).min(most);
    Random::seeded(seed).fork("split").shuffle(&mut all);
    let held_out = all.split_off(n as usize - kept);
    (all, held_out)
}

/// How many of `n` examples a share of them is: at least one, and not all.
pub fn share(n: usize, val: f64) -> usize {
    if val == 0.0 || n < 2 { 0 } else { ((n as f64 * val).round() as usize).clamp(1, n - 1) }
}

/// Validation examples that also stand, token for token, in the training set: they measure memory, not learning.
pub fn duplicates(train: &[Example], val: &[Example]) -> usize {
    let seen: HashSet<&[u32]> = train.iter().map(|example| example.ids.as_slice()).collect();
    val.iter().filter(|example| seen.contains(example.ids.as_slice())).count()
}

/// Rows of `held` whose mark another row has that is not among them.
pub fn repeated(marks: &[u64], held: &[u32]) -> usize {
    let mut apart: HashMap<u64, usize> = HashMap::new();
    held.iter().for_each(|row| *apart.entry(marks[*row as usize]).or_default() += 1);
    let mut all: HashMap<u64, usize> = apart.keys().map(|mark| (*mark, 0)).collect();
    marks.iter().for_each(|mark| all.get_mut(mark).into_iter().for_each(|count| *count += 1));
    held.iter().map(|row| marks[*row as usize]).filter(|mark| all.get(mark) > apart.get(mark)).count()
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
