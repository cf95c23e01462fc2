//! What stands against an entry, as a fault of its line.

use super::column::Column;
use super::words::energy;
use crate::config::Words;
use crate::domain::{ArchiveProblem, Numbered};

/// The column a problem is told of.
pub(super) const fn column_of(problem: &ArchiveProblem) -> Column {
    match problem {
        ArchiveProblem::RepeatedMeter { .. }
        | ArchiveProblem::MeterElsewhere { .. }
        | ArchiveProblem::RepeatedUnit { .. }
        | ArchiveProblem::UnitTaken { .. } => Column::MeterAddress,
        ArchiveProblem::RepeatedPoint { .. } | ArchiveProblem::PointHasMeter { .. } => Column::PointNumber,
        ArchiveProblem::RepeatedMeasuringPoint { .. } | ArchiveProblem::MeasuringPointTaken { .. } => {
            Column::MeasuringPoint
        }
        ArchiveProblem::RepeatedAsset { .. } | ArchiveProblem::AssetTaken { .. } => Column::AssetNumber,
        ArchiveProblem::OtherCustomer { .. } | ArchiveProblem::OtherZeros { of: Numbered::Customer, .. } => {
            Column::CustomerNumber
        }
        ArchiveProblem::OtherZeros { of: Numbered::Point, .. } => Column::PointNumber,
        ArchiveProblem::OtherZeros { of: Numbered::Area, .. } => Column::TransformerArea,
        ArchiveProblem::OtherZeros { of: Numbered::Route, .. } => Column::Route,
        ArchiveProblem::OtherZeros { of: Numbered::Asset, .. } => Column::AssetNumber,
        ArchiveProblem::OtherFeeder { .. } => Column::Feeder,
        ArchiveProblem::OtherReadingDay { .. } => Column::ReadingDay,
        ArchiveProblem::Overlap | ArchiveProblem::OtherInstallation { .. } => Column::InstalledAt,
        ArchiveProblem::OtherTransformers { .. } | ArchiveProblem::Multiplier => Column::Ct,
        ArchiveProblem::Protected => Column::Protected,
        ArchiveProblem::UndatedFirstReading
        | ArchiveProblem::LateFirstReading
        | ArchiveProblem::OtherFirstReading { .. } => Column::FirstReading,
    }
}

/// What is wrong and what to do; `first` is the line of the earlier entry, for those that name one.
pub(super) fn words(problem: &ArchiveProblem, first: Option<u64>) -> Words {
    among_lines(problem, first.unwrap_or(0)).unwrap_or_else(|| against_kept(problem))
}

/// What lines of one file say against each other.
fn among_lines(problem: &ArchiveProblem, first: u64) -> Option<Words> {
    let of = |en: &str, zh: &str| {
        Words::new(en.replace("{}", &first.to_string()), zh.replace("{}", &first.to_string()))
    };
    Some(match problem {
        ArchiveProblem::RepeatedMeter { .. } => {
            of("line {} has the same meter; take one of them out", "与第 {} 行是同一只电能表，请删除其中一行")
        }
        ArchiveProblem::RepeatedPoint { .. } => of(
            "line {} has the same metering point; give each its own",
            "与第 {} 行的计量点相同，请改成不同的编号",
        ),
        ArchiveProblem::RepeatedMeasuringPoint { .. } => of(
            "line {} has the same measuring point of this terminal; give each its own",
            "与第 {} 行是同一终端的同一测量点，请改成不同的测量点号",
        ),
        ArchiveProblem::RepeatedUnit { .. } => of(
            "line {} has the same unit number (the last three digits) on this line; give each Modbus meter its own",
            "与第 {} 行在同一线路上的单元号（末三位）相同，请给每只 Modbus 表不同的单元号",
        ),
        ArchiveProblem::RepeatedAsset { .. } => of(
            "line {} has the same asset number; correct one of them, or leave it empty",
            "与第 {} 行的资产编号相同，请更正或留空",
        ),
        ArchiveProblem::OtherCustomer { .. } => of(
            "line {} says another name or class of this customer; write the same in both",
            "与第 {} 行同一户号的户名或用户类别不一致，请改成一致",
        ),
        ArchiveProblem::OtherFeeder { .. } => of(
            "line {} hangs this transformer area on another feeder; write the same in both",
            "与第 {} 行同一台区的 10kV 线路不一致，请改成一致",
        ),
        ArchiveProblem::OtherReadingDay { .. } => of(
            "line {} gives this reading route another reading day; write the same in both",
            "与第 {} 行同一抄表段的抄表例日不一致，请改成一致",
        ),
        _ => return None,
    })
}

