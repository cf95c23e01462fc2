//! An enciphered order: prove ourselves, order once, end the session (T4).
//!
//! A meter that does not take the proof or the MAC is not asked again that day. A random number that was used before is
//! not sent, whatever the module gives. The session is ended whatever came of the order, by the lane that it was sent on.

use std::sync::Arc;
use std::time::Duration;

use dlt645::data_id::DataId;
use dlt645::exchange::{LengthRule, Outcome};
use dlt645::relay::EncipheredOrder;
use dlt645::request::Request;
use dlt645::security::SecurityData;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Field;
use super::capability::{CannotOrder, Means};
use super::send::{FieldOrder, NotSent, Sent, give, remember, timely};
use crate::channel::{End, Job, Question};
use crate::clock::Awake;
use crate::supply::security::{ModuleError, SecurityModule, Session};

/// Sends an order by way of the security module, in a session that ends with it.
pub(super) async fn send(
    field: &Field,
    (order, back): (&FieldOrder, &CancellationToken),
    session: &Session,
) -> Result<Sent, NotSent> {
    let sent = order_in(field, (order, back), module(field)?, session).await;
    end(field, (order, back)).await;
    sent
}

fn module(field: &Field) -> Result<&Arc<dyn SecurityModule>, NotSent> {
    Ok(field.inner.security.as_ref().ok_or(CannotOrder::NoSecurityModule)?)
}

/// Proves us to the meter.
pub(super) async fn open(
    field: &Field,
    (order, back): (&FieldOrder, &CancellationToken),
) -> Result<Session, NotSent> {
    let module = module(field)?;
    let meter = field.site.meter.address;
    let challenge = module.challenge(meter).await?;
    if !field.inner.is_fresh(challenge.random) {
        tracing::error!(meter.address = %meter, "{}: a random number was given twice", module.label());
        return Err(ModuleError::Unfit.into());
    }
    let timely = timely(field, order)?;
    let until = (timely.expires, timely.awake);
    let answer = ask(field, (order, until, back), IDENTIFY, challenge.wire()).await?;
    let (random, serial) = answer.split_first_chunk::<4>().ok_or(NotSent::NoSession)?;
    let serial = <[u8; 8]>::try_from(serial).map_err(|_| NotSent::NoSession)?;
    tracing::info!(meter.address = %meter, "{}: a session with meter {meter}", module.label());
    Ok(Session { meter, challenge, random: *random, serial })
}

async fn order_in(
    field: &Field,
    (order, back): (&FieldOrder, &CancellationToken),
    module: &Arc<dyn SecurityModule>,
    session: &Session,
) -> Result<Sent, NotSent> {
    // By the time that is now: proving took a while.
    let timely = timely(field, order)?;
    let cipher = module.encipher(session, order.command, timely.deadline.moment()).await?;
    let enciphered = EncipheredOrder::new(session.meter, order.operator, cipher);
    let mut enciphered = enciphered.map_err(|_| ModuleError::Unfit)?;
    if field.profile.relay.execution_word {
        enciphered = enciphered.asking_for_word();
    }
    tracing::info!(
        meter.address = %session.meter,
        "{}: an order to meter {} is enciphered", module.label(), session.meter
    );
    give(field, (order, back), Request::relay(enciphered), timely, Means::SecurityModule).await
}

/// Ends the session, whenever the order could have left until. One that cannot be ended ends by itself within minutes: whoever
/// gives supply back does not wait for it.
pub(super) async fn end(field: &Field, (order, back): (&FieldOrder, &CancellationToken)) {
    let (meter, Ok(module)) = (field.site.meter.address, module(field)) else { return };
    let parts = &field.inner.parts;
    let never = CancellationToken::new();
    let (within, back) = if back.is_cancelled() { (ENDS_SOON, &never) } else { (ENDS_WITHIN, back) };
    let by = Instant::now() + within;
    let by = parts.store.may_act_until().map_or(by, |until| until.min(by));
    let ended = ask(field, (order, (by, parts.clock.awake()), back), END, Vec::new()).await;
    if let Err(why) = ended {
        let label = module.label();
        tracing::warn!(meter.address = %meter, kind = why.kind(), "{label}: the session with {meter} is not ended");
    }
}

/// Asks the meter's chip something, once, unless it is taken back while it waits.
async fn ask(
    field: &Field,
    (order, (expires, awake), back): (&FieldOrder, (Instant, Awake), &CancellationToken),
    item: u32,
    payload: Vec<u8>,
) -> Result<Vec<u8>, NotSent> {
    let data = SecurityData::new(DataId::new_2007(item), payload).map_err(|_| ModuleError::Unfit)?;
    let length = match data.answer_length() {
        Some(length) => LengthRule::exact([length]),
        None => LengthRule::Any,
    };
    let request = Request::security(field.site.meter.address, order.operator, data);
    let question = Question::new(request).expecting(length);
    let mut job = Job::new(question, order.lane, field.timing).expiring(expires).while_awake(awake);
    job.rate = field.rate;
    let report = match field.line.ask_unless(job, back).await {
        Err(_) if back.is_cancelled() => return Err(NotSent::TakenBack),
        report => report?,
    };
    match report.end {
        End::Done(Outcome::Answered(answer)) => Ok(answer.payload().to_vec()),
        End::Done(Outcome::Refused { refusal, .. }) => {
            // Whatever its reason: three errors end every authentication, and many of them the meter. [645-2007 10]
            remember(field, Means::SecurityModule).await;
            let meter = field.site.meter.address;
            tracing::warn!(meter.address = %meter, "the chip of meter {meter} refused: {refusal}");
            Err(NotSent::NotProven)
        }
        End::LineDown | End::LineChatter => Err(NotSent::LineDown),
        End::Cancelled => Err(NotSent::TakenBack),
        End::Stopped => Err(NotSent::Stopped),
        End::OutOfTime | End::Expired => Err(NotSent::OutOfTime),
        End::NotAllowed(_) => Err(NotSent::NotAllowed),
        End::Done(_) | End::Registers(_) | End::Doubtful | End::MeterSilent | End::Broken { .. } => {
            Err(NotSent::NoSession)
        }
    }
}

const IDENTIFY: u32 = 0x0700_00FF;
const END: u32 = 0x0700_02FF;
/// How long the end of a session may wait for its turn: behind a slow carrier another exchange takes a minute and a half.
const ENDS_WITHIN: Duration = Duration::from_secs(120);
/// The same while somebody waits for the turn of the meter.
const ENDS_SOON: Duration = Duration::from_secs(5);
