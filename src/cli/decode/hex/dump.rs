//! Dumps: an offset in front of each line, the bytes, and perhaps their letters behind.
//!
//! Offsets count the bytes before their line, which no data do by chance; that is how they are told from bytes.

use super::line::{Kind, Line, Mark};

/// Bytes on a line of a dump at most.
const WIDEST: usize = 64;

/// The offset a line begins with, and how it may be read.
struct Offset {
    hexadecimal: usize,
    octal: Option<usize>,
    /// It stands out: a colon behind it, or more digits than bytes have.
    stands_out: bool,
}

/// Takes offsets and letters off the lines of dumps, so that only bytes are left.
pub(super) fn strip(lines: &mut [Line<'_>]) {
    let mut begin = 0;
    while begin < lines.len() {
        let counts = dump(lines.get(begin..).unwrap_or_default());
        for (line, count) in lines.iter_mut().skip(begin).zip(&counts) {
            keep(line, *count);
        }
        begin += counts.len().max(1);
    }
}

/// How many bytes each line of the dump at the front has; none when there is no dump.
fn dump(lines: &[Line<'_>]) -> Vec<usize> {
    let Some(first) = lines.first().and_then(offset).filter(|offset| offset.stands_out) else {
        return Vec::new();
    };
    let mut counts = Vec::new();
    let mut at = first.hexadecimal;
    for (place, line) in lines.iter().enumerate() {
        let have = bytes_behind(line);
        let next = lines.get(place + 1);
        let step = next.and_then(offset).and_then(|next| {
            let steps = [Some(next.hexadecimal), next.octal].into_iter().flatten();
            steps.filter_map(|next| next.checked_sub(at)).find(|step| (1..=WIDEST.min(have)).contains(step))
        });
        match step {
            Some(step) => {
                counts.push(step);
                at += step;
                if next.is_some_and(|next| next.tokens.len() == 1) {
                    // The end of the dump, with nothing behind it.
                    counts.push(0);
                    break;
                }
            }
            None => {
                let widest = counts.iter().copied().max();
                counts.push(last_line(line, have, widest));
                break;
            }
        }
    }
    // One line alone is a dump only when it begins at nothing.
    if counts.len() > 1 || first.hexadecimal == 0 { counts } else { Vec::new() }
}

fn offset(line: &Line<'_>) -> Option<Offset> {
    let (token, next) = match line.tokens.as_slice() {
        [token] => (token, None),
        [token, next, ..] => (token, Some(next)),
        [] => return None,
    };
    if !token.is_bytes() && token.kind != Kind::Odd {
        return None;
    }
    let hexadecimal = usize::from_str_radix(token.text.trim_start_matches("0x"), 16).ok()?;
    let octal = if token.text.len() == 7 { usize::from_str_radix(token.text, 8).ok() } else { None };
    let stands_out = next.is_some_and(|next| {
        let is_longer = token.text.len() >= 4 && next.text.len() < token.text.len();
        next.is_bytes() && (next.behind == Some(':') && token.text.len() > 1 || is_longer)
    });
    Some(Offset { hexadecimal, octal, stands_out })
}

/// The bytes right behind the offset.
fn bytes_behind(line: &Line<'_>) -> usize {
    let bytes = line.tokens.iter().skip(1).take_while(|token| token.is_bytes());
    bytes.map(|token| token.bytes().count()).sum()
}

/// The bytes of the last line: its letters may look like digits, so their number must be that of the bytes.
fn last_line(line: &Line<'_>, have: usize, widest: Option<usize>) -> usize {
    let most = have.min(widest.unwrap_or(WIDEST));
    let mut count = 0;
    let mut end = line.tokens.first().map_or(0, |token| token.start + token.text.len());
    for (place, token) in line.tokens.iter().enumerate().skip(1).take_while(|(_, token)| token.is_bytes()) {
        let letters = line.text_of(place, line.tokens.len()).trim_end();
        let gap = token.start - end;
        let is_full = widest == Some(count);
        if count > 0 && gap >= 2 && (is_full || letters.chars().count() == count) || count >= most {
            return count;
        }
        count += token.bytes().count();
        end = token.start + token.text.len();
    }
    count
}

/// Leaves `count` bytes behind the offset and drops all else.
fn keep(line: &mut Line<'_>, count: usize) {
    let mut left = count;
    line.tokens = line
        .tokens
        .drain(..)
        .skip(1)
        .map_while(|mut token| {
            if left == 0 {
                return None;
            }
            let bytes: Vec<u8> = token.bytes().take(left).collect();
            left -= bytes.len();
            token.kind = Kind::Bytes(bytes, Mark::None);
            token.behind = None;
            Some(token)
        })
        .collect();
}