/// What the archive that is kept says against a line.
fn against_kept(problem: &ArchiveProblem) -> Words {
    match problem {
        ArchiveProblem::PointHasMeter { address } => Words::new(
            format!(
                "meter {address} measures this point; a file does not exchange meters: record an exchange"
            ),
            format!("该计量点已装有电能表 {address}；文件导入不办理换表，请登记换表"),
        ),
        ArchiveProblem::MeterElsewhere { point } => Words::new(
            format!("the meter measures point {point}; correct the file, or record an exchange there first"),
            format!("该电能表正在计量点 {point} 运行；请更正文件，或先在该处登记换表"),
        ),
        ArchiveProblem::MeasuringPointTaken { address } => Words::new(
            format!("meter {address} has this measuring point of the terminal; give each its own"),
            format!("该终端的这个测量点已属于电能表 {address}，请改成不同的测量点号"),
        ),
        ArchiveProblem::UnitTaken { address } => Words::new(
            format!(
                "meter {address} has this unit number (the last three digits) on the line; give each its own"
            ),
            format!("该线路上的这个单元号（末三位）已属于电能表 {address}，请改成不同的单元号"),
        ),
        ArchiveProblem::AssetTaken { address } => Words::new(
            format!("meter {address} has this asset number; correct it, or leave it empty"),
            format!("该资产编号已属于电能表 {address}，请更正或留空"),
        ),
        ArchiveProblem::OtherZeros { known, .. } => Words::new(
            format!(
                "recorded is {known}, with the zeros before it: write it so, and give the column the format text, or a spreadsheet \
                 takes them away"
            ),
            format!(
                "已登记的是 {known}（有前导零）；请按已登记的填写，并将该列设为“文本”格式（否则电子表格会去掉前导零）"
            ),
        ),
        ArchiveProblem::Overlap => Words::of(
            "lies before the last meter was taken out here, or before this one was taken out elsewhere",
            "早于此处上一只电能表的拆除时间，或早于该表在别处的拆除时间",
        ),
        ArchiveProblem::OtherInstallation { installed_at } => Words::new(
            format!(
                "the meter is recorded as installed at {}; a file does not change that",
                installed_at.in_china()
            ),
            format!("已登记的安装时间为 {}；文件导入不能更改", installed_at.in_china()),
        ),
        ArchiveProblem::OtherTransformers { ct, vt } => Words::new(
            format!(
                "recorded are CT {ct} and PT {vt}; a change counts from an instant on and needs two persons"
            ),
            format!("已登记 CT {ct}、PT {vt}；变更须注明生效时间并由两人办理，不能通过文件导入"),
        ),
        ArchiveProblem::Multiplier => {
            Words::of("the multiplier has more than two decimals or is too large", "倍率超过两位小数或过大")
        }
        ArchiveProblem::Protected => Words::of(
            "the point is protected, by an entry or by the class of its customer; a file cannot take that away: enter a protection \
             of its own first, which two approvers can end",
            "该计量点受保护（保护标记或重要用户）；不能通过文件取消，请先单独登记保护，再由两名审批员解除",
        ),
        ArchiveProblem::OtherFirstReading { recorded } => Words::new(
            format!(
                "the recorded first reading is {} kWh; a file does not change readings",
                energy(*recorded)
            ),
            format!("已登记的起度为 {} kWh；文件导入不能更改示值", energy(*recorded)),
        ),
        ArchiveProblem::LateFirstReading => Words::of(
            "the meter is installed already without a first reading, which is taken only with a new one; take this out",
            "该电能表此前导入时没有起度；起度只在新装时登记，请删除此项",
        ),
        ArchiveProblem::UndatedFirstReading => Words::of(
            "has no meaning without the day of installation; fill that in, or take this out",
            "缺少安装日期时没有意义，请补填安装日期或删除此项",
        ),
        // Those among lines were told above.
        _ => Words::of("does not go with another line", "与其他行不一致"),
    }
}
