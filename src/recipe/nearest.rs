//! Which of the known names a person may have meant.

/// Names that begin with `wanted`, or whose edit distance from it is at most a third of its length; nearest first,
/// three at most.
pub fn nearest<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let limit = (wanted.chars().count() / 3).max(1);
    let near = |distance: usize, name: &str| distance <= limit || wanted.len() >= 3 && name.starts_with(wanted);
    let mut ranked: Vec<(usize, &str)> = known
        .into_iter()
        .map(|name| (strsim::osa_distance(wanted, name), name))
        .filter(|(distance, name)| near(*distance, name))
        .collect();
    ranked.sort_unstable();
    ranked.dedup();
    ranked.into_iter().map(|(_, name)| name).take(3).collect()
}

/// A question for a diagnostic's help: ``did you mean `sed`?``.
pub(super) fn did_you_mean<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let names = nearest(wanted, known);
    if names.is_empty() { None } else { Some(format!("did you mean {}?", listed(&names, "or"))) }
}

/// Names in backquotes: `` `a`, `b` or `c` ``.
pub(super) fn listed<T: std::fmt::Display>(names: impl IntoIterator<Item = T>, last: &str) -> String {
    let mut quoted: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match (quoted.pop(), quoted.is_empty()) {
        (None, _) => String::new(),
        (Some(only), true) => only,
        (Some(end), false) => format!("{} {last} {end}", quoted.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 5] = ["sed", "oniguruma", "gzip", "bzip2", "zip"];

    #[test]
    fn a_slip_of_the_finger_finds_what_was_meant_nearest_first() {
        assert_eq!(nearest("onigruma", KNOWN), ["oniguruma"]);
        assert_eq!(nearest("gzipp", KNOWN), ["gzip"]);
        assert_eq!(nearest("bzip", KNOWN), ["bzip2", "gzip", "zip"]);
        assert_eq!(nearest("esd", KNOWN), ["sed"]);
        assert_eq!(nearest("onig", KNOWN), ["oniguruma"]);
    }

    #[test]
    fn what_resembles_nothing_gets_no_suggestion() {
        assert_eq!(did_you_mean("coreutils", KNOWN), None);
        assert_eq!(did_you_mean("zop", KNOWN).unwrap(), "did you mean `zip`?");
        assert_eq!(did_you_mean("bzip", KNOWN).unwrap(), "did you mean `bzip2`, `gzip` or `zip`?");
    }
}
