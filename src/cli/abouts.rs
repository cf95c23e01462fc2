//! What each command is for, in Chinese: the first sentence of its help, in front of the English one.

use clap::Command;

/// The command with all below it, each opening in Chinese.
pub(super) fn in_both(command: Command) -> Command {
    let below: Vec<String> = command.get_subcommands().map(|below| below.get_name().to_owned()).collect();
    below
        .into_iter()
        .fold(told(command, ""), |command, name| command.mut_subcommand(&name, |below| of_path(below, &name)))
}

fn of_path(command: Command, path: &str) -> Command {
    let below: Vec<String> = command.get_subcommands().map(|below| below.get_name().to_owned()).collect();
    below.into_iter().fold(told(command, path), |command, name| {
        command.mut_subcommand(&name, |below| of_path(below, &format!("{path} {name}")))
    })
}

fn told(command: Command, path: &str) -> Command {
    let Some(zh) = zh(path) else { return command };
    let both = |en: &clap::builder::StyledStr| format!("{zh}  {en}");
    let (short, long) = (command.get_about().map(both), command.get_long_about().map(both));
    let command = match short {
        Some(short) => command.about(short),
        None => command.about(zh),
    };
    match long {
        Some(long) => command.long_about(long),
        None => command,
    }
}

fn zh(path: &str) -> Option<&'static str> {
    ABOUTS.iter().find(|(known, _)| *known == path).map(|(_, zh)| *zh)
}

