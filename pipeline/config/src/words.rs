//! Words that were meant to be others.

/// What is said about a key that nobody asked for, with the nearest of those that are `known` here.
pub fn no_such_key(unknown: &str, known: &[&str]) -> String {
    let mut sorted = known.iter().copied().filter(|key| !key.is_empty()).collect::<Vec<_>>();
    sorted.sort_unstable();
    let hint = nearest(unknown, &sorted).map(|known| format!("did you mean `{known}`? ")).unwrap_or_default();
    format!("there is no such key; {hint}keys here are {}", sorted.join(", "))
}

/// The word of `known` that `word` was probably meant to be.
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|candidate| (edit_distance(word, candidate), *candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let changed = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_found_and_a_far_one_is_not() {
        let known = ["polygon", "direction", "lanes", "length_m"];
        assert_eq!(nearest("poligon", &known), Some("polygon"));
        assert_eq!(nearest("lenght_m", &known), Some("length_m"));
        assert_eq!(nearest("colour", &known), None);
    }
}
