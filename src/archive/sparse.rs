//! Sparse files, which archives store without their holes: GNU tar's own format and its three pax formats ([GNU tar
//! manual](https://www.gnu.org/software/tar/manual/html_node/Sparse-Formats.html)). Pure.

use super::error::Fault;
use super::headers::BLOCK;
use super::number::number;

/// The most pieces that a file may have; each costs an archive two dozen bytes.
const PIECES: usize = 1 << 20;

const MALFORMED: Fault = Fault::Malformed("its map of holes is wrong");

/// Where a piece begins in the file, and how many bytes it has.
type Piece = (u64, u64);

/// Which parts of a sparse file are stored; what lies between them is zeros.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Map {
    pieces: Vec<Piece>,
    /// The whole file's size.
    pub size: u64,
}

impl Map {
    /// A map of pieces in ascending order that hold all the stored bytes.
    pub fn new(pieces: Vec<Piece>, size: u64, stored: u64) -> Result<Self, Fault> {
        let (mut end, mut sum) = (0_u64, 0_u64);
        for (offset, length) in &pieces {
            let next = offset.checked_add(*length).ok_or(MALFORMED)?;
            if *offset < end || next > size {
                return Err(MALFORMED);
            }
            (end, sum) = (next, sum + length);
        }
        if sum != stored || pieces.len() > PIECES {
            return Err(MALFORMED);
        }
        Ok(Self { pieces, size })
    }

    /// How many zeros the file has at a position, or else how many stored bytes; `None` at its end.
    pub fn at(&self, position: u64) -> Option<Run> {
        let next = self.pieces.partition_point(|(offset, length)| offset + length <= position);
        match self.pieces.get(next) {
            Some((offset, _)) if *offset > position => Some(Run::Hole(offset - position)),
            Some((offset, length)) => Some(Run::Stored(offset + length - position)),
            None if position < self.size => Some(Run::Hole(self.size - position)),
            None => None,
        }
    }
}

/// A part of a sparse file, with its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Run {
    Hole(u64),
    Stored(u64),
}

/// The records of pax headers about a sparse file.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Records {
    pub name: Option<Vec<u8>>,
    size: Option<u64>,
    /// Format 0.0: one record for each number. Format 0.1: a list of them.
    numbers: Vec<u64>,
    major: Option<u64>,
    map: bool,
}

impl Records {
    /// Takes note of a record whose key begins with `GNU.sparse.`; says whether it had been there before.
    pub fn add(&mut self, key: &[u8], value: &[u8]) -> Result<bool, Fault> {
        let number = || decimal(value).ok_or(MALFORMED);
        Ok(match key {
            b"name" => self.name.replace(value.to_owned()).is_some(),
            b"size" | b"realsize" => self.size.replace(number()?).is_some(),
            b"major" => self.major.replace(number()?).is_some(),
            b"offset" if self.numbers.len().is_multiple_of(2) && !self.map => self.push(number()?)?,
            b"numbytes" if !self.numbers.len().is_multiple_of(2) && !self.map => self.push(number()?)?,
            b"map" => {
                for word in value.split(|byte| *byte == b',').filter(|word| !word.is_empty()) {
                    self.push(decimal(word).ok_or(MALFORMED)?)?;
                }
                std::mem::replace(&mut self.map, true)
            }
            b"minor" | b"numblocks" => false,
            _ => return Err(MALFORMED),
        })
    }

    fn push(&mut self, number: u64) -> Result<bool, Fault> {
        self.numbers.push(number);
        if self.numbers.len() > 2 * PIECES { Err(MALFORMED) } else { Ok(false) }
    }

    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The whole file's size.
    pub fn size(&self) -> Result<u64, Fault> {
        self.size.ok_or(MALFORMED)
    }

    /// The pieces; `None` when they stand before the content, as in format 1.0.
    pub fn pieces(&self) -> Result<Option<Vec<Piece>>, Fault> {
        match self.major {
            None | Some(0) => pairs(&self.numbers).map(Some),
            Some(1) if self.numbers.is_empty() => Ok(None),
            Some(_) => Err(MALFORMED),
        }
    }
}

