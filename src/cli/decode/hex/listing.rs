//! Bytes as programs print them: comments, decimal lists, Python literals.

/// The fewest numbers a decimal list has.
const SHORTEST: usize = 4;

/// How many brackets are looked into for a list.
const BRACKETS: usize = 4;

/// Comments of C blanked out, so that places stay what they are.
pub(super) fn without_comments(text: &str) -> String {
    let mut left = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(begin) = place_of(rest, '/', &['*', '/']) {
        let (front, comment) = rest.split_at(begin);
        let end = if comment.starts_with("/*") {
            comment.find("*/").map_or(comment.len(), |end| end + 2)
        } else {
            comment.find('\n').unwrap_or(comment.len())
        };
        let (comment, behind) = comment.split_at(end);
        left.push_str(front);
        left.extend(comment.chars().map(|letter| if letter == '\n' { '\n' } else { ' ' }));
        rest = behind;
    }
    left.push_str(rest);
    left
}

/// What comments to the end of a line hold, where all their words are bytes, and nothing else; `None` where there is no such.
pub(super) fn commented(text: &str) -> Option<String> {
    let is_byte =
        |word: &str| word.len().is_multiple_of(2) && word.bytes().all(|digit| digit.is_ascii_hexdigit());
    let bytes_of = |line: &str| {
        let comment = line.trim_start().strip_prefix("//")?.trim_start_matches('/').trim();
        (!comment.is_empty() && comment.split_whitespace().all(is_byte)).then(|| comment.to_owned())
    };
    let kept: Vec<String> = text.lines().map(|line| bytes_of(line).unwrap_or_default()).collect();
    kept.iter().any(|line| !line.is_empty()).then(|| kept.join("\n"))
}

/// Where `first` stands with one of `second` behind it.
fn place_of(text: &str, first: char, second: &[char]) -> Option<usize> {
    let follows = |place: usize| text.get(place + 1..).is_some_and(|rest| rest.starts_with(second));
    text.match_indices(first).map(|(place, _)| place).find(|place| follows(*place))
}

/// `[104, 18, -112]` as Java, Go and others print: told from hexadecimal by a number of three digits or a sign.
pub(super) fn decimal(text: &str) -> Option<Vec<u8>> {
    let opened = text.match_indices(['[', '{', '(']).map(|(open, _)| open + 1);
    opened.take(BRACKETS).chain([0]).find_map(|open| decimal_list(text.get(open..)?))
}

fn decimal_list(text: &str) -> Option<Vec<u8>> {
    let list = text.get(..text.find([']', '}', ')']).unwrap_or(text.len()))?;
    let mut is_decimal = false;
    let mut bytes = Vec::new();
    for item in list.split(',').map(str::trim).filter(|item| !item.is_empty()) {
        let number: i16 = item.parse().ok()?;
        let [low, _] = number.to_le_bytes();
        is_decimal |= item.starts_with('-') || item.len() == 3;
        bytes.push(Some(low).filter(|_| (-128..=255).contains(&number))?);
    }
    (is_decimal && bytes.len() >= SHORTEST && list.contains(',')).then_some(bytes)
}

/// `b'\xfe\xfeh\x12'`, all literals of the text one after the other.
pub(super) fn python(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = text;
    let mut has_escape = false;
    while let Some(begin) = place_of(rest, 'b', &['\'', '"']) {
        let quote = rest.get(begin + 1..)?.chars().next()?;
        let body = rest.get(begin + 2..)?;
        let end = literal(body, quote, &mut bytes)?;
        has_escape |= body.get(..end)?.contains("\\x");
        rest = body.get(end..)?;
    }
    (has_escape && !bytes.is_empty()).then_some(bytes)
}

/// Adds the bytes of a literal; gives where it ends.
fn literal(body: &str, quote: char, bytes: &mut Vec<u8>) -> Option<usize> {
    let mut letters = body.char_indices();
    while let Some((at, letter)) = letters.next() {
        if letter == quote {
            return Some(at + 1);
        }
        let byte = match letter {
            '\\' => match letters.next()?.1 {
                'x' => {
                    let digits = body.get(at + 2..at + 4)?;
                    letters.nth(1)?;
                    u8::from_str_radix(digits, 16).ok()?
                }
                'n' => b'\n',
                'r' => b'\r',
                't' => b'\t',
                other => u8::try_from(other).ok()?,
            },
            letter => u8::try_from(letter).ok().filter(u8::is_ascii)?,
        };
        bytes.push(byte);
    }
    None
}
