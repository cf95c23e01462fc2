//! What people paste from serial tools, to bytes.
//!
//! Text of nothing but hexadecimal digits is taken as it stands. Where a line has words, too, as logs and dumps do,
//! its bytes are told from its labels: times, `TX:` and `收←`, the offsets and the letters of a dump, comments. What
//! was passed over is named, so that nothing vanishes unseen. A digit that looks mistyped is an error with its place.

mod column;
mod dump;
mod line;
mod listing;
mod time;

use line::{Kind, Line, Run};

/// What is wrong with the text.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum HexError {
    #[error(
        "line {line}, column {column}: {letter:?} is no hexadecimal digit  第 {line} 行第 {column} 列：{letter:?} 不是十六进制数字"
    )]
    NotHex { line: usize, column: usize, letter: char },
    #[error(
        "line {line}, column {column}: a digit is missing, bytes have two  第 {line} 行第 {column} 列：缺一位，每字节为两位十六进制数"
    )]
    OddDigits { line: usize, column: usize },
    #[error(
        "line {line}, column {column}: bytes are left out here; a frame is explained only when it is whole  \
         第 {line} 行第 {column} 列：此处省略了字节，帧须完整才能解析"
    )]
    LeftOut { line: usize, column: usize },
}

/// The bytes, and what stood between them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Parsed {
    pub(super) bytes: Vec<u8>,
    /// What was taken for labels, with the number of its line.
    pub(super) passed_over: Vec<(usize, String)>,
}

/// Takes digits pairwise; blanks, commas, semicolons, colons, hyphens, brackets, quotes and line breaks separate, and
/// `0x`, `\x` or `$` in front of a byte and `H` behind one are passed over. A single digit between separators counts
/// as one byte, as `0x0` or `A` do in some tools. A list of decimal numbers and a Python literal are understood too.
pub(super) fn parse(text: &str) -> Result<Parsed, HexError> {
    if let Some(bytes) = listing::decimal(text).or_else(|| listing::python(text)) {
        return Ok(Parsed { bytes, passed_over: Vec::new() });
    }
    let parsed = parse_lines(&listing::without_comments(text));
    match (&parsed, listing::commented(text)) {
        // There is nothing but what a comment holds.
        (Ok(Parsed { bytes, .. }), Some(comments)) if bytes.is_empty() => parse_lines(&comments),
        _ => parsed,
    }
}

fn parse_lines(text: &str) -> Result<Parsed, HexError> {
    let mut lines: Vec<Line<'_>> =
        text.lines().zip(1..).map(|(text, number)| Line::new(column::without(text), number)).collect();
    dump::strip(&mut lines);
    let has_frames = lines.iter().any(|line| line.runs().any(|run| line.is_like_a_frame(&run)));
    let mut parsed = Parsed::default();
    for line in &lines {
        take(line, has_frames, &mut parsed)?;
    }
    match lines.iter().find_map(Line::first_word) {
        Some(error) if parsed.bytes.is_empty() => Err(error),
        _ => Ok(parsed),
    }
}

/// Adds the bytes of one line.
fn take(line: &Line<'_>, has_frames: bool, parsed: &mut Parsed) -> Result<(), HexError> {
    if line.is_plain() {
        if let Some(error) = line.odd_digits() {
            return Err(error);
        }
        let number = line.numbering();
        pass_over(line, 0, number, parsed);
        parsed.bytes.extend(line.tokens.iter().skip(number).flat_map(|token| token.bytes()));
        return Ok(());
    }
    if let Some(error) = line.mistyped() {
        return Err(error);
    }
    let runs: Vec<Run> = line.runs().collect();
    let some_frame = runs.iter().any(|run| line.is_like_a_frame(run));
    let is_data = |run: &Run| {
        let is_named = || line.is_at_the_end(run) && line.is_labelled(run, has_frames);
        line.is_like_a_frame(run) || !some_frame && (line.is_explicit(run) || is_named())
    };
    let data: Vec<&Run> = runs.iter().filter(|run| is_data(run)).collect();
    let mut seen = 0;
    for run in data {
        pass_over(line, seen, run.start, parsed);
        let tokens = line.tokens.get(run.start..run.end).unwrap_or_default();
        if let Some(token) = tokens.iter().find(|token| token.kind == Kind::Odd) {
            return Err(token.odd_digits(line.number));
        }
        parsed.bytes.extend(tokens.iter().flat_map(|token| token.bytes()));
        seen = run.end;
    }
    pass_over(line, seen, line.tokens.len(), parsed);
    Ok(())
}

/// Notes the text of the tokens `from..to`.
fn pass_over(line: &Line<'_>, from: usize, to: usize, parsed: &mut Parsed) {
    let text = line.text_of(from, to);
    if !text.is_empty() {
        parsed.passed_over.push((line.number, text.to_owned()));
    }
}

#[cfg(test)]
mod tests;
