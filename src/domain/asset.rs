//! Asset numbers (资产编号) as an office writes them and as meters tell them.

/// Whether what a meter tells is the number of the archive. Makers and people fill numbers up, and where a meter has no asset
/// number people archive its meter number: any of what it tells will do. `None` where nothing can be compared.
#[must_use]
pub fn is_archived(archived: &str, told: &[Option<&str>]) -> Option<bool> {
    let archived = plain(archived).filter(|archived| !archived.is_empty())?;
    let told: Vec<String> = told.iter().flatten().filter_map(|told| plain(told)).collect();
    (!told.is_empty()).then(|| told.contains(&archived))
}

/// A number without what it is filled with.
fn plain(number: &str) -> Option<String> {
    let plain = number.trim().trim_start_matches('0').to_ascii_uppercase();
    (!plain.is_empty()).then_some(plain)
}

/// A text of a meter without its fill, in the order of reading; `None` for one that is no plain text.
#[must_use]
pub fn text(bytes: &[u8]) -> Option<String> {
    let is_fill = |byte: &u8| matches!(byte, 0 | 0xFF | b' ');
    let end = bytes.iter().rposition(|byte| !is_fill(byte))?;
    let begin = bytes.iter().position(|byte| !is_fill(byte))?;
    let text = std::str::from_utf8(bytes.get(begin..=end)?).ok()?;
    text.chars().all(|letter| letter.is_ascii_graphic() || letter == ' ').then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f12_a_number_is_compared_without_its_fill() {
        assert_eq!(is_archived("00123A", &[None, Some("123a ")]), Some(true));
        assert_eq!(
            is_archived("123", &[Some("000000000123"), Some("OTHER")]),
            Some(true),
            "the meter number"
        );
        assert_eq!(is_archived("123", &[None, Some("124")]), Some(false));
        assert_eq!(is_archived("123", &[None, None]), None);
        assert_eq!(is_archived("123", &[Some("000000"), None]), None, "a number of zeros is none");
        assert_eq!(is_archived("0", &[Some("1")]), None);
        assert_eq!(text(b"\0\0A1 2\xFF ").as_deref(), Some("A1 2"));
        assert_eq!((text(&[0xFF; 32]), text(b"A\x01B")), (None, None));
    }
}
