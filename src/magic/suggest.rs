//! The nearest known word to one that is unknown.

/// The candidate with the smallest edit distance, if it is near enough to be what was meant.
pub fn nearest<'a>(given: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let allowed = 1 + given.chars().count() / 3;
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(given, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= allowed || (given.len() >= 3 && candidate.starts_with(given)))
        .min()
        .map(|(_, candidate)| candidate.to_owned())
}
