//! What whoever looks has to do now. "Nothing" is said only when all of it was looked at.

use maud::{Markup, html};

use super::{NightPage, Part};
use crate::domain::Day;
use crate::http::console::advice;
use crate::http::console::components::{Tone, state};
use crate::http::console::table::escaped;
use crate::http::console::view::View;
use crate::http::console::words::inert;

/// What waits besides what the night has missed.
#[derive(Clone, Debug, Default)]
pub struct Waiting {
    /// Orders that wait for the approval of whoever looks.
    pub approvals: u64,
    /// Orders of which nobody knows what became of them.
    pub unknown_orders: u64,
    /// Changes that wait for whoever looks to confirm them.
    pub proposals: u64,
    /// Lines that are not up.
    pub lines_down: Vec<String>,
    /// Lines whose way is just being opened: it is not known yet whether they work.
    pub lines_connecting: u64,
    /// Terminals that are known and not on line.
    pub terminals_away: u64,
}

impl Waiting {
    fn is_nothing(&self) -> bool {
        let Self { approvals, unknown_orders, proposals, lines_down, lines_connecting, terminals_away } =
            self;
        lines_down.is_empty()
            && [approvals, unknown_orders, proposals, lines_connecting, terminals_away]
                .iter()
                .all(|count| **count == 0)
    }
}

impl NightPage {
    /// What must I do?
    pub(super) fn todo(&self, view: &View, all: &Part) -> Markup {
        let is_over = self.run.is_some() && !self.is_running();
        let causes = all.causes();
        let is_past = self.run.is_none() && self.day < Day::of(view.now);
        let nothing = self.waiting.is_nothing()
            && !is_past
            && causes.is_empty()
            && all.holes == 0
            && self.parked == 0
            && self.reviews == 0
            && self.alarms.critical == 0
            && self.alarms.warning == 0;
        html! {
            @if nothing {
                p { @if is_over { (state(Tone::Good, view.say("没有要处理的事", "nothing to do"))) }
                    @else { (view.say("到目前没有要处理的事。", "Nothing so far.")) } }
            } @else {
                ol.todo {
                    (self.alarms(view))
                    (self.of_persons(view))
                    (self.ways(view))
                    @if is_past { li {
                        (state(Tone::Warn, view.say("这一天没有采集，零点示值无从结算", "this day was not collected: its midnight is not known")))
                    } }
                    @for (cause, count) in causes { li {
                        b { (advice::name(cause, view.look.language)) " × " (count) } (view.say("：", ": "))
                        (advice::of(cause).of(view.look.language)) " "
                        a href=(self.of_cause(cause)) { (view.say("查看", "show")) }
                    } }
                    (self.values(view, all))
                }
            }
        }
    }

    fn alarms(&self, view: &View) -> Markup {
        html! {
            @if self.alarms.critical > 0 { li {
                a href="/alarms?which=new&least=critical" {
                    (state(Tone::Bad, view.say("处理严重告警", "Take care of critical alarms")))
                } " × " (self.alarms.critical)
            } }
            @if self.alarms.warning > 0 { li {
                a href="/alarms?which=new&least=warning" {
                    (state(Tone::Warn, view.say("处理未确认的警告", "Look at warnings that nobody acknowledged")))
                } " × " (self.alarms.warning)
            } }
        }
    }

    /// What waits for a person.
    fn of_persons(&self, view: &View) -> Markup {
        let Waiting { approvals, unknown_orders, proposals, .. } = &self.waiting;
        html! {
            @if *unknown_orders > 0 { li {
                a href="/orders?state=unknown" {
                    (state(Tone::Bad, view.say("工单结果未知，须查实", "Orders whose outcome is unknown: find out")))
                } " × " (unknown_orders)
            } }
            @if *approvals > 0 { li {
                a href="/orders?state=submitted" {
                    (state(Tone::Warn, view.say("工单待您审批", "Orders wait for your approval")))
                } " × " (approvals)
            } }
            @if *proposals > 0 { li {
                a href="/proposals?state=open" {
                    (state(Tone::Warn, view.say("变更待您确认", "Changes wait for you to confirm them")))
                } " × " (proposals)
            } }
        }
    }

    /// Lines and terminals.
    fn ways(&self, view: &View) -> Markup {
        let Waiting { lines_down, lines_connecting, terminals_away, .. } = &self.waiting;
        html! {
            @if !lines_down.is_empty() { li {
                (state(Tone::Bad, view.say("线路不通", "line down"))) " "
                @if lines_down.len() > NAMED { "× " (lines_down.len()) " " }
                @for (place, line) in lines_down.iter().take(NAMED).enumerate() {
                    @if place > 0 { (view.say("、", ", ")) }
                    a href={ "/lines?q=" (escaped(line)) } { (inert(line)) }
                }
                @if lines_down.len() > NAMED { " … " a href="/lines?sort=phase" { (view.say("全部", "all of them")) } }
            } }
            @if *lines_connecting > 0 { li {
                a href="/lines" { (state(Tone::Waiting, view.say("线路正在连接", "lines are being opened"))) }
                " × " (lines_connecting)
            } }
            @if *terminals_away > 0 { li {
                a href="/terminals" { (state(Tone::Bad, view.say("终端离线", "terminals off line"))) }
                " × " (terminals_away)
            } }
        }
    }

    /// Values that are missing, doubted or refused.
    fn values(&self, view: &View, all: &Part) -> Markup {
        html! {
            @if all.holes > 0 { li {
                (view.say("曲线缺点：次夜自动补读，仍缺的按停电或超存储期处理", "curve slots are missing: later nights ask again; what stays was dark or is gone"))
                " × " (all.holes)
            } }
            @if self.reviews > 0 { li {
                a href="/billing#reviews" { (view.say("处理待复核的示值", "Decide suspect reads")) }
                " × " (self.reviews)
            } }
            @if self.parked > 0 { li {
                a href="/billing?state=parked" {
                    (view.say("处理计费系统拒收的数据", "See what billing refused"))
                } " × " (self.parked)
            } }
        }
    }
}

/// Lines that are named.
const NAMED: usize = 3;
