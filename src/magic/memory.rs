//! What `%train` and `%pretrain` say before a run of what it will do to itself, and after it of what recomputation came to.

use super::Out;
use crate::data::Dataset;
use crate::plot::number;
use crate::session::{Prediction, Saving};
use crate::words::memory as words;

/// Answers whose end is learned: with fewer the model is said not to learn to stop.
const ENDS: f64 = 0.5;

pub fn announce(prediction: &Prediction, data: &Dataset, out: &mut Out) {
    if let Some(every) = prediction.recompute {
        out.note(&words::RECOMPUTES.with(&[("every", &every), ("plain", &number::bytes(prediction.plain))]));
    }
    if data.duplicates > 0 {
        out.note(&words::DUPLICATES.with(&[("n", &data.duplicates), ("of", &data.val.len())]));
    }
    let (answers, ends) = prediction.ends;
    if (ends as f64) < ENDS * answers as f64 {
        out.note(&words::NO_END.with(&[("n", &ends), ("of", &answers), ("cut", &data.cut), ("data", &data.name)]));
    }
}

pub fn saved(saving: Option<Saving>, out: &mut Out) {
    let Some(Saving { every: _, peak, plain, again, seconds }) = saving else { return };
    let fields: [(&str, &dyn std::fmt::Display); 5] = [
        ("peak", &number::bytes(peak)),
        ("plain", &number::bytes(plain)),
        ("saved", &number::bytes(plain.saturating_sub(peak))),
        ("again", &number::duration(again)),
        ("seconds", &number::duration(seconds)),
    ];
    out.note(&words::SAVED.with(&fields));
}
