//! What is told to people of meters in the field, in both languages.

use super::{CannotOrder, NotReachable, NotSent, Sent, Unclear, Unread};
use crate::config::Words;
use crate::supply::security::ModuleError;

impl NotReachable {
    /// Why, in both languages.
    #[must_use]
    pub fn words(&self) -> Words {
        let zh = match self {
            Self::NoTerminal { terminal } => format!("该表在终端 {terminal} 之后，本进程未接入该终端"),
            Self::NoLine { line } => format!("配置中没有线路 {line}"),
            Self::NoProfile { profile } => format!("没有适用的表型 {profile}"),
        };
        Words::new(self.to_string(), zh)
    }
}

impl CannotOrder {
    /// Why, in both languages.
    #[must_use]
    pub fn words(self) -> Words {
        Words::of(&self.to_string(), self.words_zh())
    }
}

impl ModuleError {
    /// Why, in both languages.
    #[must_use]
    pub fn words(self) -> Words {
        let zh = match self {
            Self::Unreachable => "加密机无应答",
            Self::Refused => "加密机拒绝",
            Self::Unfit => "加密机返回的数据不能发送",
        };
        Words::of(&self.to_string(), zh)
    }
}

impl NotSent {
    /// Why, in both languages.
    #[must_use]
    pub fn words(&self) -> Words {
        let zh = match self {
            Self::Cannot(why) => return why.words(),
            Self::Module(error) => return error.words(),
            Self::ClockOff { seconds } => return Words::new(self.to_string(), off(*seconds)),
            Self::NoClock => "表计未给出时间，不能停电",
            Self::ClockStale => "表计时钟的读取已过久，请重新读取",
            Self::NoDeadline => "无法生成命令有效截止时间",
            Self::NotProven => "表计 ESAM 未通过身份认证",
            Self::NoSession => "表计 ESAM 无应答",
            Self::NotAllowed => "此命令不允许经该优先级队列发出",
            Self::OutOfTime => "未能在有效时间内轮到发送",
            Self::TakenBack => "已撤回",
            Self::LineDown => "线路中断",
            Self::Stopped => "线路已关闭",
        };
        Words::of(&self.to_string(), zh)
    }
}

fn off(seconds: i64) -> String {
    format!("表计时钟偏差 {seconds} 秒，过大，不能停电")
}

impl Unclear {
    /// What is not clear, in both languages.
    #[must_use]
    pub fn words(self) -> Words {
        match self {
            Self::NoAnswer => Words::of("nothing acceptable was answered", "没有可接受的应答"),
            Self::LineBroke => Words::of("the line broke under the order", "命令发出时线路中断"),
            Self::TaskBroke => Words::of("the task of the line broke off", "线路任务中断"),
        }
    }
}

impl Unread {
    /// Why, in both languages.
    #[must_use]
    pub fn words(self) -> Words {
        let zh = match self {
            Self::Protocol => "该规约的表没有此项".to_owned(),
            Self::Silent { id } => format!("{id}：无应答"),
            Self::Refused { id, refusal } => {
                let reasons: Vec<&str> = refusal.names().map(|(_, zh)| zh).collect();
                format!(
                    "{id}：表计拒绝，{}",
                    if reasons.is_empty() { "未说明原因".to_owned() } else { reasons.join("、") }
                )
            }
            Self::NoValue { id } => format!("{id}：应答中没有数值"),
            Self::Unsteady { id } => format!("{id}：连续两次应答不一致或受到干扰"),
            Self::LineDown => "线路中断".to_owned(),
            Self::OutOfTime => "未能在有效时间内轮到".to_owned(),
            Self::Stopped => "线路已关闭".to_owned(),
        };
        Words::new(self.to_string(), zh)
    }
}

impl Sent {
    /// What came of it, in both languages.
    #[must_use]
    pub fn words(&self) -> Words {
        match self {
            Self::Accepted { word: None, .. } => {
                Words::of("accepted, which does not mean done", "表计已接受，尚不代表已执行")
            }
            Self::Accepted { word: Some(word), .. } => {
                let (en, zh): (Vec<_>, Vec<_>) = word.names().unzip();
                Words::new(format!("accepted: {}", en.join(", ")), format!("表计已接受：{}", zh.join("、")))
            }
            Self::Refused { refusal, .. } => {
                let zh: Vec<_> = refusal.names().map(|(_, zh)| zh).collect();
                Words::new(format!("refused: {refusal}"), format!("表计拒绝：{}", zh.join("、")))
            }
            Self::NotSent(why) => why.words(),
            Self::Unknown { why, .. } => {
                let Words { en, zh } = why.words();
                Words::new(format!("unknown: {en}"), format!("结果未知：{zh}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dlt645::data_id::DataId;
    use dlt645::edition::Edition;
    use dlt645::response::{ErrorWord, Refusal};

    #[test]
    fn every_reason_is_told_in_both_languages() {
        let id = DataId::new_2007(0x0400_0503);
        let refusal = Refusal::Error(ErrorWord::new(Edition::E2007, 0x04));
        let mut told = vec![
            NotReachable::NoLine { line: "east".to_owned() }.words(),
            NotReachable::NoProfile { profile: "made up".to_owned() }.words(),
            NotReachable::NoTerminal { terminal: "1100-3039".to_owned() }.words(),
        ];
        let cannot = CannotOrder::RefusedToday;
        let off = NotSent::ClockOff { seconds: -301 };
        assert!(off.words().zh.contains("-301") && off.words().en.contains("-301"));
        let not_sent = [
            NotSent::Cannot(cannot),
            NotSent::Module(ModuleError::Refused),
            off,
            NotSent::NoClock,
            NotSent::NotProven,
            NotSent::TakenBack,
        ];
        told.extend(not_sent.map(|why| Sent::NotSent(why).words()));
        told.extend([Unclear::NoAnswer, Unclear::LineBroke, Unclear::TaskBroke].map(Unclear::words));
        let unread =
            [Unread::Protocol, Unread::Silent { id }, Unread::Refused { id, refusal }, Unread::LineDown];
        assert!(unread[2].words().zh.contains("密码错或未授权"));
        told.extend(unread.map(Unread::words));
        for Words { en, zh } in told {
            assert!(en.is_ascii() && !en.is_empty() && !zh.is_ascii(), "{en} {zh}");
        }
    }
}
