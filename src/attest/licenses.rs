//! What of a licence expression a document has to explain. That all else is on SPDX's list is the recipe parser's to
//! check ([SPDX 2.3](https://spdx.github.io/spdx-spec/v2.3/SPDX-license-expressions/), annex D).

/// What begins an identifier that is not on the list.
const OWN: &str = "LicenseRef-";

/// The identifiers of an expression that are not on the list, in order.
pub(super) fn own(expression: &str) -> impl Iterator<Item = &str> {
    expression.split([' ', '(', ')']).filter(|word| word.starts_with(OWN))
}

/// Whether an expression is nothing but one identifier of the list.
pub(super) fn is_listed(expression: &str) -> bool {
    spdx::license_id(expression).is_some_and(|license| license.name == expression)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_licences_are_told_from_those_of_the_list() {
        let of = |text| own(text).collect::<Vec<_>>();
        assert_eq!(of("(LicenseRef-a OR MIT) AND LicenseRef-b"), ["LicenseRef-a", "LicenseRef-b"]);
        assert_eq!(of("GPL-3.0-or-later WITH GCC-exception-3.1"), [""; 0]);
        assert!(is_listed("MIT") && !is_listed("MIT OR Zlib") && !is_listed("MIT+") && !is_listed("LicenseRef-a"));
    }
}
