//! A preset's script with a recipe's words in it.

use crate::path::RelPath;
use crate::recipe::Words;

/// Quotes a word so that a POSIX shell reads it as itself.
pub fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "+-./:=@_,%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Puts a recipe's words at a script's `@markers@`; `@script@` is inserted as it is.
pub fn fill(script: &str, words: &Words) -> String {
    let Words { configure, make, targets, install, script: own, crates, ldflags, modules } = words;
    let quoted = |words: &[String]| words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ");
    let file =
        |name: &Option<RelPath>| name.as_ref().map(|name| quote(&format!("/build/files/{name}"))).unwrap_or_default();
    let default_install = ["install".to_owned()];
    let install: &[String] = if install.is_empty() { &default_install } else { install };
    script
        .replace("@configure@", &quoted(configure))
        .replace("@make@", &quoted(make))
        .replace("@targets@", &quoted(targets))
        .replace("@install@", &quoted(install))
        .replace("@crates@", &file(crates))
        .replace("@ldflags@", &quoted(ldflags))
        .replace("@modules@", &file(modules))
        .replace("@script@", own.as_deref().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_arrive_as_themselves() {
        let words = Words { configure: vec!["--with=a b".into(), "it's".into(), "$HOME".into()], ..Words::default() };
        assert_eq!(
            fill("./configure @configure@; make @install@", &words),
            r"./configure '--with=a b' 'it'\''s' '$HOME'; make install"
        );
    }
}
