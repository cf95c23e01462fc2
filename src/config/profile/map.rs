//! `[[register]]` of a profile: where the items of a Modbus meter stand (寄存器表).

use toml::de::DeValue;

use crate::config::collection::show_item;
use crate::config::fault::FaultKind;
use crate::config::section::Section;
use crate::config::setting::{Choice, Setting};
use crate::config::words::Words;
use crate::domain::modbus::{Absence, NumberForm, NumberKind, Table, WordOrder};
use crate::domain::{Item, ItemKind};

/// The register map of a make of meter: its items, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegisterMap(Vec<MapRow>);

/// Where an item stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapRow {
    /// The item.
    pub item: Item,
    /// In which registers.
    pub table: Table,
    /// The first of them, as the frame counts: the register that manuals call 40001 is 0.
    pub start: u16,
    /// How its number stands there.
    pub form: NumberForm,
}

/// Registers that are read by one question, with the items in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// In which registers.
    pub table: Table,
    /// The first of them.
    pub start: u16,
    /// How many, 1 to 125.
    pub count: u16,
    /// The items, in the order of their registers.
    pub rows: Vec<MapRow>,
}

impl MapRow {
    /// Behind its last register.
    fn end(&self) -> u32 {
        u32::from(self.start) + u32::from(self.form.kind.words())
    }
}

impl Span {
    /// The registers of one of its items, out of those that were read.
    #[must_use]
    pub fn words<'a>(&self, row: &MapRow, words: &'a [u16]) -> &'a [u16] {
        let from = usize::from(row.start.saturating_sub(self.start));
        words.get(from..from + usize::from(row.form.kind.words())).unwrap_or_default()
    }
}

impl RegisterMap {
    /// Where an item stands.
    #[must_use]
    pub fn row(&self, item: Item) -> Option<&MapRow> {
        self.0.iter().find(|row| row.item == item)
    }

    /// Every item of the map.
    pub fn rows(&self) -> impl Iterator<Item = &MapRow> {
        self.0.iter()
    }

    /// The highest tariff of any energy.
    #[must_use]
    pub fn tariffs(&self) -> u8 {
        let energies = self.0.iter().filter(|row| row.item.kind() == ItemKind::Energy);
        energies.map(|row| row.item.tariff()).max().unwrap_or(0)
    }

    /// The questions that give the items which `is_wanted` picks: registers that follow one another are read by one.
    #[must_use]
    pub fn spans(&self, is_wanted: impl Fn(Item) -> bool) -> Vec<Span> {
        let mut rows: Vec<MapRow> = self.0.iter().copied().filter(|row| is_wanted(row.item)).collect();
        rows.sort_by_key(|row| (row.table, row.start, row.end()));
        let mut spans: Vec<Span> = Vec::new();
        for row in rows {
            let fits = spans.last_mut().filter(|span| {
                let end = u32::from(span.start) + u32::from(span.count);
                let count = row.end().saturating_sub(u32::from(span.start));
                span.table == row.table && u32::from(row.start) <= end && count <= MOST_REGISTERS
            });
            match fits {
                Some(span) => {
                    let count = row.end().saturating_sub(u32::from(span.start));
                    span.count = span.count.max(u16::try_from(count).unwrap_or(u16::MAX));
                    span.rows.push(row);
                }
                None => spans.push(Span {
                    table: row.table,
                    start: row.start,
                    count: row.form.kind.words().into(),
                    rows: vec![row],
                }),
            }
        }
        spans
    }

    /// Reads every `[[register]]`, of which there has to be one.
    pub(super) fn read(root: &mut Section<'_>) -> Self {
        let mut seen: Vec<(MapRow, Option<usize>)> = Vec::new();
        root.sections("register", |section| {
            let Some(row) = MapRow::read(section) else { return };
            if let Some((_, line)) = seen.iter().find(|(other, _)| other.item == row.item) {
                section.check(false, &["item"], FaultKind::Taken { line: *line });
            }
            seen.push((row, section.line()));
        });
        if !root.has("register") {
            let words = Words::of(
                "sections [[register]], one for each item of the meter",
                "配置段 [[register]]，表计的每个测量量一段",
            );
            root.fault("register", FaultKind::Missing(words));
        }
        Self(seen.into_iter().map(|(row, _)| row).collect())
    }
}

