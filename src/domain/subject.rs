//! What alarms and entries of the audit log are about, in Chinese. It is kept once, a fixed English word with a number or a
//! name behind it.

/// A subject with its first words in Chinese; one that is not known stays as it is.
#[must_use]
pub fn subject_zh(subject: &str) -> String {
    let known = WORDS.iter().find_map(|(en, zh)| {
        let rest = subject.strip_prefix(en)?;
        if rest.is_empty() {
            return Some((*zh).to_owned());
        }
        let rest = rest.strip_prefix(' ')?;
        // `order 7 point P1`, `halt clock`: what stands behind may be one itself.
        Some(format!("{zh}{}", behind(rest)))
    });
    known.unwrap_or_else(|| subject.to_owned())
}

fn behind(rest: &str) -> String {
    if let Some((_, zh)) = HALTS.iter().find(|(en, _)| *en == rest) {
        return format!("：{zh}");
    }
    if let Some(whose) = rest.strip_suffix(" data") {
        return format!("{whose} 数据上报");
    }
    match rest.split_once(" point ") {
        Some((number, point)) => format!("{number} 计量点{point}"),
        None => rest.to_owned(),
    }
}

/// Longer ones before those that they begin with.
const WORDS: &[(&str, &str)] = &[
    ("account", "账号"),
    ("alarm", "告警"),
    ("archive", "档案"),
    ("area", "台区"),
    ("audit", "审计日志"),
    ("audit log", "审计日志"),
    ("batch", "批次"),
    ("calendar", "停电日历"),
    ("ceilings", "停电上限"),
    ("channel", "通道"),
    ("clock", "时钟"),
    ("cuts", "停电"),
    ("data key", "数据密钥"),
    ("disk", "磁盘"),
    ("entries", "条目"),
    ("halt", "停电暂停"),
    ("line", "线路"),
    ("meter", "电表"),
    ("night", "夜间采集"),
    ("order", "工单"),
    ("orders", "工单"),
    ("point", "计量点"),
    ("proposal", "变更"),
    ("protections", "保护名单"),
    ("read job", "召测任务"),
    ("receiver", "接收方"),
    ("run", "采集"),
    ("second factors", "第二因素"),
    ("site", "全站"),
    ("stop", "急停"),
    ("stop_file", "急停文件"),
    ("terminal", "终端"),
    ("terminals", "终端"),
    ("terms", "停电条件"),
    ("token", "令牌"),
];

const HALTS: &[(&str, &str)] = &[
    ("clock", "时钟跳变"),
    ("stop", "急停"),
    ("stop_file", "急停文件"),
    ("database_behind", "数据库缺失记录"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_has_its_first_words_in_chinese() {
        for (en, zh) in [
            ("order 7", "工单7"),
            ("order 7 point P1", "工单7 计量点P1"),
            ("line east 2", "线路east 2"),
            ("read job 3", "召测任务3"),
            ("halt clock", "停电暂停：时钟跳变"),
            ("clock", "时钟"),
            ("terminal 1100-777 data", "终端1100-777 数据上报"),
            ("ordered", "ordered"),
            ("/meters?csv=all", "/meters?csv=all"),
            ("", ""),
        ] {
            assert_eq!(subject_zh(en), zh);
        }
    }
}
