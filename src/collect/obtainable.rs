//! Which of the curves that a configuration asks for some meters cannot give, however they are read: told before a night
//! leaves holes of them.

use dlt645::edition::Edition;

use super::identifier;
use super::terminal::{keeps_curve_of, keeps_curves_every};
use super::visit::kind_of_record;
use crate::config::{Config, IntervalMode, Words};
use crate::domain::{Item, MeterProtocol};

/// What meters behind terminals, of a protocol or of a profile cannot give of `[intervals]`; empty when all can.
#[must_use]
pub fn unobtainable(config: &Config) -> Vec<Words> {
    let intervals = &config.intervals;
    if intervals.mode == IntervalMode::Off {
        return Vec::new();
    }
    let mut told = Vec::new();
    let terminals = &config.terminals;
    let has_terminals =
        terminals.listen.is_some() || terminals.listen_udp.is_some() || !terminals.dial.is_empty();
    if has_terminals && intervals.mode == IntervalMode::LoadRecord {
        if !keeps_curves_every(intervals.slots) {
            let (en, zh) = (
                "[intervals] period: terminals keep curves of 1, 5, 15, 30 or 60 minutes, so that meters behind them give none",
                "[intervals] period：终端只存 1、5、15、30、60 分钟的曲线，终端下的电能表将没有曲线",
            );
            told.push(Words::of(en, zh));
        }
        for item in intervals.items.iter().filter(|item| !keeps_curve_of(**item)) {
            let code = code(*item);
            told.push(Words::new(
                format!("[intervals] items: terminals keep no curve of {code}; meters behind them give none"),
                format!("[intervals] items：终端不存 {code} 的曲线，终端下的电能表将没有该曲线"),
            ));
        }
    }
    for item in &intervals.items {
        told.extend(by_protocol(config, *item));
    }
    told
}

/// What meters on lines cannot give of an item.
fn by_protocol(config: &Config, item: Item) -> Vec<Words> {
    let (mode, code) = (config.intervals.mode, code(item));
    let kind = kind_of_record(item);
    let is_polled = mode == IntervalMode::Poll;
    let single = |edition| identifier::single(item, edition);
    let nobody = if is_polled { single(Edition::E2007).is_none() } else { kind.is_none() };
    if nobody {
        return vec![Words::new(
            format!(
                "[intervals] items: meters of DL/T 645 have no {code} for this mode; those on lines give none"
            ),
            format!("[intervals] items：DL/T 645 电能表按此方式没有 {code}，线路上的电能表将没有该曲线"),
        )];
    }
    let lacking = config.profiles.all().filter(|profile| match profile.protocol {
        MeterProtocol::Modbus => is_polled && profile.map.row(item).is_none(),
        _ if !is_polled => {
            profile.load_record && kind.is_some_and(|kind| profile.lacks(identifier::load_record(kind)))
        }
        MeterProtocol::Dlt1997 => single(Edition::E1997).is_none_or(|id| profile.lacks(id)),
        MeterProtocol::Dlt2007 => single(Edition::E2007).is_some_and(|id| profile.lacks(id)),
    });
    let told = |name: &str| {
        Words::new(
            format!("[intervals] items: meters of the profile {name} do not give {code}"),
            format!("[intervals] items：表型 {name} 的电能表没有 {code}"),
        )
    };
    lacking.map(|profile| told(&profile.name)).collect()
}

fn code(item: Item) -> String {
    let code = item.code();
    format!("{}.{}.{}", code.c, code.d, code.e)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(more: &str) -> Vec<String> {
        let text = format!("[database]\npath = \"a.db\"\n{more}");
        let config = Config::parse("a.toml".as_ref(), &text).unwrap().config;
        unobtainable(&config).into_iter().map(|words| words.en).collect()
    }

    #[test]
    fn curves_that_nobody_or_no_terminal_keeps_are_told_and_others_are_not() {
        assert_eq!(told(""), Vec::<String>::new());
        assert_eq!(told("[terminals]\nlisten = \"127.0.0.1:9001\"\n"), Vec::<String>::new());
        let odd = "[intervals]\nperiod = \"20min\"\n";
        assert_eq!(told(odd), Vec::<String>::new(), "meters on lines keep what they were set to");
        let behind = told(&format!("[terminals]\nlisten = \"127.0.0.1:9001\"\n{odd}"));
        assert!(behind.len() == 1 && behind[0].contains("1, 5, 15, 30 or 60 minutes"), "{behind:?}");
        let frequency = "[intervals]\nitems = [\"1.8.0\", \"14.7.0\"]\n";
        let behind = told(&format!("[terminals]\nlisten = \"127.0.0.1:9001\"\n{frequency}"));
        assert!(behind.iter().any(|told| told.contains("no curve of 14.7.0")), "{behind:?}");
        assert!(behind.iter().all(|told| !told.contains("1.8.0")), "{behind:?}");
        assert_eq!(told(&format!("{frequency}mode = \"off\"\n")), Vec::<String>::new());
    }

    #[test]
    fn what_a_profile_lacks_is_told_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let map = include_str!("../../deploy/profiles/modbus-example.toml");
        std::fs::write(folder.path().join("map.toml"), map).unwrap();
        let profiles = format!("[profiles]\ndirectory = {:?}\n", folder.path());
        let told = told(&format!("{profiles}[intervals]\nmode = \"poll\"\nitems = [\"1.8.0\", \"5.8.0\"]\n"));
        assert!(
            told.iter().any(|told| told.contains("modbus-example") && told.contains("5.8.0")),
            "{told:?}"
        );
    }
}