impl MapRow {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let item = section.required::<Mapped>("item", ..);
        let table = section.value("function", .., Table::Holding);
        let start = section.required("register", 0..=65_535_u32).and_then(|start| u16::try_from(start).ok());
        let kind = section.required("type", ..);
        let order = section.value("word_order", .., WordOrder::HighFirst);
        let exponent = section.required("exponent", Exponent(-12)..=Exponent(12));
        let is_rounded = section.value("rounded", .., false);
        let absence = section.value("absent", .., Absent(Absence::Usual)).0;
        let (Mapped(item), start, kind, Exponent(exponent)): (_, u16, NumberKind, _) =
            (item?, start?, kind?, exponent?);
        let row =
            Self { item, table, start, form: NumberForm { kind, order, exponent, is_rounded, absence } };
        row.check(section);
        Some(row)
    }

    fn check(&self, section: &mut Section<'_>) {
        let Self { item, form, .. } = self;
        let decimals = item.decimals();
        section.check(
            self.end() <= 65_536,
            &["type", "register"],
            FaultKind::Expected(Words::of(
                "a register behind which the whole number has room, up to 65535",
                "寄存器地址，且其后各寄存器不超过 65535",
            )),
        );
        let is_kept = form.is_rounded || form.is_exact_for(*item);
        let code = item.code();
        let words = if form.kind == NumberKind::Float {
            Words::new(
                format!(
                    "true for type \"f32\": its value is rounded to the {decimals} decimals that {code} keeps"
                ),
                format!("类型 \"f32\" 须为 true：其值四舍五入到 {code} 保留的 {decimals} 位小数"),
            )
        } else {
            Words::new(
                format!("true, or an exponent from -{decimals} on: {code} keeps {decimals} decimals"),
                format!(" true，或指数不小于 -{decimals}：{code} 保留 {decimals} 位小数"),
            )
        };
        section.check(is_kept, &["item", "type", "exponent", "rounded"], FaultKind::Expected(words));
        let width = usize::from(form.kind.words()) * 4;
        let fits = match form.absence {
            Absence::Bits(bits) => width >= 16 || bits >> (width * 4) == 0,
            Absence::Usual | Absence::Never => true,
        };
        section.check(
            fits,
            &["type", "absent"],
            FaultKind::Expected(Words::new(
                format!("at most {width} hexadecimal digits, as the type has"),
                format!("不超过该类型的 {width} 位十六进制数"),
            )),
        );
    }
}

impl Choice for Table {
    fn choices() -> Vec<(Self, &'static str)> {
        vec![(Self::Holding, "holding"), (Self::Input, "input")]
    }
}

impl Choice for NumberKind {
    fn choices() -> Vec<(Self, &'static str)> {
        vec![
            (Self::Unsigned(1), "u16"),
            (Self::Signed(1), "i16"),
            (Self::Unsigned(2), "u32"),
            (Self::Signed(2), "i32"),
            (Self::Unsigned(4), "u64"),
            (Self::Signed(4), "i64"),
            (Self::Bcd(1), "bcd4"),
            (Self::Bcd(2), "bcd8"),
            (Self::Float, "f32"),
        ]
    }
}

impl Choice for WordOrder {
    fn choices() -> Vec<(Self, &'static str)> {
        vec![(Self::HighFirst, "high-first"), (Self::LowFirst, "low-first")]
    }
}

/// Any item.
struct Mapped(Item);

impl Setting for Mapped {
    fn form() -> Words {
        Words::of(
            "the OBIS code of an item, such as \"1.8.0\" or \"32.7.0\"",
            "测量量的 OBIS 代码，如 \"1.8.0\" 或 \"32.7.0\"",
        )
    }

    fn read(value: &DeValue<'_>) -> Option<Self> {
        Item::parse(value.as_str()?).map(Self)
    }

    fn show(&self) -> String {
        show_item(self.0)
    }
}

/// A power of ten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Exponent(i8);

impl Setting for Exponent {
    fn form() -> Words {
        Words::of("a whole number", "整数")
    }

    fn read(value: &DeValue<'_>) -> Option<Self> {
        let integer = value.as_integer()?;
        i8::from_str_radix(integer.as_str(), integer.radix()).ok().map(Self)
    }

