//! What members of closed lists are called on pages.

use dlt645::catalog;
use dlt645::data_id::DataId;
use maud::Markup;

use super::components::{Tone, state};
use super::view::View;
use super::words::{Language, Phrase, inert};
use crate::domain::supply::{CalendarKind, NoticeKind, ProtectionKind};
use crate::domain::{CustomerClass, MeterProtocol, PointRole, Quality, Source, Suspicion};
use crate::store::billing::OutboxState;
use crate::supply::proof_words;

/// How far a value may be trusted.
#[must_use]
pub const fn quality(quality: Quality) -> Phrase {
    match quality {
        Quality::Good => Phrase::new("正常", "good"),
        Quality::Estimated => Phrase::new("估算", "estimated"),
        Quality::Suspect(Suspicion::BackwardStep) => Phrase::new("可疑：倒走", "suspect: ran back"),
        Quality::Suspect(Suspicion::LargeStep) => Phrase::new("可疑：飞走", "suspect: ran away"),
        Quality::Suspect(Suspicion::TariffSum) => {
            Phrase::new("可疑：费率之和不符", "suspect: tariffs do not add up")
        }
        Quality::Suspect(Suspicion::Standstill) => Phrase::new("可疑：停走", "suspect: stands still"),
        Quality::Suspect(Suspicion::Conflict) => {
            Phrase::new("可疑：与已有值不一致", "suspect: differs from what is kept")
        }
        Quality::Suspect(Suspicion::Clock) => Phrase::new("可疑：时钟错误", "suspect: clock was wrong"),
        Quality::Suspect(Suspicion::Identity) => {
            Phrase::new("可疑：表号不确定", "suspect: which meter is not certain")
        }
        Quality::Suspect(Suspicion::Damaged) => {
            Phrase::new("损坏：与写入时不符", "damaged: not as it was written")
        }
        Quality::Suspect(Suspicion::OutOfRange) => {
            Phrase::new("可疑：超出量程", "suspect: outside its range")
        }
    }
}

/// The same as a state.
#[must_use]
pub fn quality_state(of: Quality, language: Language) -> Markup {
    let tone = match of {
        Quality::Good => Tone::Good,
        Quality::Estimated => Tone::Waiting,
        Quality::Suspect(_) => Tone::Warn,
    };
    state(tone, quality(of).of(language))
}

/// How a value was come by.
#[must_use]
pub const fn source(source: Source) -> Phrase {
    match source {
        Source::Freeze => Phrase::new("冻结", "freeze"),
        Source::LoadRecord => Phrase::new("负荷记录", "load record"),
        Source::Live => Phrase::new("实时", "live"),
        Source::Manual => Phrase::new("人工", "manual"),
        Source::Estimate => Phrase::new("估算规则", "estimate"),
    }
}

/// What a meter speaks.
#[must_use]
pub const fn protocol(protocol: MeterProtocol) -> Phrase {
    match protocol {
        MeterProtocol::Dlt2007 => Phrase::new("DL/T 645-2007", "DL/T 645-2007"),
        MeterProtocol::Dlt1997 => Phrase::new("DL/T 645-1997", "DL/T 645-1997"),
        MeterProtocol::Modbus => Phrase::new("Modbus", "Modbus"),
    }
}

/// The class of a customer.
#[must_use]
pub const fn class(class: CustomerClass) -> Phrase {
    match class {
        CustomerClass::Residential => Phrase::new("居民", "residential"),
        CustomerClass::Commercial => Phrase::new("商业", "commercial"),
        CustomerClass::Industrial => Phrase::new("工业", "industrial"),
        CustomerClass::Important => Phrase::new("重要用户", "important"),
    }
}

/// What a point measures.
#[must_use]
pub const fn role(role: PointRole) -> Phrase {
    match role {
        PointRole::Customer => Phrase::new("用户表", "customer"),
        PointRole::AreaCheck => Phrase::new("考核表", "area check meter"),
    }
}

/// How far a version is with a receiver of billing.
#[must_use]
pub const fn outbox(state: OutboxState) -> Phrase {
    match state {
        OutboxState::Waiting => Phrase::new("等待推送", "waiting"),
        OutboxState::Leased => Phrase::new("推送中", "being offered"),
        OutboxState::Delivered => Phrase::new("已送达", "delivered"),
        OutboxState::Superseded => Phrase::new("已被新版本取代", "superseded"),
        OutboxState::Parked => Phrase::new("被拒收，待处理", "refused, wait for a person"),
    }
}

