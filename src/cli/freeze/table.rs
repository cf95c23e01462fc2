//! The values of a freeze, the tariffs of a register beside each other.

use std::io::{self, Write};

use dlt645::explain::ShownValue;

use super::super::decode::show;

pub(super) fn values(out: &mut impl Write, values: &[ShownValue]) -> io::Result<()> {
    let mut rest = values;
    while let Some(first) = rest.first() {
        let length = rest.iter().take_while(|value| is_beside(first, value)).count();
        let (own, behind) = rest.split_at(length.max(1));
        rest = behind;
        if length < 2 {
            own.iter().try_for_each(|value| show::value(out, value, "  "))?;
            continue;
        }
        let (name, name_zh) = (base(&first.name), base_zh(&first.name_zh));
        writeln!(out, "  {name}  {name_zh}  {}", first.unit.unwrap_or_default())?;
        let cells: Vec<String> = own.iter().map(cell).collect();
        writeln!(out, "      {}", cells.join("   "))?;
    }
    Ok(())
}

/// True for registers that differ in their tariff alone and have no time of their own.
fn is_beside(first: &ShownValue, value: &ShownValue) -> bool {
    let is_plain = |value: &ShownValue| {
        value.tariff.is_some() && value.at.is_none() && value.at_absent.is_none() && value.bits.is_empty()
    };
    is_plain(first) && is_plain(value) && base(&first.name) == base(&value.name)
}

fn cell(value: &ShownValue) -> String {
    let number = value.value.as_deref().or(value.absent).unwrap_or("-");
    match value.tariff {
        Some(0) | None => format!("total 总 {number}"),
        Some(tariff) => format!("T{tariff} {number}"),
    }
}

fn base(name: &str) -> &str {
    let end = name.rfind(", total").or_else(|| name.rfind(", tariff "));
    end.and_then(|end| name.get(..end)).unwrap_or(name)
}

fn base_zh(name: &str) -> &str {
    let end = name.rfind("(总)").or_else(|| name.rfind("(费率"));
    end.and_then(|end| name.get(..end)).unwrap_or(name)
}
