//! Which lines of a text differ from another's. Pure.

/// A line of a text that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Which side has it.
    pub mark: Mark,
    /// The line.
    pub text: String,
}

/// Which side has a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Only the older.
    Gone,
    /// Only the newer.
    New,
    /// Both.
    Same,
    /// Lines of both are left out here.
    Cut,
}

/// How many lines around a difference are shown.
const AROUND: usize = 1;
/// The most lines of both texts together that are compared line by line.
const COMPARED: usize = 4000;

/// The lines that differ, and some around them.
pub fn differing(before: &str, after: &str) -> Vec<Line> {
    let (before, after): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let all = if before.len() + after.len() > COMPARED { swap(&before, &after) } else { align(&before, &after) };
    let is_near = |at: usize| {
        let around = at.saturating_sub(AROUND)..(at + AROUND + 1).min(all.len());
        all[around].iter().any(|line| line.mark != Mark::Same)
    };
    let mut lines: Vec<Line> = Vec::new();
    for (at, line) in all.iter().enumerate() {
        if is_near(at) {
            lines.push(line.clone());
        } else if lines.last().is_none_or(|last| last.mark != Mark::Cut) {
            lines.push(Line { mark: Mark::Cut, text: String::new() });
        }
    }
    lines
}

fn line(mark: Mark, text: &str) -> Line {
    Line { mark, text: text.to_owned() }
}

fn swap(before: &[&str], after: &[&str]) -> Vec<Line> {
    let gone = before.iter().map(|text| line(Mark::Gone, text));
    gone.chain(after.iter().map(|text| line(Mark::New, text))).collect()
}

/// Both texts along their longest common subsequence.
fn align(before: &[&str], after: &[&str]) -> Vec<Line> {
    let width = after.len() + 1;
    let mut common = vec![0u32; (before.len() + 1) * width];
    for i in (0..before.len()).rev() {
        for j in (0..after.len()).rev() {
            common[i * width + j] = match before[i] == after[j] {
                true => common[(i + 1) * width + j + 1] + 1,
                false => common[(i + 1) * width + j].max(common[i * width + j + 1]),
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut lines = Vec::new();
    while i < before.len() && j < after.len() {
        if before[i] == after[j] {
            lines.push(line(Mark::Same, before[i]));
            (i, j) = (i + 1, j + 1);
        } else if common[(i + 1) * width + j] >= common[i * width + j + 1] {
            lines.push(line(Mark::Gone, before[i]));
            i += 1;
        } else {
            lines.push(line(Mark::New, after[j]));
            j += 1;
        }
    }
    lines.extend(swap(&before[i..], &after[j..]));
    lines
}
