//! The states of a point of an order, and the edges between them.

use super::kind::OrderKind;
use crate::domain::Coded;

/// How a point of an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OrderState {
    /// 草稿: being written.
    Draft,
    /// 待审批: waits for its second person.
    Submitted,
    /// 已批准: waits for its window.
    Approved,
    /// 待执行: checked again, and its moment is drawn.
    Armed,
    /// 下发中: its intent is kept; bytes may have left.
    Sending,
    /// 已受理: the meter has taken it. That is no proof that it was done (F46).
    Accepted,
    /// 被拒绝: the meter has refused it.
    Rejected,
    /// 结果未知: it may have been done or not, and is read until one is known.
    Unknown,
    /// 已核实断开: read to be open.
    VerifiedOpen,
    /// 已核实闭合: read to be closed.
    VerifiedClosed,
    /// 失败: it was not done, and people must look.
    Failed,
    /// 已办结: nothing is left to do.
    Done,
    /// 已取消: taken back before anything left.
    Cancelled,
    /// 已过期: its window has passed before anything left.
    Expired,
}

impl Coded for OrderState {
    const TABLE: &'static [(Self, i64, &'static str)] = &[
        (Self::Draft, 1, "draft"),
        (Self::Submitted, 2, "submitted"),
        (Self::Approved, 3, "approved"),
        (Self::Armed, 4, "armed"),
        (Self::Sending, 5, "sending"),
        (Self::Accepted, 6, "accepted"),
        (Self::Rejected, 7, "rejected"),
        (Self::Unknown, 8, "unknown"),
        (Self::VerifiedOpen, 9, "verified_open"),
        (Self::VerifiedClosed, 10, "verified_closed"),
        (Self::Failed, 11, "failed"),
        (Self::Done, 12, "done"),
        (Self::Cancelled, 13, "cancelled"),
        (Self::Expired, 14, "expired"),
    ];
}

/// What happens to a point of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OrderEvent {
    /// It is handed in.
    Submit,
    /// Its order is changed: whatever was approved is void.
    Edit,
    /// All that must approve have, or nobody else must.
    Approve,
    /// An approval is withdrawn or became void.
    Withdraw,
    /// Its window has come and its conditions hold.
    Arm,
    /// It is taken back, or a condition does not hold any more.
    Cancel,
    /// Its window has passed.
    Expire,
    /// The intent to send is kept.
    Intend,
    /// Certainly no byte has left.
    NotSent,
    /// The meter has accepted it.
    Accept,
    /// The meter has refused it.
    Reject,
    /// What became of it cannot be told now.
    LoseTrack,
    /// The relay was read to be open.
    SeeOpen,
    /// The relay was read to be closed.
    SeeClosed,
    /// What was ordered, other than opening or closing, was read to be so.
    SeeDone,
    /// What it was told was read to be in force, though nothing has moved yet: the customer may press the key.
    SeeTaken,
    /// It was read not to have been done, and may be tried once more.
    TryAgain,
    /// It had been done, and was read to be undone by something older: it is sent again.
    SeeUndone,
    /// It is given up: people must look.
    GiveUp,
    /// Nothing is left to do.
    Finish,
}

impl OrderEvent {
    /// Every event.
    pub const ALL: [Self; 20] = [
        Self::Submit,
        Self::Edit,
        Self::Approve,
        Self::Withdraw,
        Self::Arm,
        Self::Cancel,
        Self::Expire,
        Self::Intend,
        Self::NotSent,
        Self::Accept,
        Self::Reject,
        Self::LoseTrack,
        Self::SeeOpen,
        Self::SeeClosed,
        Self::SeeDone,
        Self::SeeTaken,
        Self::TryAgain,
        Self::SeeUndone,
        Self::GiveUp,
        Self::Finish,
    ];
}

/// There is no such edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what is {} cannot {event:?}", .state.name())]
pub struct NoSuchEdge {
    /// From where.
    pub state: OrderState,
    /// By what.
    pub event: OrderEvent,
}

