//! Whether the meter at a point can be cut and restored from here, said before anyone plans on it.

use serde::Serialize;
use utoipa::ToSchema;

use crate::config::Words;
use crate::domain::supply::OrderKind;
use crate::domain::{Id, MeteringPoint};
use crate::http::{Caller, Problem, Services};
use crate::supply::CannotServe;

/// Whether a meter can be ordered from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Orderable {
    /// It can.
    Yes,
    /// It cannot, or not now.
    No(CannotServe),
    /// This process has no lines and carries no orders out.
    NoLines,
}

/// The same as the API tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct OrderableShown {
    /// True when it can.
    pub can_be_ordered: bool,
    /// Why not: no_switch, no_password, refused_today, no_security_module, no_line and so on.
    pub code: Option<String>,
    /// Why not, in English.
    pub why: Option<String>,
    /// The same in Chinese.
    pub why_zh: Option<String>,
}

impl Orderable {
    /// Whether the meter at a point can be given orders of a kind: a meter that refused its password today is given supply
    /// back, and cut tomorrow.
    ///
    /// # Errors
    /// [`Problem`] when the database does not say.
    pub(super) async fn of(
        services: &Services,
        point: Id<MeteringPoint>,
        kind: OrderKind,
    ) -> Result<Self, Problem> {
        let Some(supply) = &services.supply else { return Ok(Self::NoLines) };
        Ok(match supply.can_order(point, kind).await? {
            Ok(()) => Self::Yes,
            Err(why) => Self::No(why),
        })
    }

    /// Why not; `None` where it can.
    #[must_use]
    pub fn why(&self) -> Option<Words> {
        match self {
            Self::Yes => None,
            Self::No(why) => Some(words(why)),
            Self::NoLines => Some(Words::of(
                "this process has no lines and carries no orders out",
                "本进程未接线路，不能执行停复电",
            )),
        }
    }

    /// As the API tells it.
    #[must_use]
    pub fn shown(&self) -> OrderableShown {
        let code = match self {
            Self::Yes => None,
            Self::No(why) => Some(why.kind().to_owned()),
            Self::NoLines => Some("no_lines".to_owned()),
        };
        let (why, why_zh) = self.why().map(|words| (words.en, words.zh)).unzip();
        OrderableShown { can_be_ordered: *self == Self::Yes, code, why, why_zh }
    }
}

/// Those of some points, by number, whose meters cannot be given orders of a kind, and why: the first so many are asked, and what this
/// account may not see is left out.
///
/// # Errors
/// [`Problem`] when the database does not say.
pub(super) async fn cannot_be_ordered(
    services: &Services,
    caller: &Caller,
    numbers: &[String],
    kind: OrderKind,
) -> Result<Vec<(String, Words)>, Problem> {
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).take(MOST_ASKED).collect();
    let known = services.store.numbered_points(&numbers, &caller.acting.regions).await?;
    let mut found = Vec::new();
    for number in numbers {
        let Some(point) = known.get(number) else { continue };
        if let Some(why) = Orderable::of(services, point.point, kind).await?.why() {
            found.push((number.to_owned(), why));
        }
    }
    Ok(found)
}

/// Meters that are asked about at once: those of one order.
const MOST_ASKED: usize = 50;

fn words(why: &CannotServe) -> Words {
    let zh = match why {
        CannotServe::NoMeter => "该计量点未装表".to_owned(),
        CannotServe::Cannot(why) => why.words_zh().to_owned(),
        CannotServe::NotReachable(why) => return why.words(),
    };
    Words::new(why.to_string(), zh)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supply::field::CannotOrder;
    use crate::supply::field::NotReachable;

    #[test]
    fn why_a_meter_cannot_be_ordered_is_said_in_both_languages() {
        let line = NotReachable::NoLine { line: "L1".to_owned() };
        for why in [
            CannotServe::NoMeter,
            CannotServe::NotReachable(line),
            CannotServe::Cannot(CannotOrder::NoSwitch),
            CannotServe::Cannot(CannotOrder::NoSecurityModule),
            CannotServe::Cannot(CannotOrder::NoPassword),
        ] {
            let shown = Orderable::No(why.clone()).shown();
            assert!(!shown.can_be_ordered && !shown.why_zh.unwrap().is_ascii(), "{why:?}");
            assert_eq!(shown.code.as_deref(), Some(why.kind()));
        }
        assert!(Orderable::Yes.shown().can_be_ordered && Orderable::Yes.why().is_none());
        assert_eq!(Orderable::NoLines.shown().code.as_deref(), Some("no_lines"));
    }
}