/// The same as a state.
#[must_use]
pub fn outbox_state(of: OutboxState, language: Language) -> Markup {
    let tone = match of {
        OutboxState::Waiting | OutboxState::Leased => Tone::Waiting,
        OutboxState::Delivered => Tone::Good,
        OutboxState::Superseded => Tone::Quiet,
        OutboxState::Parked => Tone::Bad,
    };
    state(tone, outbox(of).of(language))
}

/// Why a point is protected.
#[must_use]
pub const fn protection(kind: ProtectionKind) -> Phrase {
    match kind {
        ProtectionKind::Important => Phrase::new("重要用户", "important customer"),
        ProtectionKind::PublicSafety => Phrase::new("公共安全（医院等）", "public safety (hospital)"),
        ProtectionKind::Medical => Phrase::new("医疗依赖", "depends on supply for health"),
        ProtectionKind::Hold => Phrase::new("保电", "supply hold"),
        ProtectionKind::Dispute => Phrase::new("争议未决", "open dispute"),
        ProtectionKind::Authority => Phrase::new("司法或行政要求", "court or authority"),
        ProtectionKind::Other => Phrase::new("其他", "other"),
    }
}

/// Why nobody is cut on a day.
#[must_use]
pub const fn calendar(kind: CalendarKind) -> Phrase {
    match kind {
        CalendarKind::Holiday => Phrase::new("节假日", "holiday"),
        CalendarKind::Exam => Phrase::new("考试", "exam"),
        CalendarKind::Heat => Phrase::new("高温", "heat"),
        CalendarKind::Cold => Phrase::new("严寒", "cold"),
        CalendarKind::Other => Phrase::new("其他", "other"),
    }
}

/// What a notice says.
#[must_use]
pub const fn notice(kind: NoticeKind) -> Phrase {
    match kind {
        NoticeKind::Reminder => Phrase::new("催费通知", "reminder"),
        NoticeKind::Cut => Phrase::new("停电通知", "cut notice"),
        NoticeKind::Second => Phrase::new("停电前再次通知", "second notice"),
    }
}

/// A kind of event, by the identifier of its count: what the catalogue calls it, or the identifier.
#[must_use]
pub fn event(kind: &str, language: Language) -> String {
    let entry = kind.parse::<DataId>().ok().and_then(catalog::find);
    let Some(entry) = entry else { return inert(kind) };
    match language {
        Language::Chinese => entry.name_zh().trim_end_matches("总次数").trim_end_matches("次数").to_owned(),
        Language::English => {
            let name = entry.name_en();
            let ends = [": count", ", count", " count"];
            ends.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name).to_owned()
        }
    }
}

/// What is known of a point, in words; a name of another version stays as it is.
#[must_use]
pub fn proven(view: &View, proof: &str) -> String {
    proven_in(view.look.language, proof)
}

/// The same in a language.
#[must_use]
pub fn proven_in(language: Language, proof: &str) -> String {
    proof_words(proof).map_or_else(|| inert(proof), |(en, zh)| language.of(zh, en).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Coded;

    #[test]
    fn every_member_has_a_name_in_both_languages() {
        let mut names = Vec::new();
        names.extend(Quality::TABLE.iter().map(|row| quality(row.0)));
        names.extend(Source::TABLE.iter().map(|row| source(row.0)));
        names.extend(CustomerClass::TABLE.iter().map(|row| class(row.0)));
        names.extend(PointRole::TABLE.iter().map(|row| role(row.0)));
        names.extend(OutboxState::TABLE.iter().map(|row| outbox(row.0)));
        names.extend(ProtectionKind::TABLE.iter().map(|row| protection(row.0)));
        names.extend(CalendarKind::TABLE.iter().map(|row| calendar(row.0)));
        names.extend(NoticeKind::TABLE.iter().map(|row| notice(row.0)));
        for name in names {
            assert!(!name.zh.is_ascii() && name.en.is_ascii(), "{name:?}");
        }
        assert!(MeterProtocol::TABLE.iter().all(|row| !protocol(row.0).zh.is_empty()));
    }

    #[test]
    fn t13_a_kind_of_event_that_is_not_known_is_shown_inert() {
        assert_eq!(event("03110000", Language::Chinese), "掉电");
        assert_eq!(event("03110000", Language::English), "power-down");
        assert_eq!(event("\u{202e}<b>", Language::Chinese), "\u{fffd}<b>");
    }
}
