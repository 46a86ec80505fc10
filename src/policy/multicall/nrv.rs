//! NRV2B, NRV2D and NRV2E: the compressions that UPX uses by default. Knows one block at a time.
//!
//! All three mix single bits with whole bytes: a set bit announces a literal byte, a clear one a copy of what was
//! there before, its distance and length in variable-length codes. They differ in these codes.

/// Which of the three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Variant {
    B,
    D,
    E,
}

/// Decompresses a block of `length` bytes; `None` when it is none. `width` is how many bytes hold the bits: they
/// are read from little-endian words of one, two or four bytes.
pub(super) fn decompress(variant: Variant, width: usize, input: &[u8], length: usize) -> Option<Vec<u8>> {
    let mut input = Input { bytes: input, width, word: 0, left: 0 };
    let mut output = Vec::new();
    let mut last = 1;
    while output.len() < length {
        while input.bit()? == 1 {
            output.push(input.byte()?);
        }
        let Some((distance, rest)) = distance(variant, &mut input, last)? else { break };
        let copied = copied(variant, &mut input, rest)?;
        // Far copies pay only from one byte more on.
        let far = if variant == Variant::B { 0xd00 } else { 0x500 };
        let copied = copied.checked_add(1 + usize::from(distance > far))?;
        last = distance;
        let start = output.len().checked_sub(usize::try_from(distance).ok()?)?;
        if output.len() + copied > length {
            return None;
        }
        for index in start..start + copied {
            output.push(output[index]);
        }
    }
    (output.len() == length).then_some(output)
}

/// The distance of a copy and, if one is known already, the first bit of its length; `None` at the end's mark.
fn distance(variant: Variant, input: &mut Input, last: u32) -> Option<Option<(u32, Option<u32>)>> {
    let mut high: u32 = 1;
    loop {
        high = high.checked_mul(2)? + input.bit()?;
        if input.bit()? == 1 {
            break;
        }
        if variant != Variant::B {
            high = (high - 1).checked_mul(2)? + input.bit()?;
        }
    }
    if high == 2 {
        return Some(Some((last, None)));
    }
    let code = high.checked_sub(3)?.wrapping_mul(256) | u32::from(input.byte()?);
    if code == u32::MAX {
        return Some(None);
    }
    Some(Some(match variant {
        Variant::B => (code + 1, None),
        Variant::D | Variant::E => ((code >> 1) + 1, Some(!code & 1)),
    }))
}

/// How much a copy copies, less one (and less one more for a far one).
fn copied(variant: Variant, input: &mut Input, first: Option<u32>) -> Option<usize> {
    let first = match first {
        Some(bit) => bit,
        None => input.bit()?,
    };
    let length = match variant {
        Variant::B | Variant::D => match first * 2 + input.bit()? {
            0 => input.number()?.checked_add(2)?,
            short => short,
        },
        Variant::E => match first {
            1 => 1 + input.bit()?,
            _ if input.bit()? == 1 => 3 + input.bit()?,
            _ => input.number()?.checked_add(3)?,
        },
    };
    usize::try_from(length).ok()
}

struct Input<'a> {
    bytes: &'a [u8],
    width: usize,
    word: u32,
    /// How many bits of the word are left.
    left: usize,
}

