//! One frame that writes to a meter, sent once, and what it answered (R6).

use dlt645::exchange::{Outcome, Reply};
use dlt645::request::Request;
use tokio::time::Instant;

use super::Field;
use crate::channel::{End, Job, Lane, Question};
use crate::domain::rotation::WriteAnswer;

impl Field {
    /// Sends a request once, unless its turn has not come by then.
    pub(super) async fn write_once(&self, request: Request, by: Instant) -> WriteAnswer {
        // It leaves while the site is surely ours, or not at all (F36).
        let by = self.inner.parts.store.may_act_until().map_or(by, |until| until.min(by));
        let awake = self.inner.parts.clock.awake();
        let mut job =
            Job::new(Question::new(request), Lane::Control, self.timing).expiring(by).while_awake(awake);
        job.rate = self.rate;
        let Ok(report) = self.line.ask(job).await else { return WriteAnswer::NotSent };
        let has_left = report.tries > 0;
        match report.end {
            End::Done(Outcome::Answered(answer)) => match answer.reply {
                Reply::Accepted { .. } => WriteAnswer::Taken,
                Reply::Data { .. } | Reply::Address(_) => WriteAnswer::Silent,
            },
            End::Done(Outcome::Refused { refusal, .. }) if refusal.is_not_authorised() => {
                WriteAnswer::NotAuthorised
            }
            End::Done(Outcome::Refused { .. }) => WriteAnswer::Refused,
            End::Done(Outcome::NotSent(_)) | End::NotAllowed(_) => WriteAnswer::NotSent,
            End::Done(_) | End::Registers(_) | End::Broken { may_have_left: true } => WriteAnswer::Silent,
            End::Broken { may_have_left: false } => WriteAnswer::NotSent,
            _ if has_left => WriteAnswer::Silent,
            _ => WriteAnswer::NotSent,
        }
    }
}
