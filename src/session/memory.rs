//! What a run may take: the setting of recomputation that is chosen before it begins, and what that came to.

use candle_core::DType;

use super::Session;
use crate::data::Dataset;
use crate::device::memory;
use crate::model::{Footprint, spare};
use crate::nn::{Deltas, Pass};
use crate::plot::number;
use crate::train::{Recipe, Recompute};
use crate::{Error, Result};

/// What a person allows the runs that follow.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Thrift {
    pub recompute: Recompute,
    /// The most resident memory that this process may have, in bytes.
    pub limit: Option<u64>,
}

/// What a run is expected to take beside what is resident when it begins, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Room {
    pub bytes: u64,
    /// The same without recomputation.
    pub plain: u64,
    /// Resident when it was computed.
    pub resident: u64,
    /// Layers of a segment; none where all is kept.
    pub every: Option<usize>,
}

/// What recomputation came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Saving {
    pub every: usize,
    /// Highest resident memory, measured.
    pub peak: u64,
    /// What it would have been without, a forecast.
    pub plain: u64,
    /// Spent in running layers again, measured, and in all steps.
    pub again: f64,
    pub seconds: f64,
}

impl Session {
    /// Holds for the runs that follow.
    pub fn save_memory(&mut self, thrift: Thrift) {
        self.thrift = thrift;
    }

    /// What a run that begins now takes, `fixed` bytes of it whatever is kept: the fastest setting that the person allows and that fits.
    ///
    /// # Errors
    /// `OverLimit`, `TooBig` with the figures, before anything is computed.
    pub(super) fn plan(&self, recipe: &Recipe, dtype: DType, fixed: u64) -> Result<Room> {
        let (model, data) = (&self.base()?.model, self.dataset()?);
        let deltas = self.adapter.as_ref().map(|adapter| adapter.deltas());
        let half = (dtype != DType::F32).then_some(dtype);
        let pass = Pass { deltas, dropout: Some(0), half, ..Pass::default() };
        let footprint = Footprint::of(&model.detached(), &pass, self.adapter.is_none())?;
        let ahead = deltas.map_or(Ok(0), Deltas::ahead)?;
        let (rows, width) = widest(data, recipe, model.spec.context - ahead.min(model.spec.context));
        let bytes = |every| fixed + footprint.bytes(rows, width + ahead, every);
        memory::give_back();
        let held = self.run.as_ref().map_or(0, |active| active.run.held());
        let resident = memory::resident().unwrap_or(0).saturating_sub(held);
        let rooms = candidates(self.thrift.recompute, footprint.layers());
        let mut rooms = rooms.into_iter().map(|every| Room { bytes: bytes(every), plain: bytes(None), resident, every }).peekable();
        let first = rooms.peek().copied().unwrap_or_default();
        let mut least = first;
        for room in rooms {
            if self.allows(&room) {
                return Ok(room);
            }
            least = if room.bytes < least.bytes { room } else { least };
        }
        let layer = Room { bytes: bytes(Some(1)), every: Some(1), ..least };
        Err(self.refusal(recipe, model.packed() && self.adapter.is_some(), least, layer))
    }

    fn allows(&self, room: &Room) -> bool {
        self.thrift.limit.is_none_or(|limit| room.resident + room.bytes <= limit) && spare().is_none_or(|spare| room.bytes <= spare)
    }

    /// The error with the next thing to try: recomputation of every layer where that fits, else smaller batches, else a higher limit.
    fn refusal(&self, recipe: &Recipe, widens: bool, least: Room, layer: Room) -> Error {
        let human = number::bytes;
        let needed = least.resident + least.bytes;
        let limit = self.thrift.limit.filter(|limit| needed > *limit);
        let smaller = if layer.bytes < least.bytes && self.allows(&layer) {
            "%train recompute=layer".to_owned()
        } else if widens && !recipe.keep_packed {
            "%train dtype=packed".to_owned()
        } else if recipe.batch > 1 {
            format!("%train batch=1 accum={}", recipe.batch * recipe.accum)
        } else if limit.is_some() {
            format!("%train memory={}MB", needed.div_ceil(1_000_000))
        } else {
            String::new()
        };
        match limit {
            Some(limit) => Error::OverLimit { needed: human(needed), resident: human(least.resident), limit: human(limit), smaller },
            None => {
                let available = memory::available().map_or_else(String::new, human);
                Error::TooBig { what: "training".to_owned(), needed: human(least.bytes), available, smaller }
            }
        }
    }

    /// What was forecast for the run that was begun.
    pub fn run_room(&self) -> Room {
        self.run.as_ref().map_or_else(Room::default, |active| active.room)
    }

    /// What recomputation came to in the run; none where all was kept.
    pub fn saving(&mut self) -> Option<Saving> {
        let active = self.run.as_mut()?;
        let (every, again) = (active.run.tape().every()?, active.run.tape().again().as_secs_f64());
        let plain = active.room.resident + active.room.plain;
        Some(Saving { every, peak: active.run.peak(), plain, again, seconds: active.run.seconds() })
    }
}

/// Rows and tokens of the largest batch: the longest examples side by side, or end to end in one row.
fn widest(data: &Dataset, recipe: &Recipe, context: usize) -> (usize, usize) {
    if !recipe.pack {
        return (recipe.batch, data.longest().min(context));
    }
    let mut lengths: Vec<usize> = data.train.iter().map(|example| example.len().min(context)).collect();
    lengths.sort_unstable_by(|a, b| b.cmp(a));
    (1, lengths.iter().take(recipe.batch).sum())
}

/// Settings from the fastest to the smallest. Longer segments run fewer layers again: the last segment never is.
fn candidates(choice: Recompute, layers: usize) -> Vec<Option<usize>> {
    match choice {
        Recompute::Off => vec![None],
        Recompute::Every(n) if n >= layers => vec![None],
        Recompute::Every(n) => vec![Some(n)],
        Recompute::Auto => std::iter::once(None).chain((1..layers).rev().map(Some)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fastest_comes_first() {
        assert_eq!(candidates(Recompute::Auto, 4), [None, Some(3), Some(2), Some(1)]);
        assert_eq!(candidates(Recompute::Every(4), 4), [None]);
        assert_eq!(candidates(Recompute::Every(2), 4), [Some(2)]);
    }
}
