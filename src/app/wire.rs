//! Which share of what the wires allow was used: what it took that was answered, against the time from the first question to the last
//! answer, over all lines of which we are the master.

use std::time::Duration;

use super::Site;
use crate::channel::{LineUse, Lines};
use crate::config::{Config, Framing};

impl Site {
    /// The share in tenths of a percent since the lines were opened; `None` where nobody was asked on a wire.
    #[must_use]
    pub fn wire_share(&self) -> Option<u64> {
        share(uses(&self.config, &self.lines))
    }
}

/// The use of every line that is a wire of ours; what is behind a terminal has another master.
fn uses(config: &Config, lines: &Lines) -> Vec<LineUse> {
    let wires = config.lines.iter().filter(|line| line.framing == Framing::Bus);
    wires.filter_map(|line| Some(lines.get(&line.name)?.status().tally.used)).collect()
}

fn share(uses: Vec<LineUse>) -> Option<u64> {
    let (mut used, mut had) = (Duration::ZERO, Duration::ZERO);
    for line in uses {
        used += line.answered;
        had += line.span();
    }
    u64::try_from((used.as_micros() * 1000).checked_div(had.as_micros())?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_what_was_answered_of_the_time_from_the_first_question_to_the_last() {
        let began = tokio::time::Instant::now().into_std();
        let second = Duration::from_secs(1);
        let quiet = Duration::from_millis(30);
        let mut line = LineUse::default();
        assert_eq!(share(vec![line]), None);
        line.add((began, began + second), Some(quiet));
        // Silence takes time and brings nothing.
        line.add((began + second * 2, began + second * 4), None);
        assert_eq!(line.span(), second * 4);
        assert_eq!(share(vec![line]), Some(257));
        assert_eq!(share(vec![line, LineUse::default()]), Some(257));
    }
}