    fn show(&self) -> String {
        self.0.to_string()
    }
}

/// What stands for no value.
struct Absent(Absence);

impl Setting for Absent {
    fn form() -> Words {
        Words::of(
            "\"usual\", \"never\", or the bits in hexadecimal such as \"FFFF0000\"",
            " \"usual\"、\"never\"，或十六进制的各位，如 \"FFFF0000\"",
        )
    }

    fn read(value: &DeValue<'_>) -> Option<Self> {
        let text = value.as_str()?;
        Some(Self(match text {
            "usual" => Absence::Usual,
            "never" => Absence::Never,
            digits => {
                let is_hex =
                    (1..=16).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
                Absence::Bits(u64::from_str_radix(digits, 16).ok().filter(|_| is_hex)?)
            }
        }))
    }

    fn show(&self) -> String {
        match self.0 {
            Absence::Usual => "\"usual\"".to_owned(),
            Absence::Never => "\"never\"".to_owned(),
            Absence::Bits(bits) => format!("\"{bits:X}\""),
        }
    }
}

/// What one answer holds. [Modbus 6.3]
const MOST_REGISTERS: u32 = 125;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::profile::{MeterProfile, Profiles};
    use crate::config::section::Source;
    use crate::domain::MeterProtocol;

    const HEAD: &str = "name = \"map\"\nabout = \"a test\"\nprotocol = \"modbus\"\n";

    /// The profile of a file, and its faults with their lines.
    fn read(text: &str) -> (MeterProfile, Vec<String>) {
        let built_in: Vec<MeterProfile> = Profiles::default().all().cloned().collect();
        let (profile, faults, _) = Source::new(Path::new("map.toml"), text)
            .read(|root| crate::config::profile::read(root, &built_in, &built_in[0]));
        let told = faults.iter().map(|fault| {
            let line = fault.line.map(|line| line.to_string()).unwrap_or_default();
            format!("{line} {}: {}", fault.key, fault.kind())
        });
        (profile, told.collect())
    }

    fn row(lines: &str) -> Vec<String> {
        read(&format!("{HEAD}[[register]]\n{lines}\n")).1
    }

    #[test]
    fn what_a_map_says_is_what_is_read() {
        let text = "[line]\nbaud = 19200\n[registers]\nwhole_digits = 10\n\
            [[register]]\nitem = \"1-0:2.8.3\"\nfunction = \"input\"\nregister = 0x10\ntype = \"i64\"\n\
            word_order = \"low-first\"\nexponent = -4\nabsent = \"8000000000000000\"\n";
        let (profile, faults) = read(&format!("{HEAD}{text}"));
        assert_eq!(faults, Vec::<String>::new());
        assert_eq!(
            (profile.protocol, profile.baud, profile.tariffs),
            (MeterProtocol::Modbus, Some(19_200), 3)
        );
        assert_eq!((profile.daily_freezes, profile.load_record, profile.wake_up_bytes), (0, false, 0));
        let item = Item::parse("2.8.3").unwrap();
        let form = NumberForm {
            kind: NumberKind::Signed(4),
            order: WordOrder::LowFirst,
            exponent: -4,
            is_rounded: false,
            absence: Absence::Bits(1 << 63),
        };
        assert_eq!(profile.map.row(item), Some(&MapRow { item, table: Table::Input, start: 16, form }));
        assert!(profile.limits(item).is_some_and(|limits| limits.capacity == 100_000_000_000_000));
    }

    #[test]
    fn f38_every_fault_of_a_map_is_told_with_its_line() {
        let good = "item = \"1.8.0\"\nregister = 1\ntype = \"u32\"\nexponent = -2";
        assert_eq!(row(good), Vec::<String>::new());
        for (lines, told) in [
            ("item = \"1.9.9\"\nregister = 1\ntype = \"u32\"\nexponent = 0", "5 register[1].item: expected"),
            (
                "item = \"1.8.0\"\nregister = 65536\ntype = \"u32\"\nexponent = 0",
                "6 register[1].register: expected",
            ),
            (
                "item = \"1.8.0\"\nregister = 65535\ntype = \"u32\"\nexponent = 0",
                "6 register[1].register: expected",
            ),
            ("item = \"1.8.0\"\nregister = 1\ntype = \"u24\"\nexponent = 0", "7 register[1].type: expected"),
            ("item = \"1.8.0\"\nregister = 1\ntype = \"u32\"", "4 register[1].exponent: missing"),
            (
                "item = \"1.8.0\"\nregister = 1\ntype = \"u32\"\nexponent = -13",
                "8 register[1].exponent: expected",
            ),
            // More decimals than the item keeps, and a float, are to be rounded in so many words.
            (
                "item = \"1.8.0\"\nregister = 1\ntype = \"u32\"\nexponent = -5",
                "4 register[1].rounded: expected",
            ),
            (
                "item = \"32.7.0\"\nregister = 1\ntype = \"u16\"\nexponent = -2",
                "4 register[1].rounded: expected",
            ),
            (
                "item = \"1.8.0\"\nregister = 1\ntype = \"f32\"\nexponent = 0",
                "4 register[1].rounded: expected",
            ),
            (
                "item = \"1.8.0\"\nregister = 1\ntype = \"u16\"\nexponent = 0\nabsent = \"FFFFF\"",
                "9 register[1].absent: expected",
            ),
            (
                "item = \"1.8.0\"\nregister = 1\ntype = \"u16\"\nexponent = 0\nabsent = \"none\"",
                "9 register[1].absent: expected",
            ),
            (
                "item = \"1.8.0\"\nregister = 1\ntype = \"u16\"\nexponent = 0\nfunction = \"coils\"",
                "9 register[1].function: expected",
            ),
            (
                "item = \"1.8.0\"\nregister = 1\ntype = \"u16\"\nexponent = 0\nwrite = true",
                "9 register[1].write: unknown",
            ),
        ] {
            assert_eq!(row(lines), [told], "{lines}");
        }
        assert_eq!(row(&format!("{good}\n[[register]]\n{good}")), ["10 register[2].item: taken"]);
        assert_eq!(read(HEAD).1, [" register: missing"]);
        // What others have it has not.
        let text = format!("{HEAD}like = \"645-1997\"\n[relay]\nswitch = \"none\"\n[[register]]\n{good}\n");
        assert_eq!(read(&text).1, ["4 like: unknown", "5 relay: unknown"]);
        assert_eq!(
            read(&format!("{HEAD}[[register]]\n{good}\n").replace("modbus", "645-2007")).1[0],
            "3 protocol: expected"
        );
        let other = format!("name = \"a\"\nabout = \"b\"\n[[register]]\n{good}\n");
        assert_eq!(read(&other).1, ["3 register: unknown"]);
    }

    #[test]
    fn registers_that_follow_one_another_are_read_by_one_question() {
        let row = |item: &str, start: u32, kind: &str| {
            format!("[[register]]\nitem = \"{item}\"\nregister = {start}\ntype = \"{kind}\"\nexponent = 0\n")
        };
        let map = |rows: &[String]| read(&format!("{HEAD}{}", rows.concat())).0.map;
        let spans = |map: &RegisterMap| {
            let spans = map.spans(|_| true);
            spans.iter().map(|span| (span.start, span.count, span.rows.len())).collect::<Vec<_>>()
        };
        // Out of order, with a hole, and two items in the same registers.
        let of = map(&[
            row("1.8.1", 12, "u32"),
            row("1.8.0", 10, "u32"),
            row("2.8.0", 10, "u16"),
            row("3.8.0", 15, "u16"),
        ]);
        assert_eq!(spans(&of), [(10, 4, 3), (15, 1, 1)]);
        assert_eq!(of.spans(|item| item.tariff() == 1).len(), 1);
        let many: Vec<String> =
            (0..=40_u8).map(|tariff| row(&format!("1.8.{tariff}"), u32::from(tariff) * 4, "u64")).collect();
        assert_eq!(spans(&map(&many)), [(0, 124, 31), (124, 40, 10)]);
        let words: Vec<u16> = (0..4).collect();
        let span = &of.spans(|_| true)[0];
        let row = span.rows.iter().find(|row| row.item.tariff() == 1).unwrap();
        assert_eq!(span.words(row, &words), [2, 3]);
        assert_eq!(span.words(row, &words[..3]), [0_u16; 0], "not all of it came");
    }
}
