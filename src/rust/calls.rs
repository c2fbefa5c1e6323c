//! What `lab` asks of the model, answered from the session. Magics and display are for `cell::rust`.

use wire::lab::{Answer, Array, Ask};

use crate::session::{Choosing, Numbers, Session, Watch};
use crate::{Error, Result};

/// Answers a request that looks into the session, changing nothing; `None` for any other.
pub fn look(ask: &Ask, session: &Session, watch: &mut dyn Watch) -> Option<Answer> {
    Some(answered(match ask {
        Ask::Logits { text } => session.encode(text).and_then(|ids| session.logits_of(&ids, watch)).map(array),
        Ask::LogitsOf { ids } => session.logits_of(ids, watch).map(array),
        Ask::Hidden { text, layer } => session.hidden(text, *layer, watch).map(array),
        Ask::Attention { text, layer } => session.attention(text, *layer, watch).map(array),
        Ask::Activation { text, name } => session.activation(text, name, watch).map(array),
        Ask::Activations => session.activation_names().map(|names| Answer::Names { names }),
        Ask::Weight { name } => session.weight(name).map(array),
        Ask::Weights => session.weight_names().map(|names| Answer::Names { names }),
        Ask::Encode { text } => session.encode(text).map(|ids| Answer::Ids { ids }),
        Ask::Decode { ids } => session.decode(ids).map(|text| Answer::Text { text }),
        _ => return None,
    }))
}

/// Answers the two requests of a text whose tokens the cell chooses, which is kept in `choosing`; `None` for any other.
pub fn choose(ask: &Ask, session: &Session, choosing: &mut Option<Choosing>, watch: &mut dyn Watch) -> Option<Answer> {
    // One that fails is over.
    let begun = choosing.take();
    Some(answered(match ask {
        Ask::Begin { prompt } => session.begin_choosing(prompt, watch).map(|(begun, scores)| {
            *choosing = Some(begun);
            array(scores)
        }),
        Ask::Choose { id } => begun.ok_or(Error::NoRun {}).and_then(|mut text| {
            let scores = session.choose(&mut text, *id, watch)?;
            *choosing = Some(text);
            Ok(scores.map_or(Answer::Done, array))
        }),
        _ => {
            *choosing = begun;
            return None;
        }
    }))
}

/// An error is an answer too.
pub fn answered(result: Result<Answer>) -> Answer {
    result.unwrap_or_else(|error| Answer::Failed { report: error.report() })
}

fn array((shape, dtype, data): Numbers) -> Answer {
    Answer::Array { array: Array { shape, dtype, data } }
}
