//! The data unit identifier (数据单元标识): DA names points (信息点, Pn), DT names items (信息类, Fn).
//!
//! ```text
//! DA1 DA2 | DT1 DT2
//! DA2 group of eight points, counted from 1; DA1 a bit for each. 00 00 the terminal itself (p0), FF 00 all points
//! DT2 group of eight items, counted from 0;  DT1 a bit for each
//! ```
//!
//! What a point number stands for (measuring point, summation group, control round, task, port) depends on the item and
//! is told by the catalogue. [1376 1.6]

use core::fmt;

/// A point (信息点): p0 the terminal itself, p1 to p2040 what the item says.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Point(u16);

impl Point {
    /// The terminal itself, p0.
    pub const TERMINAL: Self = Self(0);
    /// The highest number.
    pub const MAX: u16 = 2040;

    /// The point with this number, 0 to 2040.
    #[must_use]
    pub const fn new(number: u16) -> Option<Self> {
        if number <= Self::MAX { Some(Self(number)) } else { None }
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{}", self.0)
    }
}

impl fmt::Debug for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An item (信息类): F1 to F248 in the standard; what is read may go up to F2048, which makers use.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FnNumber(u16);

impl FnNumber {
    /// The highest number of the standard.
    pub const MAX: u16 = 248;

    /// The item with this number, 1 to 248.
    #[must_use]
    pub const fn new(number: u16) -> Option<Self> {
        if number >= 1 && number <= Self::MAX { Some(Self(number)) } else { None }
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }
}

impl fmt::Display for FnNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "F{}", self.0)
    }
}

impl fmt::Debug for FnNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// DA as it stands on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PointField(pub [u8; 2]);

/// What a DA names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// The terminal itself, p0.
    Terminal,
    /// All configured measuring points.
    All,
    /// One to eight points of one group.
    Points,
    /// No point: no bit is set, or the group is 0.
    Nothing,
}

impl PointField {
    /// The terminal itself, p0.
    pub const TERMINAL: Self = Self([0, 0]);
    /// All configured measuring points.
    pub const ALL: Self = Self([0xFF, 0]);

    /// Names one point.
    #[must_use]
    pub fn of(point: Point) -> Self {
        let Some(before) = point.0.checked_sub(1) else { return Self::TERMINAL };
        // 2040 points are 255 groups, so the group fits.
        let [group, _] = (before / 8 + 1).to_le_bytes();
        Self([1 << (before % 8), group])
    }

    /// Names all of `points` in as few fields as there are groups, lowest first; the terminal gets a field of its own.
    ///
    /// ```
    /// use gdw1376::identifier::{Point, PointField};
    /// let points: Vec<Point> = (1..=9).filter_map(Point::new).collect();
    /// assert_eq!(PointField::cover(&points), [PointField([0xFF, 1]), PointField([0x01, 2])]);
    /// ```
    #[must_use]
    pub fn cover(points: &[Point]) -> Vec<Self> {
        let mut sorted: Vec<Self> = points.iter().map(|point| Self::of(*point)).collect();
        sorted.sort_unstable_by_key(|Self([_, group])| *group);
        sorted.dedup_by(|Self([bit, group]), Self([bits, kept])| {
            let same = group == kept;
            if same {
                *bits |= *bit;
            }
            same
        });
        sorted
    }

    /// What kind of name it is.
    #[must_use]
    pub const fn named(self) -> Named {
        match self.0 {
            [0, 0] => Named::Terminal,
            [0xFF, 0] => Named::All,
            [0, _] | [_, 0] => Named::Nothing,
            _ => Named::Points,
        }
    }

    /// The points it names, lowest first: p0 for the terminal, none for all points, whose numbers it does not tell.
    pub fn points(self) -> impl Iterator<Item = Point> + Clone {
        let Self([bits, group]) = self;
        let terminal = (self.named() == Named::Terminal).then_some(Point::TERMINAL);
        let first = group.checked_sub(1).map(|group| u16::from(group) * 8 + 1);
        let named = (0..8_u16)
            .filter(move |bit| bits >> bit & 1 == 1)
            .filter_map(move |bit| first.map(|first| Point(first + bit)));
        terminal.into_iter().chain(named)
    }
}

impl fmt::Display for PointField {
    /// `p1,p2`, `p0`, `p*` for all points, and the bytes in brackets where they name nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [low, high] = self.0;
        match self.named() {
            Named::All => write!(f, "p*"),
            Named::Nothing => write!(f, "p[{low:02X} {high:02X}]"),
            Named::Terminal | Named::Points => write_list(f, self.points()),
        }
    }
}

impl fmt::Debug for PointField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// DT as it stands on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FnField(pub [u8; 2]);

impl FnField {
    /// Names one item.
    #[must_use]
    pub fn of(function: FnNumber) -> Self {
        let before = function.0.saturating_sub(1);
        let [group, _] = (before / 8).to_le_bytes();
        Self([1 << (before % 8), group])
    }

    /// Names all of `functions` in as few fields as there are groups, lowest first.
    #[must_use]
    pub fn cover(functions: &[FnNumber]) -> Vec<Self> {
        let mut sorted: Vec<Self> = functions.iter().map(|function| Self::of(*function)).collect();
        sorted.sort_unstable_by_key(|Self([_, group])| *group);
        sorted.dedup_by(|Self([bit, group]), Self([bits, kept])| {
            let same = group == kept;
            if same {
                *bits |= *bit;
            }
            same
        });
        sorted
    }

