//! What `lab` asks of the model, answered from the session. Magics and display are for `cell::rust`.

use wire::lab::{Answer, Array, Ask};

use crate::session::Session;

/// Answers a request that needs the session alone; `None` for any other.
pub fn answer(ask: &Ask, session: &mut Session) -> Option<Answer> {
    let answer = match ask {
        Ask::Logits { text } => session.encode(text).and_then(|ids| session.logits_of(&ids)).map(array),
        Ask::LogitsOf { ids } => session.logits_of(ids).map(array),
        Ask::Hidden { text, layer } => session.hidden(text, *layer).map(array),
        Ask::Attention { text, layer } => session.attention(text, *layer).map(array),
        Ask::Weight { name } => session.weight(name).map(array),
        Ask::Weights => session.weight_names().map(|names| Answer::Names { names }),
        Ask::Encode { text } => session.encode(text).map(|ids| Answer::Ids { ids }),
        Ask::Decode { ids } => session.decode(ids).map(|text| Answer::Text { text }),
        Ask::Begin { prompt } => session.begin_choosing(prompt).map(array),
        Ask::Choose { id } => session.choose(*id).map(|scores| scores.map_or(Answer::Done, array)),
        _ => return None,
    };
    Some(answer.unwrap_or_else(|error| Answer::Failed { report: error.report() }))
}

fn array((shape, dtype, data): (Vec<usize>, String, Vec<f32>)) -> Answer {
    Answer::Array { array: Array { shape, dtype, data } }
}