impl Input<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(*byte)
    }

    fn bit(&mut self) -> Option<u32> {
        if self.left == 0 {
            let (word, rest) = self.bytes.split_at_checked(self.width)?;
            self.word = word.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte));
            self.bytes = rest;
            self.left = 8 * self.width;
        }
        self.left -= 1;
        Some(self.word >> self.left & 1)
    }

    /// A number of at least two: its bits after the first, each followed by one that says whether it was the last.
    fn number(&mut self) -> Option<u32> {
        let mut number: u32 = 1;
        loop {
            number = number.checked_mul(2)? + self.bit()?;
            if self.bit()? == 1 {
                return Some(number);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::digest::Sha256;

    /// The headers of Debian 12's `true`, as UPX 4.2.4 packs them with each of the three.
    const PACKED: [(Variant, &str); 3] = [
        (
            Variant::B,
            "9vsh/39FTEYCAQEAAwA+AA3QIw93yQ52QBeQgyITOAANLGDddwUfAB4ABg8EJwdLdiGP2AIIZzfII5s9GAMPBxwAK+yAXAEEAAC+y17YkBIHABA3\
             BQggCzlkwRcHWT3Igg3ZABBvYBcHw8AWcmAbNxvBQvbscH0PcI0HxCCDXNgIBjcC2GEhL+zYjQfgAU8WhMEOBAM4Pwcd2chG9jdYF/LIgicHRAAE\
             OyD7IFPldGRvUDccsmAHEGv2B+wC2O6whW9RNwYAAIIdhBVOAFJvY2GPEIeQAgdnAAAADAASAAD/",
        ),
        (
            Variant::D,
            "7fsh/39FTEYCAQEAAwA+ABrQIx/tlnbYQC+Qg0UmOAANCh8eLbD2AB4ABh4ETw/YAu0t7UIIz28YAx+QC3m0DxwAAS/2ih0EAAGQEg8AEKGFvWtv\
             BRAgLw/Y0F7IWT0AEN9gL7CFHFoPYBtvhPb2YTZwfR9wjQ+DXOwQiQgGbwLYQl7sINiND+ABGIYdw58EBzh/tFEwWg/tbyGPFnZYTw9EAAe0D3IE\
             U+V0ZN9QQwvBYW8Qa+0P7Gw7tpAC31FuBgABhB2GFZ0AUt+OxR5RD5ACD88kSZIwAACgkv8=",
        ),
        (
            Variant::E,
            "tvsg/39FTEYCAQEAAwA+ABvQIx/fb+xtQC+Qg0UmOAANCh8Acmhr7x4ABh4ETw/YAmVnYxMIz28YAx+XTMihDxwAAQTtxE6xAAGQEg8AEG/yYls3\
             BREgLw9ZPdh2sRMAEN9gLw8hsIS8YBtvCxY72zdwfR9wjQ+JPTmZ2AgGbwLY2I1hSMiJD+ABnyC0DbcEBzh/D7RtaKHtb1hPD/aTCTlEAART5XRk\
             37bgbYBQbxBr7Q83LCEv7ALfUW7tDSnYBgABnQBS35HYIYoPkAIPJEkSws8AAFSS/w==",
        ),
    ];

    #[test]
    fn what_upx_packed_comes_out_the_same_in_all_three() {
        for (variant, text) in PACKED {
            let headers = decompress(variant, 4, &STANDARD.decode(text).unwrap(), 792).unwrap();
            let sha256 = "89a458c626cb1f7a8db5b405b4e98c598f1b0c1c74a95322f7851da80bbf897b";
            assert_eq!(Sha256::of(&headers).to_string(), sha256, "{variant:?}");
        }
    }

    /// Bits in words of four bytes and whole bytes, mixed as the format has it.
    #[derive(Default)]
    struct Mixed {
        bytes: Vec<u8>,
        word: usize,
        left: u32,
    }

    impl Mixed {
        fn bits(&mut self, bits: &[u32]) {
            for bit in bits {
                if self.left == 0 {
                    (self.word, self.left) = (self.bytes.len(), 32);
                    self.bytes.extend([0; 4]);
                }
                self.left -= 1;
                self.bytes[self.word + self.left as usize / 8] |= (bit << (self.left % 8)) as u8;
            }
        }
    }

    /// The furthest near distance, the bits before its low byte and after it, and a near copy's length.
    type Case<'a> = (Variant, usize, &'a [u32], &'a [u32], usize);

    #[test]
    fn a_far_copy_is_one_byte_longer() {
        let cases: [Case; 3] = [
            // 0xd00 - 1 is 12 times 256 and 255, 0xd01 - 1 is 13 times 256: the numbers 15 and 16.
            (Variant::B, 0xd00, &[1, 0, 1, 0, 1, 1], &[0, 1], 2),
            // 0x500 - 1, twice and 1, is 9 times 256 and 255; 0x501 - 1 gives 10 times 256 and 1: 12 and 13.
            (Variant::D, 0x500, &[0, 0, 0, 0, 0, 0, 0, 1], &[1], 2),
            (Variant::E, 0x500, &[0, 0, 0, 0, 0, 0, 0, 1], &[1, 0], 4),
        ];
        for (variant, near, high, length, copied) in cases {
            for far in [false, true] {
                let mut stream = Mixed::default();
                let literals: Vec<u8> = (0..0xe00u32).map(|number| (number * 7 / 3) as u8).collect();
                for literal in &literals {
                    stream.bits(&[1]);
                    stream.bytes.push(*literal);
                }
                stream.bits(&[0]);
                match (far, variant) {
                    (true, Variant::B) => stream.bits(&[0, 0, 0, 0, 0, 0, 0, 1]),
                    (true, _) => stream.bits(&[0, 0, 0, 0, 0, 0, 1, 1]),
                    (false, _) => stream.bits(high),
                }
                stream.bytes.push(match (far, variant) {
                    (true, Variant::B) => 0,
                    (true, _) => 1,
                    (false, _) => 255,
                });
                stream.bits(length);
                let (distance, copied) = (near + usize::from(far), copied + usize::from(far));
                let start = literals.len() - distance;
                let expected = [&literals[..], &literals[start..start + copied]].concat();
                let output = decompress(variant, 4, &stream.bytes, expected.len());
                assert_eq!(output.as_deref(), Some(&expected[..]), "{variant:?}, {far}");
                assert_eq!(decompress(variant, 4, &stream.bytes, expected.len() + 1), None);
            }
        }
    }

    #[test]
    fn broken_blocks_are_none() {
        for (variant, text) in PACKED {
            let packed = STANDARD.decode(text).unwrap();
            assert_eq!(decompress(variant, 4, &packed[..packed.len() / 2], 792), None);
            for at in 0..packed.len() {
                let mut broken = packed.clone();
                broken[at] ^= 0xff;
                let _ = decompress(variant, 4, &broken, 792);
            }
        }
    }
}