impl OrderState {
    /// The state after an event.
    ///
    /// # Errors
    /// [`NoSuchEdge`] where the event cannot happen.
    pub fn next(self, event: OrderEvent) -> Result<Self, NoSuchEdge> {
        use OrderEvent as By;
        let next = match (self, event) {
            (Self::Draft, By::Submit) | (Self::Approved | Self::Armed, By::Withdraw) => Self::Submitted,
            (Self::Draft | Self::Submitted | Self::Approved | Self::Armed, By::Edit) => Self::Draft,
            (Self::Draft | Self::Submitted | Self::Approved | Self::Armed, By::Cancel) => Self::Cancelled,
            (Self::Draft | Self::Submitted | Self::Approved | Self::Armed, By::Expire) => Self::Expired,
            (Self::Submitted, By::Approve) => Self::Approved,
            (Self::Approved, By::Arm)
            | (Self::Sending, By::NotSent)
            | (Self::Unknown, By::TryAgain)
            | (Self::VerifiedClosed, By::SeeUndone) => Self::Armed,
            (Self::Armed, By::Intend) => Self::Sending,
            (Self::Sending, By::Accept) | (Self::Unknown, By::SeeTaken) => Self::Accepted,
            (Self::Sending, By::Reject) => Self::Rejected,
            // One that is armed may have been sent before: it is left off, and what was sent is looked at.
            (Self::Armed | Self::Sending | Self::Accepted, By::LoseTrack) => Self::Unknown,
            (Self::Accepted | Self::Unknown, By::SeeOpen) => Self::VerifiedOpen,
            (Self::Accepted | Self::Unknown, By::SeeClosed) => Self::VerifiedClosed,
            (Self::Armed | Self::Accepted | Self::Rejected | Self::Unknown, By::GiveUp) => Self::Failed,
            (Self::Accepted | Self::Unknown, By::SeeDone)
            | (
                Self::Accepted | Self::Unknown | Self::VerifiedOpen | Self::VerifiedClosed | Self::Failed,
                By::Finish,
            ) => Self::Done,
            (state, event) => return Err(NoSuchEdge { state, event }),
        };
        Ok(next)
    }

    /// True when nothing has been sent yet and something still may be.
    #[must_use]
    pub const fn is_before_intent(self) -> bool {
        matches!(self, Self::Draft | Self::Submitted | Self::Approved | Self::Armed)
    }

    /// True while it is not known what a meter did with what was sent.
    #[must_use]
    pub const fn is_in_flight(self) -> bool {
        matches!(self, Self::Sending | Self::Accepted | Self::Unknown)
    }

    /// True when nothing more will happen.
    #[must_use]
    pub const fn has_ended(self) -> bool {
        matches!(
            self,
            Self::Rejected
                | Self::VerifiedOpen
                | Self::VerifiedClosed
                | Self::Failed
                | Self::Done
                | Self::Cancelled
                | Self::Expired
        )
    }

    /// True when a person may say that nothing is left to do: it has ended, or no meter shows how it did.
    #[must_use]
    pub const fn may_be_finished(self, kind: OrderKind) -> bool {
        self.has_ended() || (matches!(self, Self::Unknown) && !kind.is_shown())
    }

    /// How an order stands as a whole: as the one of its points that is least far, those taken back or expired left out
    /// while there is another.
    #[must_use]
    pub fn of_order(points: impl Iterator<Item = Self> + Clone) -> Self {
        let is_void = |state: &Self| matches!(state, Self::Cancelled | Self::Expired);
        let open = points.clone().filter(|state| !state.has_ended()).min();
        let ended = points.clone().filter(|state| !is_void(state)).min();
        open.or(ended).or_else(|| points.max()).unwrap_or(Self::Draft)
    }

