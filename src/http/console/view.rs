//! Who looks at a page and how they want to see it.
//!
//! The look is kept in a cookie, so that it is the same on every page and without the script; it says nothing about who
//! somebody is.

use super::words::{Language, Phrase};
use crate::config::Words;
use crate::domain::Moment;
use crate::domain::access::{Acting, Action};

/// Light or dark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the machine is set.
    #[default]
    Auto,
    /// 浅色
    Light,
    /// 深色
    Dark,
}

impl Theme {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Light, Self::Dark];

    /// As an address, a cookie and the style name it.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// What it is called.
    #[must_use]
    pub const fn name(self) -> Phrase {
        match self {
            Self::Auto => Phrase::new("自动", "Auto"),
            Self::Light => Phrase::new("浅色", "Light"),
            Self::Dark => Phrase::new("深色", "Dark"),
        }
    }
}

/// How somebody wants to see the pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// In which language.
    pub language: Language,
    /// Light or dark.
    pub theme: Theme,
    /// For a screen on the wall: large, without forms, drawn anew by itself.
    pub is_wall: bool,
}

impl Look {
    /// The name of the cookie.
    pub const COOKIE: &'static str = "chaobiao_look";

    /// What the cookie holds; what is not known counts as not said.
    #[must_use]
    pub fn of_cookie(value: &str) -> Self {
        value.split('.').fold(Self::default(), Self::with)
    }

    /// What the cookie is to hold.
    #[must_use]
    pub fn cookie(self) -> String {
        let wall = if self.is_wall { "wall" } else { "desk" };
        format!("{}.{}.{wall}", self.language.key(), self.theme.key())
    }

    /// The same with one thing changed: `en`, `dark`, `wall` and so on.
    #[must_use]
    pub fn with(self, key: &str) -> Self {
        if let Some(language) = Language::of_key(key) {
            return Self { language, ..self };
        }
        if let Some(theme) = Theme::ALL.into_iter().find(|theme| theme.key() == key) {
            return Self { theme, ..self };
        }
        match key {
            "wall" => Self { is_wall: true, ..self },
            "desk" => Self { is_wall: false, ..self },
            _ => self,
        }
    }
}

/// Whether cuts are stopped (急停).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Stop {
    /// Nothing is cut from here.
    #[default]
    None,
    /// They are not.
    Released,
    /// They are, since then.
    Pressed {
        /// Since when.
        at: Moment,
        /// By whom; empty where it was the file.
        by: String,
        /// Why.
        reason: String,
        /// Approvers who want it lifted.
        lifted_by: Vec<String>,
    },
    /// It cannot be told, and nothing is cut.
    Unknown,
}

/// All that every page needs to know.
#[derive(Clone, Debug)]
pub struct View {
    /// How it is to be shown.
    pub look: Look,
    /// Who looks; `None` before they have signed in.
    pub acting: Option<Acting>,
    /// When it is drawn.
    pub now: Moment,
    /// The address of the page, with what was asked, beginning with `/`.
    pub here: String,
    /// Whoever looks has still to set a password or a second factor, and may do nothing else before.
    pub is_unfinished: bool,
    /// What a form must send with it.
    pub token: String,
    /// Whether cuts are stopped.
    pub stop: Stop,
    /// Entries of the audit log that the database has lost, and what was kept beside them; cuts are held.
    pub lost: Option<String>,
    /// What has just been done, told once.
    pub told: Option<Told>,
    /// What was typed into a form that was not taken, by the names of its fields: nothing secret.
    pub kept: Vec<(&'static str, String)>,
}

/// What has just been done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Whether it worked.
    pub is_good: bool,
    /// What to say.
    pub words: Words,
    /// All that stands against it, one by one, where that is more than the words say.
    pub reasons: Vec<Words>,
}

impl Told {
    /// Why something was not done.
    #[must_use]
    pub const fn refused(words: Words) -> Self {
        Self { is_good: false, words, reasons: Vec::new() }
    }
}

impl View {
    /// The one of two texts that is in the language of the page.
    #[must_use]
    pub const fn say<'a>(&self, zh: &'a str, en: &'a str) -> &'a str {
        self.look.language.of(zh, en)
    }

    /// True when whoever looks may do it.
    #[must_use]
    pub fn may(&self, action: Action) -> bool {
        !self.is_unfinished && self.acting.as_ref().is_some_and(|acting| acting.may(action))
    }

    /// What was typed into a field of a form that was not taken.
    #[must_use]
    pub fn kept(&self, name: &str) -> &str {
        self.kept.iter().find(|(known, _)| *known == name).map_or("", |(_, typed)| typed)
    }

    /// An instant, as clocks here show it.
    #[must_use]
    pub fn time(&self, at: Moment) -> String {
        at.in_china().to_string()
    }
}

/// A view for drawing pages without a server.
#[cfg(test)]
pub(crate) fn sample(language: Language, role: crate::domain::access::Role) -> View {
    use crate::domain::Id;
    use crate::domain::access::Regions;
    let now = "2026-11-28".parse::<crate::domain::Day>().unwrap().start();
    let now = now.plus(std::time::Duration::from_secs(8 * 3600 + 754));
    View {
        look: Look { language, ..Look::default() },
        acting: Some(Acting {
            person: Id::new(1),
            account: Id::new(1),
            name: "zhang.wei".to_owned(),
            role,
            role_since: now,
            regions: Regions::All,
            source: "127.0.0.1".to_owned(),
            request: None,
        }),
        now,
        here: "/".to_owned(),
        is_unfinished: false,
        token: "token".to_owned(),
        stop: Stop::Released,
        lost: None,
        told: None,
        kept: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_survives_its_cookie_and_odd_ones_are_the_usual_look() {
        for key in ["zh", "en", "auto", "light", "dark", "wall", "desk"] {
            let look = Look::default().with("en").with("dark").with(key);
            assert_eq!(Look::of_cookie(&look.cookie()), look, "{key}");
        }
        for odd in ["", "....", "fr.pink", "\u{0}", "wal"] {
            assert_eq!(Look::of_cookie(odd), Look::default());
        }
    }
}
