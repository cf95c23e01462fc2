//! What is to be done about a meter that was not read, by cause.

use super::words::{Language, Phrase};
use crate::domain::{Coded, MissingCause};

/// What a cause is called.
#[must_use]
pub fn name(cause: MissingCause, language: Language) -> &'static str {
    language.of(cause.name_zh(), Coded::name(cause))
}

/// What to do about it.
#[must_use]
pub const fn of(cause: MissingCause) -> Phrase {
    match cause {
        MissingCause::LineDown => Phrase::new(
            "检查串口服务器、DTU 与网络；线路恢复后自动补抄",
            "check the serial server, the DTU and the network; what is missing is read when the line is back",
        ),
        MissingCause::LineChatter => Phrase::new(
            "有设备不停发送：逐段断开总线查找",
            "a device does not stop sending: find it by opening the bus piece by piece",
        ),
        MissingCause::TerminalOffline => Phrase::new(
            "检查集中器电源、天线和 SIM 卡",
            "check power, aerial and SIM card of the concentrator",
        ),
        MissingCause::Silent => Phrase::new(
            "检查电表供电、485 接线、通信地址和波特率",
            "check the meter's supply, its RS-485 wires, address and rate",
        ),
        MissingCause::Damaged => Phrase::new(
            "检查终端电阻、接地和屏蔽；同一线路多表出现时先查总线",
            "check termination, earth and screen; where several meters of a line show it, the bus first",
        ),
        MissingCause::WrongAddress => Phrase::new(
            "地址重复或档案有误：现场核对表号",
            "an address is used twice, or the archive is wrong: compare on site",
        ),
        MissingCause::Refused | MissingCause::NoSuchData => Phrase::new(
            "核对表型：该表不支持所读数据",
            "check the profile: the meter does not have what is asked",
        ),
        MissingCause::NotAuthorised => Phrase::new(
            "核对电表密码，切勿反复尝试",
            "check the meter's password; do not try again and again",
        ),
        MissingCause::WrongForm => Phrase::new("核对规约和表型", "check protocol and profile"),
        MissingCause::NoValue => Phrase::new("现场检查电表显示", "look at the meter's display"),
        MissingCause::NoFreeze => Phrase::new(
            "检查电表时钟与冻结设置；次日仍缺则改读实时示值",
            "check clock and freeze settings; the live register stands in",
        ),
        MissingCause::Clock => {
            Phrase::new("校时后，次日冻结可用", "set the clock; the freeze counts from the next day on")
        }
        MissingCause::Implausible => {
            Phrase::new("到“计费—待复核”处理", "decide it under Billing, waiting for review")
        }
        MissingCause::OutOfTime => Phrase::new(
            "线路太慢或抄表窗口太短：到“线路”查看负载",
            "the line is too slow or the window too short: see Lines",
        ),
        MissingCause::Stopped => {
            Phrase::new("被人停止：需要时重新采集", "a person stopped it: collect again when wanted")
        }
        MissingCause::NoPath => {
            Phrase::new("在档案中补上线路或终端", "give the meter a line or terminal in the archive")
        }
        MissingCause::TerminalSilent => Phrase::new(
            "终端在线而不应答：看“终端”页上的报文，必要时重启终端",
            "the concentrator is on line and does not answer: see its frames under Terminals, restart it if need be",
        ),
        MissingCause::PointNotVerified => Phrase::new(
            "终端数据未与电表直读核对一致：核对终端档案与测量点",
            "the meter itself has not confirmed what its terminal stores: compare the terminal's archive with ours",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i19_every_cause_says_what_to_do_in_both_languages() {
        for (cause, ..) in MissingCause::TABLE {
            let advice = of(*cause);
            assert!(!advice.zh.is_ascii() && advice.en.is_ascii() && advice.en.len() > 10, "{cause:?}");
            assert_ne!(name(*cause, Language::Chinese), name(*cause, Language::English));
        }
    }
}
