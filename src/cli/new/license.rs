//! Licences by their words: which SPDX identifiers the texts of a source stand for.
//!
//! Pure. A guess for people to look at: nothing here is legal advice.

use std::sync::OnceLock;

use regex::Regex;

/// Licences whose texts are told by words that no other has; the first that fits counts.
const WORDS: &[(&str, &[&str])] = &[
    ("AGPL-3.0", &["gnu affero general public license version 3"]),
    ("LGPL-3.0", &["gnu lesser general public license version 3"]),
    ("LGPL-2.1", &["gnu lesser general public license version 2.1"]),
    ("LGPL-2.0", &["gnu library general public license version 2"]),
    ("GPL-3.0", &["gnu general public license version 3"]),
    ("GPL-2.0", &["gnu general public license version 2"]),
    ("GPL-1.0", &["gnu general public license version 1"]),
    ("Apache-2.0", &["apache license version 2.0"]),
    ("MPL-2.0", &["mozilla public license version 2.0"]),
    ("BSL-1.0", &["boost software license version 1.0"]),
    ("CC0-1.0", &["cc0 1.0 universal"]),
    ("Unlicense", &["this is free and unencumbered software released into the public domain"]),
    ("Zlib", &["altered source versions must be plainly marked", "without any express or implied warranty"]),
    ("MIT", &["permission is hereby granted free of charge to any person obtaining a copy"]),
    ("BSD-4-Clause", &["redistribution and use in source and binary forms", "all advertising materials mentioning"]),
    ("BSD-3-Clause", &["redistribution and use in source and binary forms", "neither the name"]),
    ("BSD-3-Clause", &["redistribution and use in source and binary forms", "may not be used to endorse"]),
    ("BSD-2-Clause", &["redistribution and use in source and binary forms"]),
    ("ISC", &["permission to use copy modify and", "for any purpose with or without fee is hereby granted provided"]),
    ("0BSD", &["permission to use copy modify and", "for any purpose with or without fee is hereby granted"]),
];

/// The licence that a text is, without `-only` or `-or-later`.
pub fn of_text(text: &str) -> Option<&'static str> {
    let plain = plain(text);
    let fits = |words: &&(&str, &[&str])| words.1.iter().all(|words| plain.contains(words));
    WORDS.iter().find(fits).map(|(id, _)| *id)
}

/// Small letters and single blanks, without signs that are written in many ways.
fn plain(text: &str) -> String {
    let kept = text.to_lowercase().replace([',', '"', '*', '#', '/', ';', ':'], " ").replace("and or ", "and ");
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The expressions of a file's `SPDX-License-Identifier` lines.
pub fn identifiers(text: &str) -> Vec<String> {
    static PATTERN: OnceLock<Regex> = OnceLock::new();
    let pattern = PATTERN.get_or_init(|| {
        Regex::new(r"SPDX-License-Identifier:\s*(\(?[A-Za-z0-9][A-Za-z0-9.+ ()-]*)").expect("the pattern is valid")
    });
    let found = pattern.captures_iter(text).map(|found| found[1].trim().trim_end_matches(['-', '.']).trim().to_owned());
    found.filter(|text| is_expression(text)).collect()
}

fn is_expression(text: &str) -> bool {
    let words = text.split([' ', '(', ')']).filter(|word| !word.is_empty());
    words.into_iter().all(|word| {
        matches!(word, "AND" | "OR" | "WITH")
            || spdx::license_id(word.trim_end_matches('+')).is_some()
            || spdx::exception_id(word).is_some()
    })
}

/// What the heads of sources say of a licence of GNU's: whether a later version may be taken.
pub fn later(heads: &[String]) -> Option<bool> {
    let of_gnu = |head: &&String| head.contains("gnu") && head.contains("general public license");
    let heads: Vec<String> = heads.iter().map(|head| plain(head)).collect();
    let mut heads = heads.iter().filter(of_gnu).peekable();
    heads.peek()?;
    Some(heads.any(|head| head.contains("any later version")))
}

/// The expression of all that was found; each is one more that holds.
pub fn together(mut found: Vec<String>) -> String {
    let mut seen = Vec::new();
    found.retain(|id| {
        !seen.contains(id) && {
            seen.push(id.clone());
            true
        }
    });
    let several = found.len() > 1;
    let part = |id: &String| if several && id.contains(" OR ") { format!("({id})") } else { id.clone() };
    found.iter().map(part).collect::<Vec<_>>().join(" AND ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_told_by_its_words() {
        for (text, id) in [
            (
                "                    GNU GENERAL PUBLIC LICENSE\n                       Version 3, 29 June 2007\n",
                "GPL-3.0",
            ),
            ("GNU LESSER GENERAL PUBLIC LICENSE\n  Version 2.1, February 1999", "LGPL-2.1"),
            ("                 Apache License\n           Version 2.0, January 2004", "Apache-2.0"),
            ("Permission is hereby granted, free of charge, to any person obtaining a copy of this", "MIT"),
            (
                "Permission to use, copy, modify, and/or distribute this software for any\npurpose with or without fee \
                 is hereby granted, provided that the above",
                "ISC",
            ),
            (
                "Redistribution and use in source and binary forms, with or\n * without\n3. Neither the name of",
                "BSD-3-Clause",
            ),
            ("Redistribution and use in source and binary forms, with or without", "BSD-2-Clause"),
        ] {
            assert_eq!(of_text(text), Some(id), "{text}");
        }
        assert_eq!(of_text("All rights reserved."), None);
    }

    #[test]
    fn identifiers_stand_in_comments() {
        let text = "/* SPDX-License-Identifier: GPL-2.0-or-later */\n// SPDX-License-Identifier: (MIT OR Apache-2.0)\n\
                    # SPDX-License-Identifier: nonsense of mine\n";
        assert_eq!(identifiers(text), ["GPL-2.0-or-later", "(MIT OR Apache-2.0)"]);
        assert_eq!(together(vec!["MIT OR Zlib".into(), "ISC".into(), "ISC".into()]), "(MIT OR Zlib) AND ISC");
    }

    #[test]
    fn a_later_version_may_be_taken_if_a_head_says_so() {
        let head = |text: &str| vec!["int x;".to_owned(), format!("/* the GNU General\n * Public License, {text} */")];
        assert_eq!(later(&head("version 2 of the License, or (at your option)\n * any later version")), Some(true));
        assert_eq!(later(&head("version 2.")), Some(false));
        assert_eq!(later(&["int x;".to_owned()]), None);
    }
}
