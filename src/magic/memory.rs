//! What `%train` and `%pretrain` say of memory: before a run what it will take, after it what recomputation came to.

use super::Out;
use crate::plot::number;
use crate::session::{Prediction, Saving};
use crate::words::memory as words;

pub fn announce(prediction: &Prediction, out: &mut Out) {
    if let Some(every) = prediction.recompute {
        out.note(&words::RECOMPUTES.with(&[("every", &every), ("plain", &number::bytes(prediction.plain))]));
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
