//! The provider's books against ours, day by day: what differs is kept, told and asked about. It corrects nothing itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use time::{Date, Duration};

use crate::app::{App, hints};
use crate::domain::books::{self, Account, Difference};
use crate::domain::error::{Code, Error, Result};
use crate::domain::id::Id;
use crate::domain::money::Krw;
use crate::domain::payment::Payment;
use crate::storage::books::{self as stored, Booked};
use crate::storage::using;
use crate::upstream::Fault;
use crate::upstream::client::Deadline;
use crate::upstream::toss::{self, Status};

pub use crate::storage::books::Open;

/// How long a process has a day to itself; one that died gives it up by that.
const LEASE: Duration = Duration::minutes(15);
/// A day with something under way, or with a difference, is looked at again every day …
const AGAIN: Duration = Duration::DAY;
/// … for as long as the provider's answers can be late.
const LOOKED_AT: Duration = Duration::days(30);
/// How many payments are asked for at once in a database.
const BATCH: usize = 1_000;

/// How often an order is looked at when our books of it change meanwhile.
const LOOKS: usize = 3;

/// What came of comparing a day.
pub struct Compared {
    pub day: Date,
    /// How many orders moved money on it, by either side.
    pub orders: usize,
    /// How many of them cannot be judged yet.
    pub waiting: usize,
    pub differences: Vec<(String, Difference)>,
}

/// Compares the days that are surely over and were not compared, or have to be once more; says how many.
pub async fn compare_due(app: &Arc<App>) -> Result<usize> {
    let now = app.clock.now();
    let main = app.databases.main();
    let lease = async |main: &mut _| {
        stored::plan(main, books::last_over(now), now).await?;
        stored::lease(main, now, now + LEASE).await
    };
    let leased = using(&main, lease).await?;
    if let Some(day) = leased {
        compare(app, day).await?;
    }
    let open = using(&main, async |main| stored::count_open(main).await).await?;
    metrics::gauge!("books_differences").set(f64::from(u32::try_from(open).unwrap_or(u32::MAX)));
    Ok(usize::from(leased.is_some()))
}

/// Compares one day, whether it was compared before or not.
pub async fn compare(app: &Arc<App>, day: Date) -> Result<Compared> {
    let now = app.clock.now();
    if day > books::last_over(now) {
        return Err(Error::internal(Code::TooEarly, format_args!("{day} is not surely over in Seoul")));
    }
    let theirs = list(app, day).await?;
    let ours = booked(app, day, &theirs).await?;
    let mut found = Compared { day, orders: ours.len(), waiting: 0, differences: Vec::new() };
    let mut judged = Vec::new();
    for (order, ours) in ours {
        let Some(differences) = judge(app, &order, ours, theirs.get(&order)).await? else {
            found.waiting += 1;
            continue;
        };
        found.differences.extend(differences.into_iter().map(|difference| (order.clone(), difference)));
        judged.push(order);
    }
    keep(app, &found, &judged).await?;
    Ok(found)
}

/// The provider's transactions of the day, by order.
async fn list(app: &App, day: Date) -> Result<BTreeMap<String, Account>> {
    let mut accounts: BTreeMap<String, Account> = BTreeMap::new();
    let mut after: Option<String> = None;
    loop {
        let deadline = Deadline::within(app.config.patience.background);
        let page = app.toss.list(day, after.as_deref(), deadline).await.map_err(|fault| unanswered(&fault))?;
        after = page.last().map(|last| last.transaction_key.clone());
        let whole = page.len() < toss::PAGE;
        for line in page {
            let account = accounts.entry(line.provider_order_id).or_default();
            match line.status {
                Status::Done => account.captured_krw += line.amount_krw,
                Status::Canceled | Status::PartialCanceled => {
                    account.refunds.insert(line.transaction_key, line.amount_krw);
                }
                // No money has moved.
                _ => {}
            }
        }
        if whole {
            return Ok(accounts);
        }
    }
}

/// What our books say of an order.
#[derive(Clone, PartialEq)]
struct Ours {
    /// The payment of this attempt; an order of another attempt, or of nobody's payment, has nothing in our books.
    payment: Option<i64>,
    under_way: bool,
    account: Account,
}

impl Ours {
    fn nothing() -> Self {
        Self { payment: None, under_way: false, account: Account::default() }
    }

    fn of(booked: Booked) -> (String, Self) {
        let order = format!("{}-{}", booked.id, booked.attempt);
        (order, Self { payment: Some(booked.id), under_way: booked.under_way, account: booked.account })
    }
}

