//! The letters of the bytes, which some logs put behind them: `68 32 00 16 ;h2..` or `|h2..|`.

/// The line without such a column: a semicolon or a bar behind at least two bytes, and behind it no more letters than there are
/// bytes in front. What may be bytes itself stays, and so do dots that may stand for bytes left out.
pub(super) fn without(line: &str) -> &str {
    let begins = line.match_indices(MARKS).map(|(at, _)| at);
    let front =
        begins.filter_map(|at| line.split_at_checked(at)).find(|(front, column)| is_column(front, column));
    front.map_or(line, |(front, _)| front)
}

fn is_column(front: &str, column: &str) -> bool {
    let bytes = front.split_whitespace().rev().take_while(|word| is_pair(word)).count();
    let letters = column.get(1..).unwrap_or_default().trim_end();
    let letters = letters.strip_suffix('|').unwrap_or(letters);
    let count = letters.chars().take(bytes + 1).count();
    if bytes < FEWEST || count > bytes {
        return false;
    }
    let may_be_left_out = letters.trim().chars().all(|letter| matches!(letter, '.' | '…')) && count != bytes;
    !may_be_left_out && !letters.split_whitespace().all(is_pair)
}

fn is_pair(word: &str) -> bool {
    word.len() == 2 && word.bytes().all(|digit| digit.is_ascii_hexdigit())
}

const MARKS: [char; 2] = [';', '|'];
/// So many bytes stand in front of a column at least.
const FEWEST: usize = 2;

#[cfg(test)]
mod tests {
    use super::without;

    #[test]
    fn letters_behind_bytes_are_left_out_and_nothing_else() {
        for (line, left) in [
            ("10:00:00 |<- 4  : 68 32 00 16 ;h2..", "10:00:00 |<- 4  : 68 32 00 16 "),
            ("|         : 01 00 E0 16 ;....", "|         : 01 00 E0 16 "),
            ("01 00 E0 16  |....|", "01 00 E0 16  "),
            ("01 3B 7C 16 ;.;|.", "01 3B 7C 16 "),
            ("68 32 00 16 ;h2", "68 32 00 16 "),
            ("68 12 90 78; 56 34", "68 12 90 78; 56 34"),
            ("68 12 90 78 56 34 12;68 91", "68 12 90 78 56 34 12;68 91"),
            ("68 32 00 32 00 ; ...", "68 32 00 32 00 ; ..."),
            ("| 68 32 00 |", "| 68 32 00 |"),
            ("00 01 | rx of the line", "00 01 | rx of the line"),
            ("68;h", "68;h"),
        ] {
            assert_eq!(without(line), left, "{line}");
        }
    }
}
