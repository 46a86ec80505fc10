//! Bytes that are nothing known: where they begin to differ, and what they read like there.

use super::{ChangeKind, Found};

/// How many bytes are shown around the first that differs.
const SHOWN: usize = 24;

/// Compares two strings of bytes that differ.
pub fn compare(old: &[u8], new: &[u8]) -> Found {
    Found::new(ChangeKind::Binary, lines(old, new))
}

/// Where two strings of bytes begin to differ, in lines for people.
pub fn lines(old: &[u8], new: &[u8]) -> Vec<String> {
    let at = old.iter().zip(new).take_while(|(one, other)| one == other).count();
    let count = old.iter().zip(new).filter(|(one, other)| one != other).count() + old.len().abs_diff(new.len());
    let sizes = match old.len() == new.len() {
        true => format!("{} bytes", old.len()),
        false => format!("{} and {} bytes", old.len(), new.len()),
    };
    let mut lines = vec![format!("{count} bytes differ of {sizes}, from offset {at:#x} on")];
    if let Some((one, other)) = words(old, new, at) {
        lines.extend([format!("- {one:?}"), format!("+ {other:?}")]);
        return lines;
    }
    lines.extend([format!("- {}", hex(&old[at.min(old.len())..])), format!("+ {}", hex(&new[at.min(new.len())..]))]);
    lines
}

/// The texts that stand at an offset, if they are texts.
fn words(old: &[u8], new: &[u8], at: usize) -> Option<(String, String)> {
    let text = |bytes: &[u8]| {
        let printable = |byte: &u8| (0x20..0x7f).contains(byte);
        let before = bytes[..at.min(bytes.len())].iter().rev().take(64).take_while(|byte| printable(byte)).count();
        let begin = at.min(bytes.len()) - before;
        let length = bytes[begin..].iter().take(128).take_while(|byte| printable(byte)).count();
        (length >= 4).then(|| String::from_utf8_lossy(&bytes[begin..begin + length]).into_owned())
    };
    text(old).zip(text(new))
}

fn hex(bytes: &[u8]) -> String {
    let mut text: String = bytes.iter().take(SHOWN).map(|byte| format!("{byte:02x} ")).collect();
    if bytes.len() > SHOWN {
        text.push('…');
    }
    text.trim_end().to_owned()
}