/// Every order that moved money on the day by either side, as our books have it.
async fn booked(app: &App, day: Date, theirs: &BTreeMap<String, Account>) -> Result<BTreeMap<String, Ours>> {
    let named: Vec<i64> =
        theirs.keys().filter_map(|order| Payment::of_provider_order_id(order)).map(|(id, _)| id.raw()).collect();
    let mut ours: BTreeMap<String, Ours> = theirs.keys().map(|order| (order.clone(), Ours::nothing())).collect();
    for database in app.databases.party_databases() {
        let pool = database.pool();
        let (from, to) = (books::begins(day), books::ends(day));
        let moved = using(&pool, async |conn| stored::moved_between(conn, from, to).await).await?;
        let mut ids = [named.as_slice(), &moved].concat();
        ids.sort_unstable();
        ids.dedup();
        for ids in ids.chunks(BATCH) {
            for booked in using(&pool, async |conn| stored::booked(conn, ids).await).await? {
                let by_us = moved.contains(&booked.id);
                let (order, own) = Ours::of(booked);
                if by_us || theirs.contains_key(&order) {
                    ours.insert(order, own);
                }
            }
        }
    }
    Ok(ours)
}

/// None while something about the order is under way. What the day's list alone does not explain is asked for, because what
/// happened to the order on other days is not in it.
async fn judge(app: &App, order: &str, mut ours: Ours, listed: Option<&Account>) -> Result<Option<Vec<Difference>>> {
    if !ours.under_way && listed.is_some_and(|listed| books::differences(&ours.account, listed).is_empty()) {
        return Ok(Some(Vec::new()));
    }
    for _ in 0..LOOKS {
        if ours.under_way {
            return Ok(None);
        }
        let deadline = Deadline::within(app.config.patience.background);
        let theirs = app
            .toss
            .look_up(order, deadline)
            .await
            .map_err(|fault| unanswered(&fault))?
            .map(account)
            .unwrap_or_default();
        let differences = books::differences(&ours.account, &theirs);
        let Some(payment) = ours.payment.filter(|_| !differences.is_empty()) else { return Ok(Some(differences)) };
        // Ours were read first; what was booked meanwhile is no difference.
        let present = again(app, payment, order).await?;
        if present == ours {
            return Ok(Some(differences));
        }
        ours = present;
    }
    Ok(None)
}

async fn again(app: &App, payment: i64, order: &str) -> Result<Ours> {
    let pool = app.databases.party(Id::<Payment>::from_raw(payment).shard())?;
    let booked = using(&pool, async |conn| stored::booked(conn, &[payment]).await).await?;
    let present = booked.into_iter().map(Ours::of).find(|(present, _)| present == order);
    Ok(present.map_or_else(Ours::nothing, |(_, ours)| ours))
}

fn unanswered(fault: &Fault) -> Error {
    Error::internal(Code::PaymentUnavailable, format_args!("the books cannot be compared: {fault:?}"))
}

fn account(payment: toss::Payment) -> Account {
    let captured = matches!(payment.status, Status::Done | Status::PartialCanceled | Status::Canceled);
    let captured_krw = if captured { payment.total_krw } else { Krw::ZERO };
    let done = payment.cancels.into_iter().filter(|row| row.done);
    Account { captured_krw, refunds: done.map(|row| (row.transaction_key, row.amount_krw)).collect() }
}

async fn keep(app: &Arc<App>, found: &Compared, judged: &[String]) -> Result<()> {
    let (day, now, main) = (found.day, app.clock.now(), app.databases.main());
    for (order, difference) in &found.differences {
        if using(&main, async |main| stored::keep(main, day, order, difference, now).await).await? {
            tracing::error!(
                %day, provider_order_id = order, what = difference.what.word(),
                ours_krw = difference.ours_krw.get(), theirs_krw = difference.theirs_krw.get(),
                "the provider's books and ours differ"
            );
        }
        // Much of it mends itself: a webhook was lost, and the provider has only to be asked.
        hints::keep(app, order, None).await?;
    }
    let open = found.waiting > 0 || !found.differences.is_empty();
    let again = (open && now < books::ends(day) + LOOKED_AT).then_some(now + AGAIN);
    let end = async |main: &mut _| {
        stored::settle(main, judged, &found.differences, now).await?;
        stored::compared(main, day, found.waiting, now, again).await
    };
    using(&main, end).await
}

/// The differences that nobody has settled.
pub async fn open(app: &App) -> Result<Vec<Open>> {
    using(&app.databases.main(), async |main| stored::open(main).await).await
}

/// An operator accepts a difference as it is.
pub async fn accept(app: &App, id: i64, note: &str) -> Result<()> {
    let now = app.clock.now();
    let accepted = using(&app.databases.main(), async |main| stored::accept(main, id, note, now).await).await?;
    if accepted { Ok(()) } else { Err(Code::NotFound.into()) }
}
