//! The rows of a file of passwords, read in place: nothing of it is copied but what is kept, and nothing is shown.

use std::fmt;

use dlt645::address::MeterAddress;
use dlt645::password::Level;
use gdw1376::address::TerminalAddress;
use gdw1376::auxiliary::Password;
use zeroize::Zeroizing;

use crate::domain::read_hex;
use crate::store::SecretDigits;

/// Whose password a row has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// One meter's.
    Meter(MeterAddress),
    /// That of a line.
    Line(String),
    /// That of a profile.
    Profile(String),
    /// The message authentication code of a terminal.
    Terminal(TerminalAddress),
}

/// What a row keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// A password of meters, of a level.
    OfMeters(Level, SecretDigits),
    /// The message authentication code of a terminal, which has no level.
    OfTerminal(Password),
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) line: usize,
    pub(super) owner: Owner,
    pub(super) kept: Kept,
}

/// A row that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// Its line, from 1.
    pub(super) line: usize,
    pub(super) what: Wrong,
}

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// The first line does not name the columns.
    Header,
    /// There is no row.
    Empty,
    /// Not three columns.
    Columns,
    /// The first column is no address, line or profile.
    Owner,
    /// There is no such meter, line or profile.
    Nobody,
    /// The second is no level.
    Level,
    /// The third is no password.
    Password,
    /// A terminal has no level.
    NoLevel,
    /// The third is no message authentication code.
    Code,
    /// The same owner and level stand in an earlier row.
    Again,
}

