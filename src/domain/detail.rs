//! What more is said of a meter that was not read, in Chinese.
//!
//! The detail of a missing meter, of a read on demand and of an attempt is kept once, in fixed English phrases with
//! numbers, addresses and times in them; here is what each of them is in Chinese. A phrase that is not known, of an older or
//! a newer version, stays as it is.

use dlt645::edition::Edition;
use dlt645::response::{ErrorWord, Refusal};

/// A detail in Chinese: its parts, each perhaps behind what it is said of.
#[must_use]
pub fn detail_zh(detail: &str) -> String {
    detail.split("; ").map(part).collect::<Vec<_>>().join("；")
}

fn part(text: &str) -> String {
    if let Some(known) = phrase(text) {
        return known;
    }
    match text.split_once(": ") {
        Some((of, said)) => format!("{}：{}", phrase(of).unwrap_or_else(|| of.to_owned()), part(said)),
        None => text.to_owned(),
    }
}

/// The Chinese of a whole phrase, with what stands in it.
fn phrase(text: &str) -> Option<String> {
    let of_table = PHRASES.iter().find_map(|(en, zh)| Some(filled(zh, &held(en, text)?)));
    of_table.or_else(|| refused(text).map(str::to_owned))
}

/// What stands in the places of a phrase, if the text is that phrase.
fn held<'a>(phrase: &str, text: &'a str) -> Option<Vec<&'a str>> {
    let mut pieces = phrase.split("{}");
    let mut rest = text.strip_prefix(pieces.next()?)?;
    let mut held = Vec::new();
    let mut pieces = pieces.peekable();
    while let Some(piece) = pieces.next() {
        let end = if pieces.peek().is_none() { rest.strip_suffix(piece)?.len() } else { rest.find(piece)? };
        let (inside, behind) = rest.split_at_checked(end)?;
        // What a phrase is said of stands before it.
        if inside.is_empty() || inside.contains(": ") {
            return None;
        }
        held.push(inside);
        rest = behind.strip_prefix(piece)?;
    }
    rest.is_empty().then_some(held)
}

/// A phrase with what stands in its places, in the order of the places or by their numbers.
fn filled(phrase: &str, held: &[&str]) -> String {
    let mut pieces = phrase.split('{');
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for (next, piece) in pieces.enumerate() {
        let Some((place, behind)) = piece.split_once('}') else { continue };
        let inside = held.get(place.parse().unwrap_or(next)).copied().unwrap_or_default();
        let named: Vec<String> = inside.split(", ").map(phrase_or_itself).collect();
        text.push_str(&named.join("，"));
        text.push_str(behind);
    }
    text
}

fn phrase_or_itself(text: &str) -> String {
    phrase(text).unwrap_or_else(|| text.to_owned())
}

/// What a bit of an error word of a meter is called.
fn refused(text: &str) -> Option<&'static str> {
    let words = [Edition::E2007, Edition::E1997]
        .into_iter()
        .flat_map(|edition| (0..u8::BITS).map(move |bit| Refusal::Error(ErrorWord::new(edition, 1 << bit))));
    words.flat_map(|word| word.names()).find_map(|(en, zh)| (en == text).then_some(zh))
}

