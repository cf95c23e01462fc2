//! Wrong usage in Chinese: a line below what the parser of arguments says in English, from the kind of the mistake and what it is
//! about.

use clap::error::{ContextKind, ErrorKind};

/// The mistake in Chinese; `None` for what is none, as help that was asked for.
pub(super) fn zh(error: &clap::Error) -> Option<String> {
    let about = |kind| error.get(kind).map(ToString::to_string).filter(|text| !text.is_empty());
    let argument = about(ContextKind::InvalidArg).unwrap_or_else(|| "参数".to_owned());
    let value = about(ContextKind::InvalidValue);
    let mut text = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => return None,
        ErrorKind::UnknownArgument => format!("没有此选项或参数：{argument}"),
        ErrorKind::InvalidSubcommand => {
            format!("没有此命令：{}", about(ContextKind::InvalidSubcommand).unwrap_or_default())
        }
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            "命令不完整：请按上面的帮助补全命令或参数".to_owned()
        }
        ErrorKind::MissingRequiredArgument => format!("缺少必填项：{argument}"),
        ErrorKind::ArgumentConflict => match about(ContextKind::PriorArg) {
            Some(other) => format!("{argument} 不能与 {other} 同时使用，也不能重复"),
            None => format!("{argument} 不能与其他选项同时使用"),
        },
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => match value {
            Some(value) => format!("{argument} 的值“{value}”不符合要求"),
            None => format!("{argument} 缺少值"),
        },
        ErrorKind::NoEquals => format!("{argument} 的值须用 = 连接"),
        ErrorKind::TooManyValues | ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => {
            format!("{argument} 的值的个数不对")
        }
        ErrorKind::InvalidUtf8 => "参数不是 UTF-8 编码".to_owned(),
        _ => "命令行无法识别".to_owned(),
    };
    if let Some(valid) = about(ContextKind::ValidValue) {
        text.push_str(&format!("；可选值：{valid}"));
    }
    let suggested =
        [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue];
    if let Some(suggested) = suggested.into_iter().find_map(about) {
        text.push_str(&format!("；是否应为 {suggested}"));
    }
    text.push_str("。用法见 --help");
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::super::command;
    use super::*;

    fn of(line: &str) -> String {
        let error = command().try_get_matches_from(line.split(' ')).unwrap_err();
        zh(&error).unwrap_or_default()
    }

    #[test]
    fn each_kind_of_mistake_names_what_it_is_about() {
        for (line, parts) in [
            ("chaobiao nosuch", &["没有此命令：nosuch"][..]),
            ("chaobiao decoed", &["没有此命令：decoed", "是否应为", "decode"]),
            ("chaobiao collect --nosuch", &["没有此选项或参数：--nosuch"]),
            ("chaobiao collect --jsno", &["没有此选项或参数：--jsno", "是否应为 --json"]),
            ("chaobiao decode --edition 1998", &["--edition", "“1998”", "可选值：2007, 1997"]),
            ("chaobiao collect --passes many", &["--passes", "“many”不符合要求"]),
            ("chaobiao orders show", &["缺少必填项：<ORDER>"]),
            ("chaobiao orders", &["命令不完整"]),
            ("chaobiao read --tcp a:1 --serial b --meter 1 00010000", &["--tcp", "--serial", "不能"]),
            ("chaobiao collect --day", &["--day", "缺少值"]),
        ] {
            let said = of(line);
            assert!(parts.iter().all(|part| said.contains(part)), "{line}: {said}");
        }
        assert_eq!(of("chaobiao --help"), "");
        assert_eq!(of("chaobiao orders cut --help"), "");
    }
}