    /// Its name in Chinese.
    #[must_use]
    pub const fn zh(self) -> &'static str {
        match self {
            Self::Draft => "草稿",
            Self::Submitted => "待审批",
            Self::Approved => "已批准",
            Self::Armed => "待执行",
            Self::Sending => "下发中",
            Self::Accepted => "已受理",
            Self::Rejected => "被拒绝",
            Self::Unknown => "结果未知",
            Self::VerifiedOpen => "已核实断开",
            Self::VerifiedClosed => "已核实闭合",
            Self::Failed => "失败",
            Self::Done => "已办结",
            Self::Cancelled => "已取消",
            Self::Expired => "已过期",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::coded;

    /// The edges once more, written out by state, as chapter 4 draws them.
    const EDGES: &[(OrderState, &[(OrderEvent, OrderState)])] = {
        use OrderEvent as By;
        use OrderState as At;
        &[
            (
                At::Draft,
                &[
                    (By::Submit, At::Submitted),
                    (By::Edit, At::Draft),
                    (By::Cancel, At::Cancelled),
                    (By::Expire, At::Expired),
                ],
            ),
            (
                At::Submitted,
                &[
                    (By::Approve, At::Approved),
                    (By::Edit, At::Draft),
                    (By::Cancel, At::Cancelled),
                    (By::Expire, At::Expired),
                ],
            ),
            (
                At::Approved,
                &[
                    (By::Arm, At::Armed),
                    (By::Withdraw, At::Submitted),
                    (By::Edit, At::Draft),
                    (By::Cancel, At::Cancelled),
                    (By::Expire, At::Expired),
                ],
            ),
            (
                At::Armed,
                &[
                    (By::Intend, At::Sending),
                    (By::Withdraw, At::Submitted),
                    (By::Edit, At::Draft),
                    (By::Cancel, At::Cancelled),
                    (By::Expire, At::Expired),
                    (By::LoseTrack, At::Unknown),
                    (By::GiveUp, At::Failed),
                ],
            ),
            (
                At::Sending,
                &[
                    (By::NotSent, At::Armed),
                    (By::Accept, At::Accepted),
                    (By::Reject, At::Rejected),
                    (By::LoseTrack, At::Unknown),
                ],
            ),
            (
                At::Accepted,
                &[
                    (By::LoseTrack, At::Unknown),
                    (By::SeeOpen, At::VerifiedOpen),
                    (By::SeeClosed, At::VerifiedClosed),
                    (By::SeeDone, At::Done),
                    (By::GiveUp, At::Failed),
                    (By::Finish, At::Done),
                ],
            ),
            (At::Rejected, &[(By::GiveUp, At::Failed)]),
            (
                At::Unknown,
                &[
                    (By::SeeOpen, At::VerifiedOpen),
                    (By::SeeClosed, At::VerifiedClosed),
                    (By::SeeDone, At::Done),
                    (By::SeeTaken, At::Accepted),
                    (By::TryAgain, At::Armed),
                    (By::GiveUp, At::Failed),
                    (By::Finish, At::Done),
                ],
            ),
            (At::VerifiedOpen, &[(By::Finish, At::Done)]),
            (At::VerifiedClosed, &[(By::Finish, At::Done), (By::SeeUndone, At::Armed)]),
            (At::Failed, &[(By::Finish, At::Done)]),
            (At::Done, &[]),
            (At::Cancelled, &[]),
            (At::Expired, &[]),
        ]
    };

    #[test]
    fn f44_only_the_listed_edges_exist() {
        coded::check::<OrderState>(14);
        let mut edges = 0;
        for (state, ..) in OrderState::TABLE {
            let (_, listed) = EDGES.iter().find(|(from, _)| from == state).unwrap();
            for event in OrderEvent::ALL {
                let to = listed.iter().find(|(by, _)| *by == event).map(|(_, to)| *to);
                assert_eq!(state.next(event).ok(), to, "{state:?} {event:?}");
                edges += usize::from(to.is_some());
            }
        }
        assert_eq!(edges, EDGES.iter().map(|(_, listed)| listed.len()).sum::<usize>());
    }

    #[test]
    fn f47_nothing_is_sent_from_any_state_but_armed_and_nothing_sent_is_called_off() {
        for (state, ..) in OrderState::TABLE {
            let sends = state.next(OrderEvent::Intend).is_ok();
            assert_eq!(sends, *state == OrderState::Armed, "{state:?}");
            let takes_back = state.next(OrderEvent::Cancel).is_ok();
            assert_eq!(takes_back, state.is_before_intent(), "{state:?}");
            assert!(!(state.is_in_flight() && state.has_ended()), "{state:?}");
        }
    }

    #[test]
    fn i13_a_verified_state_is_reached_by_a_read_only() {
        for (state, ..) in OrderState::TABLE {
            for event in OrderEvent::ALL {
                let verified = [OrderState::VerifiedOpen, OrderState::VerifiedClosed];
                if state.next(event).is_ok_and(|to| verified.contains(&to)) {
                    assert!(
                        matches!(event, OrderEvent::SeeOpen | OrderEvent::SeeClosed),
                        "{state:?} {event:?}"
                    );
                    assert!(state.is_in_flight(), "{state:?}");
                }
            }
        }
    }

    #[test]
    fn an_order_stands_as_the_point_that_is_least_far() {
        use OrderState as At;
        for (points, whole) in [
            (vec![At::Armed, At::Done, At::Cancelled], At::Armed),
            (vec![At::VerifiedOpen, At::Unknown], At::Unknown),
            (vec![At::Cancelled, At::Done], At::Done),
            (vec![At::Failed, At::Done], At::Failed),
            (vec![At::Cancelled, At::Expired], At::Expired),
            (vec![], At::Draft),
        ] {
            assert_eq!(At::of_order(points.iter().copied()), whole, "{points:?}");
        }
    }
}