/// What `collect`, `channel` and `terminal` say, `{}` for what differs.
const PHRASES: &[(&str, &str)] = &[
    // Why cuts are kept back.
    ("the clock of this machine was set by {} s", "主站时钟被拨动 {} 秒"),
    (
        "{} of {} meters show a time that is {} s from that of this machine",
        "{1} 只表中有 {0} 只的时间与主站时钟相差 {2} 秒",
    ),
    // The settings of a terminal.
    ("a record cannot be written", "记录无法编码"),
    ("record {} is not what it was when this was proposed", "第 {} 号记录与提议时不同"),
    // The line and the meter.
    ("line down", "线路不通"),
    ("line_down", "线路不通"),
    ("line chatter", "线路上有设备不停发送"),
    ("meter silent", "电表此前无应答，暂不询问"),
    ("doubtful", "应答可能来自其他提问"),
    ("out of time", "时间已到，未轮到"),
    ("expired", "已过期"),
    ("cancelled", "已取消"),
    ("stopped", "已停止"),
    ("busy", "线路忙"),
    ("not allowed", "不允许"),
    ("broken", "程序内部错误"),
    ("nothing was sent", "未发出任何报文"),
    ("the answer broke off", "应答中断"),
    ("no answer in 1 attempts", "询问 1 次，无应答"),
    ("no answer in {} attempts", "询问 {} 次均无应答"),
    ("{} broken frames and {} bytes of noise", "收到 {} 个残缺帧、{} 字节干扰"),
    ("{} answers of another address", "收到 {} 个其他地址的应答"),
    ("{} answers have not the length that they should", "{} 个应答长度不符"),
    ("not its turn within {} s", "{} 秒内未轮到"),
    ("the run was stopped", "采集已停止"),
    ("refused, {}", "电表拒绝：{}"),
    ("no reason given", "未说明原因"),
    ("the profile {} says that it has none", "表型 {} 没有此项"),
    ("the profile {} has no daily freeze", "表型 {} 没有日冻结"),
    ("the profile {} has no such registers", "表型 {} 没有这些寄存器"),
    ("the profile {} has no {}", "表型 {} 没有{}"),
    ("no profile", "没有表型"),
    ("the meter tells the asset number {}, the archive has {}", "电表的资产编号为 {}，档案为 {}"),
    (
        "it answers neither function 01 nor 02, and a late answer may still come",
        "不应答功能码 01、02，可能还有迟到的应答",
    ),
    ("it was disturbed", "应答受到干扰"),
    ("the work on its line broke off", "该线路的采集任务异常中断"),
    ("what was read could not be kept", "读到的数据未能保存"),
    ("the database does not answer", "数据库无响应"),
    ("nothing more", "没有更多应答"),
    ("nothing came", "没有收到内容"),
    // Why a link is not there, and what became of an order's frame.
    ("open_serial", "打不开串口"),
    ("connect", "连接失败"),
    ("connect_timeout", "连接超时"),
    ("not_dialled_in", "设备未拨入"),
    ("closed", "连接已关闭"),
    ("replaced", "已被新连接取代"),
    ("no_heart_beat", "无心跳"),
    ("stuck", "发送受阻"),
    ("no_answer", "无应答"),
    ("no_turn", "未轮到"),
    ("failed", "失败"),
    ("refused", "电表拒绝"),
    ("not_authorised", "密码或权限不符"),
    ("not_confirmed", "未能确认已记录，未发出"),
    // Clocks and freezes.
    ("the clock", "时钟"),
    (
        "no meter has shown yet that the clock of this machine is right (a person can, with chaobiao clock)",
        "尚无电表能证明本机时钟正确（可由人员核对后用 chaobiao clock 确认）",
    ),
    ("most meters show another time than this machine", "多数电表的时间与本机不一致"),
    ("no two readings agree", "没有两次读数一致"),
    ("every answer may have been an old one", "每个应答都可能是以前的"),
    ("every answer of {} may have been an old one", "{} 个应答都可能是以前的"),
    ("every answer of {} was disturbed", "{} 个应答都受到干扰"),
    ("no two answers of {} were the same and undisturbed", "{} 个应答中没有两个相同且无干扰的"),
    ("no two answers of {} agreed and were undisturbed", "{} 个应答中没有两个相符且无干扰的"),
    ("the meter's clock shows no time", "电表时钟显示的不是时间"),
    ("the meter's clock was off by {} s at {}", "电表时钟在 {1} 偏差 {0} 秒"),
    ("nothing is known of the meter's clock behind {}", "{} 之后电表时钟情况不明"),
    ("the meter keeps {} daily freezes", "电表只保存 {} 个日冻结"),
    ("none of the registers is in the daily freeze", "日冻结中没有所需的示值"),
    ("freeze {} was of {}, then of {}", "第 {} 个冻结先后为 {} 和 {}"),
    ("freeze {} is of {}, which is no day", "第 {} 个冻结的时间 {} 不是日期"),
    ("no freeze of {}, freeze {} is of {}", "没有 {} 的冻结，第 {} 个冻结为 {}"),
    ("no freeze of {}", "没有 {} 的冻结"),
    ("a meter that speaks Modbus keeps nothing of a day that is past", "Modbus 电表不保存过去日期的数据"),
    // What an answer says.
    ("not in the catalogue", "数据标识不在目录中"),
    ("{} values where the profile {} has {}", "有 {} 个数值，表型 {} 应为 {} 个"),
    ("too many tariffs", "费率过多"),
    ("no values", "没有数值"),
    ("no value of {}", "没有 {} 的数值"),
    ("not one value of {}", "{} 的数值不是一个"),
    ("{} has more digits than {}", "{} 的位数超过 {}"),
    ("no time", "没有时间"),
    ("the meter has no value of {}, {}", "电表没有 {} 的数值（{}）"),
    ("the meter has no value of {}", "电表没有 {} 的数值"),
    ("the meter has no such register, all of it is filled", "电表没有该示值，全部为填充字节"),
    ("{} is in every meter or had a value before", "{} 为各表必有或以前有过数值"),
    ("no number of {}", "{} 不是数字"),
    ("{} bytes behind the last value", "末值之后多 {} 字节"),
    ("no identifier gives {}", "没有数据标识能读 {}"),
    ("too late for the slot", "已错过该时点"),
    ("a time no meter can write", "电表无法表示的时间"),
    ("a record whose sum is wrong", "记录的校验和错误"),
    ("no load records", "没有负荷记录"),
    ("a record without a time", "记录没有时间"),
    ("a record of another time", "记录的时间不符"),
    ("more digits than the item has", "位数超过该项"),
    ("no record", "没有记录"),
    ("no count", "没有次数"),
    ("filled with FF", "FF填充，无数据"),
    ("filled with EE", "EE填充，无数据"),
    ("minus zero", "负零"),
    ("not BCD", "非BCD码"),
    ("never happened", "未发生"),
    ("not used", "未使用"),
    ("not a time", "非法时间"),
    ("suspect", "可疑"),
    ("out of range", "超出量程"),
    ("backward step", "倒走"),
    ("large step", "飞走"),
    ("tariff sum", "费率之和不符"),
    ("standstill", "停走"),
    ("conflict", "与已有值不一致"),
    ("clock", "时钟"),
    ("identity", "表号不确定"),
    // Groups of a read on demand that a profile does not have.
    ("registers, total and tariffs", "当前示值（总及各费率）"),
    ("voltages, currents, powers", "电压、电流、功率"),
    ("maximum demand", "最大需量"),
    ("status and relay", "状态字与继电器"),
    ("last daily freezes", "最近日冻结"),
    ("load curve of today", "今日负荷曲线"),
    ("events", "事件"),
    // Modbus.
    ("no registers", "没有寄存器"),
    (
        "the last three digits of its address are no unit number, 001 to 247",
        "地址后三位不是单元号 001 至 247",
    ),
    ("exception {}", "异常码 {}"),
    ("no such function", "不支持该功能码"),
    ("no such register", "没有该寄存器"),
    ("not so many registers", "寄存器数量不符"),
    ("failure of the device", "设备故障"),
    ("it needs longer", "设备需要更长时间"),
    ("it is busy", "设备忙"),
    ("damaged memory", "存储损坏"),
    ("the gateway has no way to it", "网关无路径"),
    ("the gateway has heard no answer", "网关未收到应答"),
    ("no reason that is known", "原因不明"),
    ("{}, the meter has no value", "{}，电表没有数值"),
    ("{}, a digit above nine", "{}，数字大于 9"),
    ("{}, a register below zero", "{}，示值为负"),
    ("{}, more decimals than the item keeps", "{}，小数位数过多"),
    ("{}, too large", "{}，数值过大"),
    ("{}, not the registers that it takes", "{}，寄存器不符"),
    // Terminals.
    ("archive", "终端档案"),
    ("event counters", "事件计数器"),
    ("ports", "端口"),
    ("progress", "抄表进度"),
    ("freezes of {} points", "{} 个测量点的冻结"),
    ("curve of {}, p{}", "{} 曲线，测量点 {}"),
    ("curve of {}", "{} 曲线"),
    ("terminals keep none", "终端不保存"),
    ("terminals keep no such density", "终端不保存此密度"),
    ("no such time", "没有该时间"),
    ("too many digits", "位数过多"),
    ("the terminal answered with something else", "终端应答的是其他内容"),
    ("the terminal answered with a curve of {}", "终端应答的是 {} 的曲线"),
    ("a value of {}, which is still to come", "含时间为 {} 的数据，该时间尚未到来"),
    ("it does not fit the registers of its midnights", "与当日零点示值不符"),
    ("no register of its midnights to compare it with", "没有可对照的零点示值"),
    ("the terminal has no value", "终端没有数值"),
    ("the terminal has no value ({})", "终端没有数值（{}）"),
    ("the terminal has no value of any register", "终端没有任何示值"),
    ("the terminal's answer leaves the point out", "终端的应答中没有该测量点"),
    ("the terminal's answer leaves it out", "终端的应答中没有此项"),
    (
        "what the terminal read at {} may not be the freeze of the meter",
        "终端于 {} 抄读的数据未必是电表的冻结值",
    ),
    ("the meter was not asked itself", "未能直接询问电表"),
    ("the clock of the terminal or of the meter was wrong", "终端或电表的时钟有误"),
    (
        "the meter itself did not confirm what the terminal stores for its point",
        "电表未证实终端为该测量点保存的数据",
    ),
    ("the terminal gave it once, and not again", "终端只给出一次，再问未给"),
    ("the terminal did not answer", "终端无应答"),
    ("the terminal gave no answer that can be read", "终端没有给出可解读的应答"),
    ("the terminal's answer cannot be read to its end", "终端的应答无法完整解读"),
    ("the terminal has none", "终端没有此项"),
    ("the terminal did not give it", "终端未给出"),
    ("two answers of the terminal differ", "终端的两次应答不一致"),
    ("two answers that differ", "两次应答不一致"),
    ("the terminal answered with a freeze of {}", "终端给出的是 {} 的冻结"),
    ("the terminal does not say when it read the meter", "终端未说明何时抄读电表"),
    ("read from the meter at {}", "终端于 {} 抄读电表"),
    ("the terminal's archive has {} at measuring point {}", "终端档案中测量点 {1} 为 {0}"),
    ("no meter", "无电表"),
    ("the terminal is not known", "终端未登记"),
    ("the terminal is not connected", "终端未连接"),
    ("too much waits for the terminal", "终端待办过多"),
    ("its turn did not come in time", "未及时轮到"),
    ("the connection was lost before anything was sent", "发送前连接已断开"),
    ("what is to be forwarded is no question", "要转发的不是询问报文"),
    ("the request counts {} bytes, the terminal takes {}", "请求 {} 字节，终端最多接收 {} 字节"),
    ("the terminals are being closed", "终端服务正在关闭"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detail_is_told_in_chinese_with_what_stands_in_it() {
        for (en, zh) in [
            ("00010000: no answer in 3 attempts", "00010000：询问 3 次均无应答"),
            ("05060101: 1 broken frames and 20 bytes of noise", "05060101：收到 1 个残缺帧、20 字节干扰"),
            ("00010000: line down", "00010000：线路不通"),
            ("most meters show another time than this machine", "多数电表的时间与本机不一致"),
            (
                "the meter's clock was off by -412 s at 2026-11-28 00:07:01",
                "电表时钟在 2026-11-28 00:07:01 偏差 -412 秒",
            ),
            ("the clock: no two readings agree", "时钟：没有两次读数一致"),
            (
                "no freeze of 2026-11-28 00:00:00, freeze 1 is of 2026-11-27 00:00",
                "没有 2026-11-28 00:00:00 的冻结，第 1 个冻结为 2026-11-27 00:00",
            ),
            (
                "most meters show another time than this machine; the profile a has no daily freeze",
                "多数电表的时间与本机不一致；表型 a 没有日冻结",
            ),
            ("1-0:1.8.0 12.5: suspect: backward step", "1-0:1.8.0 12.5：可疑：倒走"),
            (
                "05060101: the meter has no value of 1-0:1.8.0, filled with FF",
                "05060101：电表没有 1-0:1.8.0 的数值（FF填充，无数据）",
            ),
            (
                "no freeze of 2026-11-28 00:00:00; 05060003: never happened",
                "没有 2026-11-28 00:00:00 的冻结；05060003：未发生",
            ),
            ("curve of 1-0:1.8.0, p3: the terminal did not answer", "1-0:1.8.0 曲线，测量点 3：终端无应答"),
            (
                "freezes of 16 points: the terminal gave no answer that can be read",
                "16 个测量点的冻结：终端没有给出可解读的应答",
            ),
            ("the terminal's answer cannot be read to its end", "终端的应答无法完整解读"),
        ] {
            assert_eq!(detail_zh(en), zh);
        }
        assert!(detail_zh("00010000: refused, no reason given").ends_with("电表拒绝：未说明原因"));
        let word = Refusal::Error(ErrorWord::new(Edition::E2007, 0x06));
        assert!(!detail_zh(&word.to_string()).is_empty());
        for own in ["", "3 次无应答", "who knows", "a: b", "{}", "; "] {
            let told = detail_zh(own);
            assert_eq!(told.replace('：', ": ").replace('；', "; "), own, "{told}");
        }
    }
}
