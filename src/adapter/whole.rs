//! Whole copies of the embedding table or the head that an adapter trains and holds: PEFT's `modules_to_save`.

use std::collections::BTreeMap;

use candle_core::{DType, Tensor, Var};

use super::lora::variable;
use super::targets::{Target, targets};
use crate::model::Model;
use crate::nn::Deltas;
use crate::words::heads as words;
use crate::{Error, Result};

/// The tables that these names mean, each once.
///
/// # Errors
/// `BadValue` with the two names that the model has.
pub fn chosen<'m>(names: &[String], model: &'m Model) -> Result<Vec<Target<'m>>> {
    let ends = || targets(model).filter(Target::is_end);
    let last = |target: &Target| target.path.rsplit('.').next().unwrap_or_default().to_owned();
    let known = || ends().map(|target| last(&target)).collect::<Vec<_>>().join(", ");
    let mut found: Vec<Target> = Vec::new();
    for name in names {
        let own = model.own_path(name);
        let bad =
            || Error::BadValue { option: "whole".to_owned(), given: name.clone(), allowed: words::WHOLE_FORM.with(&[("known", &known())]) };
        let target = ends().find(|target| target.path == own || last(target) == own).ok_or_else(bad)?;
        if !found.iter().any(|known| known.path == target.path) {
            found.push(target);
        }
    }
    Ok(found)
}

/// Makes given tables variables under PEFT's names.
///
/// # Errors
/// `WrongShape`; `BadAdapter` for a path that is no table, or beside which matrices stand already.
pub(super) fn variables(
    whole: BTreeMap<String, Tensor>,
    model: &Model,
    deltas: &Deltas,
    vars: &mut Vec<(String, Var)>,
) -> Result<BTreeMap<String, Tensor>> {
    let mut tables = BTreeMap::new();
    for (path, tensor) in whole {
        let bad = |cause: String| Error::BadAdapter { path: path.clone(), cause };
        let Some(target) = targets(model).filter(Target::is_end).find(|target| target.path == path) else {
            return Err(bad(words::NOT_WHOLE.with(&[("path", &path)])));
        };
        if deltas.layers.contains_key(&path) {
            return Err(bad(words::BOTH.with(&[("path", &path)])));
        }
        let (hidden, vocabulary) = target.weight.dims();
        let tensor = tensor.to_dtype(DType::F32)?;
        tables.insert(path.clone(), variable(&format!("{path}.weight"), &tensor, &[vocabulary, hidden], vars)?);
    }
    Ok(tables)
}
