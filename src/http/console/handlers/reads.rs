//! On-demand reads: a form, a job, taking it back.

use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Redirect, Response};

use super::{answer, answer_as};
use crate::collect::on_demand::{OnDemand, ReadError, ReadRequest};
use crate::domain::{Coded, Id, ReadGroup};
use crate::http::auth::draw;
use crate::http::console::reads::{self, ReadPage, ReadsPage};
use crate::http::console::table::Asked;
use crate::http::console::typed::refused as again;
use crate::http::console::view::View;
use crate::http::{Caller, Problem, Services};

/// The form and the newest jobs.
pub(super) async fn reads(
    State(services): State<Services>,
    caller: Caller,
    view: View,
    asked: Asked,
) -> Result<Response, Problem> {
    let typed = (asked.value("meters").unwrap_or_default().to_owned(), vec![ReadGroup::Registers]);
    let page = page(&services, &caller, typed, asked).await?;
    answer(&services, &view, reads::TITLE, (page.markup(&view), page.file(&view))).await
}

/// The page with these addresses and groups in its form.
async fn page(
    services: &Services,
    caller: &Caller,
    (addresses, chosen): (String, Vec<ReadGroup>),
    asked: Asked,
) -> Result<ReadsPage, Problem> {
    let jobs = on_demand(services)?.jobs(&caller.acting, i64::MAX, JOBS).await.map_err(refused)?;
    let key = draw(16).map_err(|_| Problem::internal())?;
    Ok(ReadsPage { addresses, chosen, key, jobs, asked })
}

/// Begins a job.
pub(super) async fn begin(
    State(services): State<Services>,
    caller: Caller,
    view: View,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    let fields = Asked(fields);
    let typed = fields.value("meters").unwrap_or_default().to_owned();
    let is_chosen = |group: &ReadGroup| fields.value(&format!("group_{}", group.name())).is_some();
    let groups: Vec<ReadGroup> = ReadGroup::all().filter(is_chosen).collect();
    let problem = match begun(&services, &caller, &typed, &groups, fields.value("key")).await {
        Ok(place) => return Ok(Redirect::to(&place).into_response()),
        Err(problem) => problem,
    };
    // Whoever typed something wrong gets it back to mend it.
    let (view, status) = again(view, problem)?;
    let page = page(&services, &caller, (typed, groups), Asked::default()).await?;
    Ok(answer_as(status, &view, reads::TITLE, &page.markup(&view)))
}

/// Begins the job that a form asks for, and says where it is.
async fn begun(
    services: &Services,
    caller: &Caller,
    typed: &str,
    groups: &[ReadGroup],
    key: Option<&str>,
) -> Result<String, Problem> {
    let mut meters = Vec::new();
    for word in typed.split([' ', ',', ';', '\t', '\r', '\n', '，', '；', '、']) {
        let word = word.trim();
        if !word.is_empty() {
            meters.push(word.parse().map_err(|_| not_an_address(word))?);
        }
    }
    let (groups, key) = (groups.to_vec(), key.map(str::to_owned));
    let request = ReadRequest { meters, groups, expires_after: None, key };
    let begun = on_demand(services)?.submit(&caller.acting, &request).await.map_err(refused)?;
    Ok(format!("/reads/{}", begun.job.id))
}

/// A job, with the answers of one of its meters.
pub(super) async fn read(
    State(services): State<Services>,
    caller: Caller,
    Path(job): Path<i64>,
    view: View,
    asked: Asked,
) -> Result<Response, Problem> {
    let on_demand = on_demand(&services)?;
    let id = Id::new(job);
    let job = on_demand.job(&caller.acting, id).await.map_err(refused)?;
    let meters = on_demand.meters(&caller.acting, id, (0, METERS)).await.map_err(refused)?;
    let wanted = asked.value("meter");
    let is_wanted = |address: String| wanted.map_or(meters.len() == 1, |wanted| wanted == address);
    let place = meters.iter().position(|status| is_wanted(status.read.address.to_string()));
    let mut shown = None;
    if let Some((place, status)) = place.and_then(|place| Some((place, meters.get(place)?))) {
        let answers = on_demand.answers(&caller.acting, id, status.read.meter).await.map_err(refused)?;
        shown = Some((place, answers));
    }
    // A few meters are compared on the page, all of them in the file.
    let is_few = (2..=COMPARED).contains(&meters.len());
    let mut values = Vec::new();
    if asked.value("csv") == Some(reads::VALUES) || (is_few && shown.is_none()) {
        for status in &meters {
            let answers = on_demand.answers(&caller.acting, id, status.read.meter).await.map_err(refused)?;
            let address = status.read.address.to_string();
            let of_meter = answers.into_iter().flat_map(|answer| answer.values);
            values.extend(of_meter.map(|value| (address.clone(), value)));
        }
    }
    let page = ReadPage { job, meters, shown, values, asked };
    answer(&services, &view, reads::TITLE_OF_ONE, (page.markup(&view), page.file(&view))).await
}

/// Takes a job back.
pub(super) async fn cancel(
    State(services): State<Services>,
    caller: Caller,
    Path(job): Path<i64>,
) -> Result<Response, Problem> {
    let job = on_demand(&services)?.cancel(&caller.acting, Id::new(job)).await.map_err(refused)?;
    Ok(Redirect::to(&format!("/reads/{}", job.id)).into_response())
}

fn on_demand(services: &Services) -> Result<&OnDemand, Problem> {
    services.on_demand.as_ref().ok_or_else(Problem::not_there)
}

fn refused(error: ReadError) -> Problem {
    let code = error.kind();
    let zh = match &error {
        ReadError::Store(_) => return Problem::internal(),
        ReadError::NotThere => return Problem::not_there(),
        ReadError::NotAllowed => return Problem::not_allowed(),
        ReadError::NoMeter => "请填写电能表通信地址".to_owned(),
        ReadError::NoGroup => "请选择要读的内容".to_owned(),
        ReadError::TooManyMeters { most } => format!("一次召测最多 {most} 块电能表"),
        ReadError::Expiry => "有效时间应为 1 秒至 24 小时".to_owned(),
        ReadError::Key => "任务标识不合要求".to_owned(),
        ReadError::NoSuchMeter(address) => format!("没有电能表 {address}"),
        ReadError::OtherUnderKey => "同一表单已提交过其他内容，请返回重填".to_owned(),
        ReadError::Busy => "等待召测的电能表太多，请稍后再试".to_owned(),
    };
    Problem::unacceptable(code, &error.to_string(), &zh)
}

fn not_an_address(word: &str) -> Problem {
    if word == BROADCAST {
        let en = "999999999999 is the address of all meters at once: it cannot be read";
        return Problem::malformed(en, "999999999999 是广播地址，不能召测");
    }
    let word: String = word.chars().take(20).collect();
    Problem::malformed(
        &format!("{word} is no address of a meter: it has up to 12 digits"),
        &format!("{word} 不是通信地址：应为不超过 12 位的数字"),
    )
}

/// All meters of a bus at once.
const BROADCAST: &str = "999999999999";
/// Jobs that are listed, and meters of one.
const JOBS: u32 = 500;
const METERS: u32 = 2000;
/// Meters that are compared on the page.
const COMPARED: usize = 8;