    /// The items it names, lowest first; none when no bit is set.
    pub fn functions(self) -> impl Iterator<Item = FnNumber> + Clone {
        let Self([bits, group]) = self;
        let first = u16::from(group) * 8 + 1;
        (0..8_u16).filter(move |bit| bits >> bit & 1 == 1).map(move |bit| FnNumber(first + bit))
    }
}

impl fmt::Display for FnField {
    /// `F161,F163`, and the bytes in brackets where they name nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [0, high] => write!(f, "F[00 {high:02X}]"),
            _ => write_list(f, self.functions()),
        }
    }
}

impl fmt::Debug for FnField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// DA and DT together.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identifier {
    /// DA.
    pub points: PointField,
    /// DT.
    pub functions: FnField,
}

impl Identifier {
    /// How many bytes it has on the wire.
    pub const WIDTH: usize = 4;

    /// Names one item of one point.
    #[must_use]
    pub fn of(point: Point, function: FnNumber) -> Self {
        Self { points: PointField::of(point), functions: FnField::of(function) }
    }

    /// Takes the bytes in wire order.
    #[must_use]
    pub const fn from_wire([da1, da2, dt1, dt2]: [u8; 4]) -> Self {
        Self { points: PointField([da1, da2]), functions: FnField([dt1, dt2]) }
    }

    /// The bytes in wire order.
    #[must_use]
    pub const fn wire(self) -> [u8; 4] {
        let (PointField([da1, da2]), FnField([dt1, dt2])) = (self.points, self.functions);
        [da1, da2, dt1, dt2]
    }

    /// What it names, in the order in which data follow: lowest point first and, inside it, lowest item first.
    pub fn pairs(self) -> impl Iterator<Item = (Point, FnNumber)> {
        let functions = self.functions;
        self.points
            .points()
            .flat_map(move |point| functions.functions().map(move |function| (point, function)))
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.points, self.functions)
    }
}

impl fmt::Debug for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn write_list(f: &mut fmt::Formatter<'_>, list: impl Iterator<Item = impl fmt::Display>) -> fmt::Result {
    for (place, one) in list.enumerate() {
        let comma = if place == 0 { "" } else { "," };
        write!(f, "{comma}{one}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    // covers [1376 1.6]
    #[test]
    fn the_examples_of_the_text() {
        for (number, wire) in [
            (0, [0x00, 0x00]),
            (1, [0x01, 0x01]),
            (2, [0x02, 0x01]),
            (8, [0x80, 0x01]),
            (9, [0x01, 0x02]),
            (100, [0x08, 0x0D]),
            (2040, [0x80, 0xFF]),
        ] {
            assert_eq!(PointField::of(Point::new(number).unwrap()).0, wire, "p{number}");
        }
        for (number, wire) in [
            (1, [0x01, 0x00]),
            (2, [0x02, 0x00]),
            (3, [0x04, 0x00]),
            (10, [0x02, 0x01]),
            (25, [0x01, 0x03]),
            (129, [0x01, 0x10]),
            (161, [0x01, 0x14]),
            (248, [0x80, 0x1E]),
        ] {
            assert_eq!(FnField::of(FnNumber::new(number).unwrap()).0, wire, "F{number}");
        }
    }

    #[test]
    fn every_point_and_item_comes_back_alone() {
        for number in 0..=Point::MAX {
            let point = Point::new(number).unwrap();
            assert!(PointField::of(point).points().eq([point]));
        }
        for number in 1..=FnNumber::MAX {
            let function = FnNumber::new(number).unwrap();
            assert!(FnField::of(function).functions().eq([function]));
        }
        assert_eq!(Point::new(2041), None);
        assert_eq!((FnNumber::new(0), FnNumber::new(249)), (None, None));
    }

    #[test]
    fn data_follow_point_by_point_and_item_by_item() {
        let identifier = Identifier::from_wire([0x03, 0x01, 0x05, 0x14]);
        let pairs: Vec<String> =
            identifier.pairs().map(|(point, function)| format!("{point}{function}")).collect();
        assert_eq!(pairs, ["p1F161", "p1F163", "p2F161", "p2F163"]);
        assert_eq!(identifier.to_string(), "p1,p2 F161,F163");
        assert_eq!(Identifier::from_wire(identifier.wire()), identifier);
    }

    #[test]
    fn all_points_and_empty_names_name_no_point() {
        assert_eq!(PointField::ALL.named(), Named::All);
        assert_eq!(PointField::ALL.points().count(), 0);
        for wire in [[0x01, 0x00], [0x00, 0x05], [0xFE, 0x00]] {
            assert_eq!(PointField(wire).named(), Named::Nothing, "{wire:02X?}");
            assert_eq!(PointField(wire).points().count(), 0);
        }
        assert_eq!(FnField([0, 3]).functions().count(), 0);
        assert_eq!(PointField([0x01, 0x00]).to_string(), "p[01 00]");
        assert_eq!(FnField([0x02, 0x7D]).to_string(), "F1002", "a maker's own");
    }

    #[test]
    fn covering_names_each_point_once() {
        let points: Vec<Point> = [17, 3, 0, 2040, 3, 8, 9].into_iter().filter_map(Point::new).collect();
        let fields = PointField::cover(&points);
        let named: Vec<u16> = fields.iter().flat_map(|field| field.points()).map(Point::number).collect();
        assert_eq!(named, [0, 3, 8, 9, 17, 2040]);
        assert_eq!(fields.len(), 5);
        let functions: Vec<FnNumber> = [163, 161, 177].into_iter().filter_map(FnNumber::new).collect();
        assert_eq!(FnField::cover(&functions), [FnField([0x05, 0x14]), FnField([0x01, 0x16])]);
    }
}
