//! The models by name, as messages list them.

use ar_models::{ModelEntry, find, registry};

/// Every name that a model answers to.
pub(crate) fn names() -> Vec<&'static str> {
    let of = |entry: &ModelEntry| [&[entry.name], entry.aliases].concat();
    registry().into_iter().flat_map(of).collect()
}

/// "made, pixelcnn, .., gated-pixelcnn (or conditional-pixelcnn)".
pub(crate) fn listed() -> String {
    let all: Vec<String> = registry().into_iter().map(with_aliases).collect();
    all.join(", ")
}

/// A model's name, with the other names it answers to.
pub(crate) fn with_aliases(entry: &ModelEntry) -> String {
    // What differs in a hyphen only is no name that a list has to give.
    let plain = |name: &str| name.replace('-', "");
    let others = entry
        .aliases
        .iter()
        .filter(|alias| plain(alias) != plain(entry.name));
    let others: Vec<&str> = others.copied().collect();
    match others.as_slice() {
        [] => entry.name.to_owned(),
        others => format!("{} (or {})", entry.name, others.join(", ")),
    }
}

/// Whether two names are of one model.
pub(crate) fn is_same(a: &str, b: &str) -> bool {
    let name =
        |text: &str| find(text).map_or_else(|| text.to_owned(), |entry| entry.name.to_owned());
    name(a) == name(b)
}
