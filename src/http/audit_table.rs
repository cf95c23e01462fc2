//! The audit log as a table for spreadsheets (CSV).

use crate::store::AuditRecord;

/// The first line, with the mark by which spreadsheets know UTF-8.
#[must_use]
pub fn audit_csv_head() -> String {
    "\u{feff}number,at,actor,source,action,object,result,order,detail,hash\r\n".to_owned()
}

/// The line of an entry.
#[must_use]
pub fn audit_csv_line(record: &AuditRecord) -> String {
    let AuditRecord { number, at, actor, source, action, object, result, order, detail, hash } = record;
    let order = order.map_or(String::new(), |order| order.to_string());
    let cells = [actor, source, action, object, result, &order, detail, hash].map(|text| cell(text));
    format!("{number},{at},{}\r\n", cells.join(","))
}

/// A cell that no spreadsheet takes for a formula (T13), whatever it holds.
#[must_use]
pub fn cell(text: &str) -> String {
    let begins_formula =
        text.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠', '\t', '\r']);
    let quote = if begins_formula { "'" } else { "" };
    let plain: String =
        text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect();
    format!("\"{quote}{}\"", plain.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t13_a_cell_is_no_formula_and_no_second_line() {
        assert_eq!(cell("=HYPERLINK(\"x\")"), "\"'=HYPERLINK(\"\"x\"\")\"");
        assert_eq!(cell("  @SUM(1)"), "\"'  @SUM(1)\"");
        assert_eq!(cell("＝1+1"), "\"'＝1+1\"");
        assert_eq!(cell("a\0b,c"), "\"a\u{fffd}b,c\"");
        assert_eq!(cell("李娜"), "\"李娜\"");
    }
}
