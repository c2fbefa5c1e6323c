//! The known word nearest to what was typed, for `did you mean`.

/// The nearest candidate by edits (a swap of neighbours counts one), or an empty text when all are too far to be meant.
pub fn nearest<'a>(given: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    let given = given.to_lowercase();
    let allowed = (given.chars().count().max(3)) / 2;
    let scored = candidates.into_iter().map(|word| (distance(&given, &word.to_lowercase()), word));
    scored.min_by_key(|(edits, _)| *edits).filter(|(edits, _)| *edits <= allowed).map(|(_, word)| word.to_owned()).unwrap_or_default()
}

/// Up to `n` of the nearest candidates, the nearest first; those that are too far to be meant are left out.
pub fn near<'a>(given: &str, candidates: impl IntoIterator<Item = &'a str>, n: usize) -> Vec<&'a str> {
    let given = given.to_lowercase();
    let allowed = (given.chars().count().max(3)) / 2;
    let mut scored: Vec<(usize, &str)> = candidates.into_iter().map(|word| (distance(&given, &word.to_lowercase()), word)).collect();
    scored.retain(|(edits, _)| *edits <= allowed);
    scored.sort_by_key(|(edits, _)| *edits);
    scored.into_iter().take(n).map(|(_, word)| word).collect()
}

/// A word that begins with what was typed is one edit away.
fn distance(given: &str, word: &str) -> usize {
    if given.chars().count() >= 2 && word.starts_with(given) { 1.min(word.len() - given.len()) } else { strsim::osa_distance(given, word) }
}

#[cfg(test)]
mod tests {
    use super::{near, nearest};

    #[test]
    fn typing_errors_are_forgiven_and_nonsense_is_not() {
        let known = ["spark", "smollm2", "alpaca-en", "alpaca-zh"];
        for (given, meant) in
            [("smolm2", "smollm2"), ("SmolLM2", "smollm2"), ("sprak", "spark"), ("alpaca", "alpaca-en"), ("alpaca_zh", "alpaca-zh")]
        {
            assert_eq!(nearest(given, known), meant, "{given}");
        }
        assert_eq!(nearest("meta-llama", known), "");
        assert_eq!(nearest("", known), "");
        assert_eq!(near("alpaca", known, 2), ["alpaca-en", "alpaca-zh"]);
        assert_eq!(near("xxxxxx", known, 2), [""; 0]);
    }
}
