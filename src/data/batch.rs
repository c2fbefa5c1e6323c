//! Examples of several lengths become one rectangle of token ids, padded on the right.

use super::Example;

/// The target of a position whose prediction is not learned (PyTorch's `ignore_index`).
pub const IGNORE: i64 = -100;

/// `rows` sequences of `width` tokens, row-major.
///
/// Targets are shifted already: `targets[b, t]` is the token after `ids[b, t]`, or [`IGNORE`]. So an example of n tokens
/// takes n - 1 positions. Padding stands at the end, where causal attention never looks back at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    pub rows: usize,
    pub width: usize,
    /// [rows * width]
    pub ids: Vec<u32>,
    /// [rows * width]
    pub targets: Vec<i64>,
    /// [rows] positions that are not padding; of a packed row: of each document.
    pub lengths: Vec<usize>,
    /// The only row holds documents end to end, none of which may see another.
    pub packed: bool,
    /// Positions that are not padding, of all rows.
    pub tokens: usize,
    /// Targets that are learned: what a mean loss divides by.
    pub learned: usize,
}

/// `pad` fills what is left of the shorter rows; its value reaches no result.
pub fn batch<'a>(examples: impl IntoIterator<Item = &'a Example>, pad: u32) -> Batch {
    let examples: Vec<&Example> = examples.into_iter().collect();
    let lengths: Vec<usize> = examples.iter().map(|example| example.len().saturating_sub(1)).collect();
    let width = lengths.iter().copied().max().unwrap_or(0);
    let mut ids = vec![pad; examples.len() * width];
    let mut targets = vec![IGNORE; examples.len() * width];
    for (b, (example, &n)) in examples.iter().zip(&lengths).enumerate() {
        let at = b * width;
        ids[at..at + n].copy_from_slice(&example.ids[..n]);
        for t in (0..n).filter(|t| example.learned[t + 1]) {
            targets[at + t] = i64::from(example.ids[t + 1]);
        }
    }
    let learned = targets.iter().filter(|&&target| target != IGNORE).count();
    Batch { rows: examples.len(), width, ids, targets, tokens: lengths.iter().sum(), lengths, packed: false, learned }
}

/// The same examples end to end in one row, without padding; [`Batch::documents`] says where each ends.
pub fn pack<'a>(examples: impl IntoIterator<Item = &'a Example>) -> Batch {
    let alone: Vec<Batch> = examples.into_iter().map(|example| batch([example], 0)).filter(|one| one.width > 0).collect();
    let lengths: Vec<usize> = alone.iter().map(|one| one.width).collect();
    let width = lengths.iter().sum();
    Batch {
        rows: 1,
        width,
        ids: alone.iter().flat_map(|one| one.ids.clone()).collect(),
        targets: alone.iter().flat_map(|one| one.targets.clone()).collect(),
        tokens: width,
        lengths,
        packed: true,
        learned: alone.iter().map(|one| one.learned).sum(),
    }
}

impl Batch {
    /// Lengths of the documents of a packed row.
    pub fn documents(&self) -> Option<&[usize]> {
        self.packed.then_some(self.lengths.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_shifted_and_padding_is_ignored() {
        // eos is 9 and pad is 9 too: the padding must not hide it.
        let (long, short) = (Example::new(vec![1, 2, 3, 9], 2), Example::new(vec![4, 9], 1));
        let batch = batch([&long, &short], 9);
        assert_eq!((batch.rows, batch.width), (2, 3));
        assert_eq!(batch.ids, [1, 2, 3, 4, 9, 9]);
        assert_eq!(batch.targets, [IGNORE, 3, 9, 9, IGNORE, IGNORE]);
        assert_eq!((batch.documents(), batch.lengths.clone(), batch.tokens, batch.learned), (None, vec![3, 1], 4, 3));
        let packed = pack([&long, &Example::new(vec![5], 0), &short]);
        assert_eq!((packed.rows, packed.width, packed.tokens, packed.learned), (1, 4, 4, 3));
        assert_eq!((&packed.ids[..], &packed.targets[..]), (&[1, 2, 3, 4][..], &[IGNORE, 3, 9, 9][..]));
        assert_eq!(packed.documents(), Some(&[3, 1][..]), "an example without a target takes no place");
    }
}
