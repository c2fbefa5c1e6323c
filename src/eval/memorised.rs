//! How much of what a model writes stands word for word in what it was trained on.

use std::collections::HashMap;

/// Tokens of a sequence that counts as copied.
pub const GRAM: usize = 8;

/// Of how many sequences how many were found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    pub seen: usize,
    pub of: usize,
}

impl Share {
    /// In `0..=1`; `None` where nothing was long enough to be looked at.
    pub fn value(self) -> Option<f64> {
        (self.of > 0).then(|| self.seen as f64 / self.of as f64)
    }
}

impl std::ops::AddAssign for Share {
    fn add_assign(&mut self, other: Self) {
        (self.seen, self.of) = (self.seen + other.seen, self.of + other.of);
    }
}

/// For each text: how many of its sequences of [`GRAM`] tokens stand in any of the `trained` texts. What is held in memory grows with
/// `texts`, not with what was trained on.
pub fn shares<'a>(texts: &[&[u32]], trained: impl IntoIterator<Item = &'a [u32]>) -> Vec<Share> {
    let mut found: HashMap<&[u32], bool> = texts.iter().flat_map(|text| text.windows(GRAM)).map(|gram| (gram, false)).collect();
    for text in trained {
        for gram in text.windows(GRAM) {
            if let Some(seen) = found.get_mut(gram) {
                *seen = true;
            }
        }
    }
    let share = |text: &&[u32]| Share { seen: text.windows(GRAM).filter(|gram| found[gram]).count(), of: text.windows(GRAM).count() };
    texts.iter().map(share).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    /// Compares everything with everything.
    fn twin(texts: &[&[u32]], trained: &[Vec<u32>]) -> Vec<Share> {
        let mut shares = Vec::new();
        for text in texts {
            let mut share = Share::default();
            for from in 0..=text.len().saturating_sub(GRAM) {
                if from + GRAM > text.len() {
                    break;
                }
                share.of += 1;
                let same = |other: &Vec<u32>, at: usize| (0..GRAM).all(|i| other[at + i] == text[from + i]);
                let anywhere = |other: &Vec<u32>| (0..other.len()).any(|at| at + GRAM <= other.len() && same(other, at));
                share.seen += usize::from(trained.iter().any(anywhere));
            }
            shares.push(share);
        }
        shares
    }

    #[test]
    fn equals_the_plain_comparison() {
        let mut random = Random::seeded(5);
        let mut some = false;
        for _ in 0..200 {
            // Two letters: copies are common, so are near misses.
            let mut text = |longest: usize| {
                let length = random.below(longest);
                (0..length).map(|_| random.below(2) as u32).collect::<Vec<u32>>()
            };
            let trained: Vec<Vec<u32>> = (0..4).map(|_| text(24)).collect();
            let texts: Vec<Vec<u32>> = (0..3).map(|_| text(20)).collect();
            let texts: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
            let found = shares(&texts, trained.iter().map(Vec::as_slice));
            assert_eq!(found, twin(&texts, &trained), "{texts:?} {trained:?}");
            some |= found.iter().any(|share| share.seen > 0 && share.seen < share.of);
        }
        assert!(some);
    }

    #[test]
    fn a_copy_is_all_and_a_change_costs_eight() {
        let text: Vec<u32> = (0..30).collect();
        let mut changed = text.clone();
        changed[15] = 99;
        let found = shares(&[&text, &changed, &text[..7]], [text.as_slice()]);
        assert_eq!(found, [Share { seen: 23, of: 23 }, Share { seen: 15, of: 23 }, Share::default()]);
        assert_eq!((found[0].value(), found[2].value()), (Some(1.0), None));
    }
}