impl Fault {
    /// What is wrong, in English and in Chinese.
    pub(super) const fn words(self) -> (&'static str, &'static str) {
        match self.what {
            Wrong::Header => ("the first line must be: address,level,password", "首行应为：地址,密级,密码"),
            Wrong::Empty => ("there is no row", "没有数据行"),
            Wrong::Columns => ("there must be three columns", "应为三列"),
            Wrong::Owner => (
                "address: twelve digits, `line NAME`, `profile NAME` or `terminal 1100-3039`",
                "地址应为 12 位数字、line 名称、profile 名称 或 terminal 终端地址",
            ),
            Wrong::Nobody => {
                ("there is no such meter, line, profile or terminal", "没有此电能表、线路、表型或终端")
            }
            Wrong::Level => ("level: 0 to 9", "密级应为 0 至 9"),
            Wrong::Password => ("password: six digits", "密码应为 6 位数字"),
            Wrong::NoLevel => ("a terminal has no level: leave it empty", "终端没有密级，应留空"),
            Wrong::Code => {
                ("password of a terminal: 32 hexadecimal digits", "终端消息认证码应为 32 位十六进制数")
            }
            Wrong::Again => ("the same address and level stand further up", "与前面的行重复"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (en, zh) = self.words();
        write!(f, "line {}: {en}  第 {} 行：{zh}", self.line, self.line)
    }
}

/// Reads the rows, or tells everything that is wrong.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<Row>, Vec<Fault>> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let mut lines =
        (1..).zip(bytes.split(|byte| *byte == b'\n')).map(|(line, text)| (line, text.trim_ascii()));
    let header = lines.next().map_or(&b""[..], |(_, text)| text);
    if ![&b"address,level,password"[..], "地址,密级,密码".as_bytes()].contains(&header) {
        return Err(vec![Fault { line: 1, what: Wrong::Header }]);
    }
    let (mut rows, mut faults): (Vec<Row>, Vec<Fault>) = (Vec::new(), Vec::new());
    let mut seen = std::collections::HashSet::new();
    for (line, text) in lines.filter(|(_, text)| !text.is_empty()) {
        match row(line, text) {
            Ok(row) if seen.insert((owner_key(&row.owner), row.level())) => rows.push(row),
            Ok(_) => faults.push(Fault { line, what: Wrong::Again }),
            Err(what) => faults.push(Fault { line, what }),
        }
    }
    if rows.is_empty() && faults.is_empty() {
        faults.push(Fault { line: 2, what: Wrong::Empty });
    }
    if faults.is_empty() { Ok(rows) } else { Err(faults) }
}

fn row(line: usize, text: &[u8]) -> Result<Row, Wrong> {
    let mut columns = text.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    let (Some(owner), Some(level), Some(password), None) =
        (columns.next(), columns.next(), columns.next(), columns.next())
    else {
        return Err(Wrong::Columns);
    };
    let owner = owner_of(owner).ok_or(Wrong::Owner)?;
    if matches!(owner, Owner::Terminal(_)) {
        if !level.is_empty() {
            return Err(Wrong::NoLevel);
        }
        let code = std::str::from_utf8(password).ok().and_then(read_hex).map(Zeroizing::new);
        let code = code.and_then(|code| code.as_slice().try_into().ok()).ok_or(Wrong::Code)?;
        return Ok(Row { line, owner, kept: Kept::OfTerminal(Password(code)) });
    }
    let level = match level {
        [digit] | [b'0', digit] if digit.is_ascii_digit() => {
            Level::new(digit - b'0').map_err(|_| Wrong::Level)?
        }
        _ => return Err(Wrong::Level),
    };
    let digits = SecretDigits::new(password).map_err(|_| Wrong::Password)?;
    Ok(Row { line, owner, kept: Kept::OfMeters(level, digits) })
}

fn owner_of(text: &[u8]) -> Option<Owner> {
    let text = std::str::from_utf8(text).ok()?;
    let named = |kind: &str| {
        let name = text.strip_prefix(kind)?.strip_prefix(' ')?.trim();
        (!name.is_empty() && !name.chars().any(char::is_control)).then(|| name.to_owned())
    };
    if let Some(line) = named("line") {
        return Some(Owner::Line(line));
    }
    if let Some(profile) = named("profile") {
        return Some(Owner::Profile(profile));
    }
    if let Some(terminal) = named("terminal") {
        let address = terminal.parse().ok().filter(|address| *address != TerminalAddress::ANY);
        return address.map(Owner::Terminal);
    }
    text.parse().ok().map(Owner::Meter)
}

impl Row {
    /// Of which level, where there is one.
    fn level(&self) -> Option<Level> {
        match &self.kept {
            Kept::OfMeters(level, _) => Some(*level),
            Kept::OfTerminal(_) => None,
        }
    }
}

fn owner_key(owner: &Owner) -> String {
    format!("{owner:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Vec<Row>, Vec<(usize, Wrong)>> {
        read(text.as_bytes()).map_err(|faults| faults.iter().map(|fault| (fault.line, fault.what)).collect())
    }

    #[test]
    fn rows_are_for_meters_lines_and_profiles() {
        let text = "\u{feff}address,level,password\r\n202411110001,02,739154\r\n\
                    line 一号线,2,862043\nprofile 645-2007-single-phase, 4 ,123456\n\n";
        let rows = read_text(text).unwrap();
        let owners: Vec<_> =
            rows.iter().map(|row| (row.line, row.owner.clone(), row.level().unwrap().number())).collect();
        assert_eq!(
            owners,
            [
                (2, Owner::Meter("202411110001".parse().unwrap()), 2),
                (3, Owner::Line("一号线".to_owned()), 2),
                (4, Owner::Profile("645-2007-single-phase".to_owned()), 4),
            ]
        );
        assert!(read_text("地址,密级,密码\n1,2,000000").is_ok());
    }

    #[test]
    fn t24_a_terminal_has_a_code_of_sixteen_bytes_and_no_level() {
        let code = "00112233445566778899aabbccddeeff";
        let rows = read_text(&format!("address,level,password\nterminal 1100-3039,,{code}\n")).unwrap();
        assert_eq!(rows[0].owner, Owner::Terminal("1100-3039".parse().unwrap()));
        let mut bytes = [0; 16];
        (0..16).zip(&mut bytes).for_each(|(n, byte)| *byte = n * 0x11);
        assert_eq!(rows[0].kept, Kept::OfTerminal(Password(bytes)));
        assert!(!format!("{:?}", rows[0]).contains("17, 34"), "{:?}", rows[0]);
        let wrong = format!(
            "address,level,password\nterminal 1100-3039,2,{code}\nterminal 1100-3039,,739154\nterminal x,,{code}\n"
        );
        assert_eq!(
            read_text(&wrong).unwrap_err(),
            [(2, Wrong::NoLevel), (3, Wrong::Code), (4, Wrong::Owner)]
        );
    }

    #[test]
    fn t24_every_fault_is_told_by_its_line_and_nothing_of_the_file_is() {
        let text = "address,level,password\n202411110001,2\nx,2,739154\n202411110001,10,739154\n\
                    202411110001,2,73915\n202411110001,2,739154\n202411110001,02,862043\n";
        let faults = read(text.as_bytes()).unwrap_err();
        let found: Vec<_> = faults.iter().map(|fault| (fault.line, fault.what)).collect();
        assert_eq!(
            found,
            [
                (2, Wrong::Columns),
                (3, Wrong::Owner),
                (4, Wrong::Level),
                (5, Wrong::Password),
                (7, Wrong::Again),
            ]
        );
        let shown: String = faults.iter().map(Fault::to_string).collect();
        for secret in ["739154", "73915", "862043"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert_eq!(read_text("").unwrap_err(), [(1, Wrong::Header)]);
        assert_eq!(read_text("address,level,password\n").unwrap_err(), [(2, Wrong::Empty)]);
        assert_eq!(read_text("address;level;password\n").unwrap_err(), [(1, Wrong::Header)]);
    }
}
