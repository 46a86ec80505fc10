//! Sizes in bytes: a whole number, or text with a binary unit.

use toml::Spanned;
use toml::de::DeValue;

use crate::recipe::parse::Document;
use crate::recipe::parse::fields::Value;

/// Bytes: `4096`, `"64 KiB"`, `"16 MiB"`, `"1 GiB"`.
pub(super) struct Size(pub u64);

impl Value for Size {
    fn read(value: &Spanned<DeValue<'_>>, document: &Document<'_>) -> Option<Self> {
        let size = match value.get_ref() {
            DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix()).ok(),
            DeValue::String(text) => bytes(text),
            _ => None,
        };
        match size.filter(|size| *size > 0) {
            Some(size) => Some(Self(size)),
            None => {
                let help = "write bytes as a number, or a text such as \"64 KiB\", \"16 MiB\" or \"1 GiB\"";
                document.report(value.span(), "expected a size above zero", Some(help.to_owned()));
                None
            }
        }
    }
}

fn bytes(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = match unit.trim_start() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_binary_and_said_in_full() {
        assert_eq!(bytes("64 KiB"), Some(65536));
        assert_eq!(bytes("2MiB"), Some(2 << 20));
        for wrong in ["", "MiB", "1 MB", "1.5 MiB", "-1", "99999999999 GiB"] {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
    }
}
