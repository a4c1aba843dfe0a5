//! Words for people: counts, and what somebody may have meant.

/// "1 image", "2 images".
pub(crate) fn counted(n: usize, what: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{n} {what}{plural}")
}

/// A mean over `of` values with its standard error, which a single one does not have.
pub(crate) fn with_error(mean: f64, error: f64, digits: usize, of: usize) -> String {
    if of < 2 {
        return format!("{mean:.digits$}");
    }
    format!("{mean:.digits$} ± {error:.digits$}")
}

/// The known word that `text` is most like, if it is like one: " (did you mean WORD?)", else nothing.
pub(crate) fn meant<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let likeness = |word: &str| strsim::jaro_winkler(&text.to_lowercase(), word);
    known
        .into_iter()
        .map(|word| (likeness(word), word))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map_or_else(String::new, |(_, word)| format!(" (did you mean {word}?)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_suggested_and_far_ones_are_not() {
        let known = ["mnist", "cifar10", "digits"];
        assert_eq!(meant("minst", known), " (did you mean mnist?)");
        assert_eq!(meant("CIFAR", known), " (did you mean cifar10?)");
        assert_eq!(meant("flowers", known), "");
        assert_eq!(
            meant("hiden", ["blocks", "hidden"]),
            " (did you mean hidden?)"
        );
    }

    #[test]
    fn a_single_value_has_no_error() {
        assert_eq!(with_error(2.0, 0.25, 2, 9), "2.00 ± 0.25");
        assert_eq!(with_error(2.0, 0.0, 2, 1), "2.00");
    }

    #[test]
    fn one_is_not_many() {
        assert_eq!(
            [counted(1, "image"), counted(0, "image")],
            ["1 image", "0 images"]
        );
    }
}