const ABOUTS: &[(&str, &str)] = &[
    ("", "抄表：DL/T 645 电能表自动抄表主站。"),
    ("demo", "演示：仿真一个小区，当晚抄表、校核、入库、移交核算，全程可看。"),
    ("serve", "运行站点：每日抄表、曲线采集、移交核算，直到停止。"),
    ("collect", "立即抄一天的数据并移交核算。"),
    ("meters", "电能表档案：从文件导入，或导出到文件。"),
    ("meters import", "导入档案文件：整份导入或全不导入，错误逐行逐列列出。"),
    ("meters export", "导出档案文件，可再用 meters import 导入。"),
    ("readings", "导入人工抄见的示值，由另一人确认。"),
    ("readings import", "提交文件中的人工示值：整份提交或全不提交，由另一人在控制台确认。"),
    ("secrets", "电能表密码：用密钥文件封存；查出厂密码。"),
    ("secrets key", "生成密钥文件，仅属主可读；在 [secrets] 的 key_file 中指定。"),
    ("secrets import", "导入密码文件（地址、密级、密码三列），替换原有密码。"),
    ("secrets check", "统计已存密码、出厂密码与缺密码的表，不显示密码本身。"),
    ("secrets rewrap", "使另一密钥文件也能打开密码。"),
    ("secrets forget", "停用配置所指以外的其他密钥文件。"),
    ("billing", "移交核算：已移交、待移交、未结；重新推送与对账。"),
    ("billing list", "列出示值与日电量的各版本及去向，以及未结日期和原因。"),
    ("billing status", "各接收方：等待、已送达、被拒收及最近情况。"),
    ("billing retry", "把接收方拒收的数据重新推送。"),
    ("billing reconcile", "按抄表段与接收方双向对账：条数与合计。"),
    ("billing review", "复核：待人工处理的可疑值及其处理。"),
    ("billing review list", "列出待复核的可疑值，最早的在前。"),
    ("billing review decide", "提交可疑值的处理意见，由另一人在控制台确认。"),
    ("billing swaps", "列出换表记录，每次换表为一对带日期的旧表与新表。"),
    ("orders", "停复电工单：查看、申请停电、复电、急停、导入规则所需清单。"),
    ("orders list", "列出工单，最新的在前。"),
    ("orders show", "显示一张工单及其计量点、审批与下发记录。"),
    ("orders cut", "申请在时段内停电，须另一人在控制台审批。"),
    ("orders restore", "复电：下发合闸允许，由用户按键合闸。"),
    ("orders direct-close", "复电：直接合闸，须填写安全说明。"),
    ("orders alarm", "报警或报警解除。"),
    ("orders hold", "保电：电能表在任何命令下都保持供电。"),
    ("orders end-hold", "申请在时段内解除保电，须另一人在控制台审批。"),
    ("orders cancel", "撤回工单中尚未下发的部分。"),
    ("orders stop", "急停：立即禁止一切停电，须两位审批人在控制台解除。"),
    ("orders import", "导入停复电规则所依据的清单。"),
    ("clock", "本机时钟：列出无法佐证本机时钟的电能表；与时间服务核对后确认。"),
    ("clock show", "列出本机时钟存疑期间所读的电能表及其偏差。"),
    ("clock confirm", "确认本机时钟正确，所列偏差属实。"),
    ("user", "控制台与接口的账号：新建、列出、停用、重置。"),
    ("user add", "新建账号，一次性密码只显示一次。"),
    ("user list", "列出账号。"),
    ("user disable", "停用账号，任何人不能再用它登录。"),
    ("user enable", "重新启用账号。"),
    ("user reset", "重置账号：给一次性密码，清除双因素并解锁。"),
    ("user unlock", "解锁因多次失败而锁定的账号。"),
    ("audit", "审计日志：校验或导出。"),
    ("audit verify", "校验审计日志是否被改动、删减、添加、移位或截断。"),
    ("audit export", "导出审计日志，最早的在前。"),
    ("backup", "备份站点，运行中也可备份，供 restore 恢复。"),
    ("restore", "从备份恢复站点，目标须为空。"),
    ("migrate", "把数据库表升级到本版本，或新建。"),
    ("doctor", "检查站点能否正常工作，并说明如何处理。"),
    ("read", "直接召测一只电能表，不用数据库。"),
    ("scan", "搜表：总线上有哪些表，规约、速率、时钟与电量。"),
    ("time", "读电能表时钟及偏差；加 --set 则校时。"),
    ("freeze", "读冻结数据，如零点示值；加 --now 则下发冻结。"),
    ("load-profile", "读两个时刻之间的负荷记录，缺点如实列出。"),
    ("events", "读事件记录：各类事件次数与最近几次。"),
    ("decode", "解析串口工具中的报文：逐帧说明，指出杂字节与错误。"),
    ("di", "查数据标识：按编码或中英文名称。"),
    ("simulate", "仿真电能表，可用 TCP 端口与伪终端读取。"),
    ("simulate world", "生成仿真世界文件。"),
    ("config", "检查配置文件，或输出示例。"),
    ("config check", "检查配置：列出全部错误；无误则列出生效的各项值。"),
    ("config example", "输出配置示例，每项附说明与默认值。"),
];

#[cfg(test)]
mod tests {
    use super::super::command;
    use super::*;

    /// All commands with their paths.
    fn all(command: &Command, path: &str, found: &mut Vec<(String, String)>) {
        for below in command.get_subcommands() {
            let path = format!("{path} {}", below.get_name()).trim_start().to_owned();
            let about = below.get_about().map(ToString::to_string).unwrap_or_default();
            all(below, &path, found);
            found.push((path, about));
        }
    }

    #[test]
    fn each_command_opens_with_a_chinese_sentence_and_none_is_of_a_command_that_is_gone() {
        let mut found = Vec::new();
        all(&command(), "", &mut found);
        for (path, about) in &found {
            let opens = about.split("。  ").next().unwrap_or_default();
            assert!(!opens.is_ascii() && about.contains("。  "), "{path}: {about}");
        }
        for (path, _) in ABOUTS.iter().filter(|(path, _)| !path.is_empty()) {
            let is_of_simulator = path.starts_with("simulate") || *path == "demo";
            if is_of_simulator && !cfg!(feature = "simulator") {
                continue;
            }
            assert!(found.iter().any(|(known, _)| known == path), "{path}");
        }
        let help = command().find_subcommand("collect").cloned().unwrap().render_help().to_string();
        assert!(help.starts_with("立即抄一天的数据"), "{help}");
    }
}