/// The map of format 1.0: decimal numbers, one a line, the first of them how many pieces follow.
#[derive(Debug, Default)]
pub(super) struct Lines {
    numbers: Vec<u64>,
    digits: Vec<u8>,
}

impl Lines {
    pub fn is_complete(&self) -> bool {
        self.numbers.first().is_some_and(|count| self.numbers.len() as u64 > 2 * count)
    }

    /// Adds a block; what stands in it after the last number is padding.
    pub fn add(&mut self, block: &[u8; BLOCK]) -> Result<(), Fault> {
        for byte in block {
            if self.is_complete() {
                break;
            }
            match byte {
                b'\n' => {
                    self.numbers.push(decimal(&self.digits).ok_or(MALFORMED)?);
                    self.digits.clear();
                    if self.numbers[0] > PIECES as u64 {
                        return Err(MALFORMED);
                    }
                }
                // 2^64 has twenty digits.
                _ if self.digits.len() == 20 => return Err(MALFORMED),
                digit => self.digits.push(*digit),
            }
        }
        Ok(())
    }

    pub fn pieces(&self) -> Vec<Piece> {
        self.numbers.get(1..).unwrap_or_default().chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
    }
}

/// The pieces in a header of GNU tar, whether more follow, and the whole file's size.
pub(super) fn in_header(header: &[u8; BLOCK]) -> Result<(Vec<Piece>, bool, u64), Fault> {
    let pieces = fields(&header[386..482])?;
    Ok((pieces, header[482] != 0, number(&header[483..495]).ok_or(MALFORMED)?))
}

/// The pieces in a block that follows a header, and whether more follow.
pub(super) fn in_block(block: &[u8; BLOCK]) -> Result<(Vec<Piece>, bool), Fault> {
    Ok((fields(&block[..504])?, block[504] != 0))
}

/// Pairs of twelve-byte numbers, until one that is empty.
fn fields(bytes: &[u8]) -> Result<Vec<Piece>, Fault> {
    let used = bytes.chunks_exact(24).take_while(|pair| pair[0] != 0);
    used.map(|pair| number(&pair[..12]).zip(number(&pair[12..])).ok_or(MALFORMED)).collect()
}

fn pairs(numbers: &[u64]) -> Result<Vec<Piece>, Fault> {
    if !numbers.len().is_multiple_of(2) {
        return Err(MALFORMED);
    }
    Ok(numbers.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect())
}

fn decimal(digits: &[u8]) -> Option<u64> {
    // `parse` alone would take a sign.
    let all_digits = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits).ok().filter(|_| all_digits)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_says_what_is_stored_and_what_is_a_hole() {
        let map = Map::new(vec![(4, 2), (6, 1), (10, 0)], 12, 3).unwrap();
        let runs: Vec<_> = [0, 3, 4, 5, 6, 7, 11, 12].into_iter().map(|at| map.at(at)).collect();
        let hole = |length| Some(Run::Hole(length));
        let stored = |length| Some(Run::Stored(length));
        assert_eq!(runs, [hole(4), hole(1), stored(2), stored(1), stored(1), hole(3), hole(1), None]);
    }

    #[test]
    fn a_map_that_two_readers_would_read_differently_is_refused() {
        for (pieces, size, stored) in [
            (vec![(4, 2), (3, 1)], 12, 3),
            (vec![(4, 2), (5, 1)], 12, 3),
            (vec![(11, 2)], 12, 2),
            (vec![(u64::MAX, 2)], u64::MAX, 2),
            (vec![(0, 2)], 12, 3),
        ] {
            let error = Map::new(pieces, size, stored).unwrap_err();
            assert_eq!(error.to_string(), "is malformed: its map of holes is wrong");
        }
    }

    #[test]
    fn a_map_of_lines_may_cross_a_block() {
        let mut text = b"100\n".to_vec();
        (0..100).for_each(|piece| text.extend(format!("{}\n10\n", piece * 1000).into_bytes()));
        let mut lines = Lines::default();
        text.resize(text.len().next_multiple_of(BLOCK), 0);
        for block in text.chunks_exact(BLOCK) {
            assert!(!lines.is_complete());
            lines.add(block.try_into().unwrap()).unwrap();
        }
        assert!(lines.is_complete());
        assert_eq!(lines.pieces().last(), Some(&(99_000, 10)));
    }
}
