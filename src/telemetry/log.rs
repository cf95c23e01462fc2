//! What the program says about itself, on standard error.

use std::fmt::Result;
use std::io::IsTerminal;

use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use crate::clock::Clock;
use crate::config::{Log, LogFormat, LogLevel};

/// Begins to log as the configuration has it. Of the libraries below only warnings are told. False when somebody else in
/// this process logs already. Text shows the time of China, JSON that of UTC with its zone.
pub fn start(log: Log) -> bool {
    let level = match log.level {
        LogLevel::Error => Level::ERROR,
        LogLevel::Warn => Level::WARN,
        LogLevel::Info => Level::INFO,
        LogLevel::Debug => Level::DEBUG,
        LogLevel::Trace => Level::TRACE,
    };
    let filter =
        Targets::new().with_default(LevelFilter::WARN.min(level.into())).with_target("chaobiao", level);
    // A line that cannot be written, on a full disk say, is lost: to tell of that on standard error as well would fail in the
    // same way, and take along whoever had something to say.
    let layer = fmt::layer().with_writer(std::io::stderr).with_target(false).log_internal_errors(false);
    let layer = match log.format {
        LogFormat::Text => {
            let is_terminal = std::io::stderr().is_terminal();
            let time = ChinaTime { clock: Clock::system(), is_terminal };
            layer.with_timer(time).with_ansi(is_terminal).boxed()
        }
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry().with(layer.with_filter(filter)).try_init().is_ok()
}

/// The time of meters and bills, to the second.
struct ChinaTime {
    clock: Clock,
    is_terminal: bool,
}

impl FormatTime for ChinaTime {
    fn format_time(&self, writer: &mut Writer<'_>) -> Result {
        if self.is_terminal {
            // What a command shows of its progress on the last line gives way.
            writer.write_str("\r\x1b[K")?;
        }
        write!(writer, "{}", self.clock.now().in_china())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::domain::Moment;

    #[test]
    fn people_are_told_the_time_of_china() {
        let clock = ManualClock::still(Moment::from_micros(1_795_302_197_717_718)).clock();
        let mut shown = String::new();
        let time = ChinaTime { clock, is_terminal: false };
        time.format_time(&mut Writer::new(&mut shown)).unwrap();
        assert_eq!(shown, "2026-11-22 07:03:17");
    }
}
