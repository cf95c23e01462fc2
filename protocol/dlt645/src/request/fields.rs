//! The fields that requests and answers are made of, as parsers.

use nom::bytes::complete::take;
use nom::combinator::{map_opt, rest};
use nom::{IResult, Parser};

use crate::data_id::DataId;
use crate::edition::Edition;
use crate::meter_time::{Civil, MeterTime, TimeFormat};
use crate::password::OperatorCode;

/// What is left, and what was read; why it failed is told by whoever knows the function.
pub(crate) type Parsed<'a, T> = IResult<&'a [u8], T, ()>;

/// `N` bytes.
pub(crate) fn array<const N: usize>(input: &[u8]) -> Parsed<'_, [u8; N]> {
    map_opt(take(N), |bytes: &[u8]| bytes.try_into().ok()).parse(input)
}

/// One byte.
pub(crate) fn byte(input: &[u8]) -> Parsed<'_, u8> {
    nom::number::complete::u8(input)
}

/// An identifier in the width of its edition.
pub(crate) fn item<'a>(edition: Edition) -> impl Fn(&'a [u8]) -> Parsed<'a, DataId> {
    move |input| match DataId::split(edition, input) {
        Some((item, left)) => Ok((left, item)),
        None => Err(nom::Err::Error(())),
    }
}

/// C0..C3.
pub(crate) fn operator(input: &[u8]) -> Parsed<'_, OperatorCode> {
    array.map(OperatorCode::from_wire).parse(input)
}

/// A time in `format`, possible or not.
pub(crate) fn time<'a>(format: TimeFormat) -> impl Fn(&'a [u8]) -> Parsed<'a, Option<Civil>> {
    move |input| {
        take(format.width())
            .map(|wire: &[u8]| MeterTime::from_wire(format, wire).and_then(MeterTime::civil))
            .parse(input)
    }
}

/// Everything that is left.
pub(crate) fn remainder(input: &[u8]) -> Parsed<'_, &[u8]> {
    rest(input)
}

/// Reads the whole of `data` by `parser`; `None` when bytes are missing or left over.
pub(crate) fn whole<'a, T>(
    data: &'a [u8],
    parser: impl Parser<&'a [u8], Output = T, Error = ()>,
) -> Option<T> {
    nom::combinator::all_consuming(parser).parse(data).ok().map(|(_, value)| value)
}

/// Appends a time in `format`.
pub(crate) fn put_time(format: TimeFormat, moment: Civil, out: &mut Vec<u8>) {
    out.extend(MeterTime::from_civil(format, moment).wire());
}
