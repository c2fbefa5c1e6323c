//! In which order an epoch sees the examples: a seeded shuffle whose place can be saved and found again.

use crate::random::Random;

/// Where a run stands in its data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Cursor {
    /// From 0.
    pub epoch: u64,
    /// Examples of this epoch that were taken.
    pub index: usize,
}

#[derive(Clone, Debug)]
pub struct Order {
    seed: u64,
    cursor: Cursor,
    permutation: Vec<usize>,
}

impl Order {
    /// Epoch `epoch` of `n` examples; depends on these three numbers alone.
    pub fn new(seed: u64, epoch: u64, n: usize) -> Self {
        let mut permutation: Vec<usize> = (0..n).collect();
        Random::seeded(seed).fork(&format!("order {epoch}")).shuffle(&mut permutation);
        Self { seed, cursor: Cursor { epoch, index: 0 }, permutation }
    }

    /// The order as it was at `cursor`.
    pub fn resume(seed: u64, cursor: Cursor, n: usize) -> Self {
        let mut order = Self::new(seed, cursor.epoch, n);
        order.cursor.index = cursor.index.min(n);
        order
    }

    /// Goes on from `cursor`, which an order of as many examples gave.
    pub fn go_to(&mut self, cursor: Cursor) {
        *self = Self::resume(self.seed, cursor, self.permutation.len());
    }

    pub fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// The next `size` examples; the last batch of an epoch may be smaller, and it never mixes two epochs. The epoch after
    /// begins by itself. Empty only when there are no examples.
    pub fn take(&mut self, size: usize) -> Vec<usize> {
        let n = self.permutation.len();
        if self.cursor.index >= n {
            *self = Self::new(self.seed, self.cursor.epoch + 1, n);
        }
        let from = self.cursor.index;
        self.cursor.index = (from + size.max(1)).min(n);
        self.permutation[from..self.cursor.index].to_vec()
    }

    /// What the next `times` calls of [`Order::take`] will give.
    pub fn peek(&self, size: usize, times: usize) -> Vec<usize> {
        let (from, n) = (self.cursor.index, self.permutation.len());
        if from + size.max(1) * times <= n {
            return self.permutation[from..from + size.max(1) * times].to_vec();
        }
        let mut ahead = self.clone();
        (0..times).flat_map(|_| ahead.take(size)).collect()
    }

    /// All examples of this epoch were taken.
    pub fn at_end(&self) -> bool {
        self.cursor.index >= self.permutation.len()
    }

    /// Batches of `size` in an epoch of `n` examples.
    pub fn batches(n: usize, size: usize) -> usize {
        n.div_ceil(size.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_sees_each_example_once() {
        let mut order = Order::new(3, 0, 10);
        let mut seen: Vec<usize> = Vec::new();
        while !order.at_end() {
            seen.extend(order.take(4));
        }
        assert_ne!(seen, (0..10).collect::<Vec<_>>());
        assert_eq!(Order::batches(10, 4), 3);
        let first = seen.clone();
        seen.sort_unstable();
        assert_eq!(seen, (0..10).collect::<Vec<_>>());
        let second: Vec<usize> = (0..3).flat_map(|_| order.take(4)).collect();
        assert_eq!((order.cursor(), second.len()), (Cursor { epoch: 1, index: 10 }, 10));
        assert_ne!(first, second);
    }

    #[test]
    fn a_look_ahead_takes_nothing() {
        let mut order = Order::new(3, 0, 10);
        for _ in 0..9 {
            let (ahead, before) = (order.peek(3, 5), order.cursor());
            let mut other = order.clone();
            let taken: Vec<usize> = (0..5).flat_map(|_| other.take(3)).collect();
            assert_eq!((ahead, order.cursor()), (taken, before));
            order.take(3);
        }
    }

    #[test]
    fn a_saved_cursor_goes_on_where_it_was() {
        let mut order = Order::new(3, 0, 10);
        for _ in 0..4 {
            order.take(3);
        }
        let mut resumed = Order::new(3, 0, 10);
        resumed.go_to(order.cursor());
        for _ in 0..9 {
            order.take(3);
            resumed.take(3);
            assert_eq!((order.take(2), order.cursor()), (resumed.take(2), resumed.cursor()));
        }
        assert!(Order::new(1, 0, 0).take(3).is_empty());
    }
}
