//! A party, its provider and its books; it does what a history says and asks the audit after each command.

use time::Duration;

use super::acts::{Act, NEWEST};
use super::audit::{self, Ledger, Promises};
use super::provider::{Fate, Provider};
use crate::domain::dispute::{DisputeKind, Payout};
use crate::domain::error::{Code, Decline, Result};
use crate::domain::id::Id;
use crate::domain::money::Krw;
use crate::domain::order::Order;
use crate::domain::party::tests::{HOST, Stage, food};
use crate::domain::party::{Join, Party, Placing, State};
use crate::domain::payment::{Outcome, Payment};
use crate::domain::refund::{Cancellation, Refund};
use crate::domain::terms::{Draft, Edit, Limits};
use crate::domain::wordlist::WordList;

pub struct World {
    pub stage: Stage,
    pub provider: Provider,
    pub ledger: Ledger,
    promises: Promises,
    /// Somebody else has cancelled payments: guests and host may end with less or more than is theirs.
    pub meddled: bool,
    // What numbers pick among, oldest first; renewed between commands, so that a repetition means the same.
    orders: Vec<Id<Order>>,
    payments: Vec<Id<Payment>>,
    refunds: Vec<(Id<Payment>, Id<Refund>)>,
}

fn pick<T: Copy>(things: &[T], number: u8) -> Option<T> {
    if number == NEWEST {
        things.last().copied()
    } else {
        things.get(usize::from(number) % things.len().max(1)).copied()
    }
}

impl World {
    pub fn open(draft: Draft) -> Self {
        let mut world = Self {
            stage: Stage::open_with(draft, Limits::PLUS),
            provider: Provider::default(),
            ledger: Ledger::default(),
            promises: Promises::default(),
            meddled: false,
            orders: Vec::new(),
            payments: Vec::new(),
            refunds: Vec::new(),
        };
        world.look_around();
        world
    }

    fn party(&self) -> &Party {
        &self.stage.party
    }

    fn payouts(&self) -> Vec<(Id<Payout>, Krw)> {
        self.party().payouts.iter().map(|payout| (payout.id, payout.amount_krw)).collect()
    }

    fn look_around(&mut self) {
        let party = &self.stage.party;
        self.orders = party.orders.iter().map(|order| order.id).collect();
        self.payments = party.orders.iter().flat_map(|order| &order.payments).map(|payment| payment.id).collect();
        self.refunds = party
            .orders
            .iter()
            .flat_map(|order| &order.payments)
            .flat_map(|payment| payment.refunds.iter().map(|refund| (payment.id, refund.id)))
            .collect();
        self.orders.sort();
        self.payments.sort();
        self.refunds.sort_by_key(|(_, refund)| *refund);
        self.keep_books();
    }

    /// Does it, checks everything, does it again.
    pub fn live(&mut self, act: Act) {
        let act = self.concrete(act);
        let before = self.party().clone();
        if let Err(error) = self.perform(&act) {
            assert_eq!(*self.party(), before, "{act:?} was refused with {:?} and changed something", error.code);
        } else {
            self.keep_books();
            audit::changed(&before, self.party(), &act);
            self.audit();
            self.repeat(&act);
        }
        self.look_around();
    }

    fn keep_books(&mut self) {
        self.ledger.post(std::mem::take(&mut self.stage.party.news.entries));
        self.stage.party.news.events.clear();
    }

    fn audit(&mut self) {
        audit::seats(self.party());
        audit::clock(&self.stage);
        audit::provider(self.party(), &self.provider, &self.ledger);
        self.promises.kept(&self.stage.party);
        if !self.meddled {
            audit::money(self.party(), &self.ledger);
        }
    }

    fn repeat(&mut self, act: &Act) {
        let once = self.party().clone();
        let again = self.perform(act);
        match act {
            Act::Join { .. } => assert_eq!(again.unwrap_err().code, Code::AlreadyJoined),
            // Each is another question to the provider, and counted.
            Act::Resolve { .. } | Act::Wait(_) | Act::WaitUntilDue => return self.keep_books(),
            _ => again.unwrap_or_else(|error| panic!("{act:?} again: {:?}", error.code)),
        }
        assert_eq!(*self.party(), once, "{act:?} again changed something");
    }

    /// What `Onward` means now.
    fn concrete(&self, act: Act) -> Act {
        let Act::Onward(number) = act else { return act };
        match self.party().state {
            State::Open => Act::Lock,
            State::Locked => Act::Place { percent: 100, eta: None },
            State::Placed => Act::Arrive { order: number },
            State::Arrived => Act::PickUp { order: number, by_host: false },
            State::Completed => Act::PayOut(number),
            State::Cancelled => Act::SendRefund(number),
        }
    }

    fn perform(&mut self, act: &Act) -> Result<()> {
        let now = self.stage.now;
        match *act {
            Act::Join { user, won, blocked } => {
                let blocked = if blocked { vec![HOST] } else { Vec::new() };
                let join = Join { user_id: Id::from_raw(i64::from(user) + 2), blocked, items: food(won) };
                self.stage.act(|party, at| party.join(join, at)).map(drop)
            }
            Act::Begin { payment, fate } => self.begin(payment, fate),
            Act::Resolve { payment, how } => self.resolve(payment, how),
            Act::Edit(what) => self.edit(what),
            Act::Lock => self.stage.lock(),
            Act::Place { percent, eta } => {
                let total = self.party().quote.as_ref().map_or(1, |quote| quote.total_krw.get());
                let placing = Placing {
                    store_order_no: "A-7".into(),
                    receipt_total_krw: Krw::new(total * percent / 100),
                    eta_at: eta.map(|minutes| now + Duration::minutes(minutes)),
                };
                self.stage.party.place(&placing, now)
            }
            Act::Cancel(reason) => self.stage.cancel(reason),
            Act::Complete => self.stage.act(Party::complete_by_operator),
            Act::PayOut(number) => match pick(&self.payouts(), number) {
                Some((payout, amount)) => self.stage.party.pay_out(payout, amount, None, now),
                None => Ok(()),
            },
            Act::SendRefund(number) => self.send_refund(number),
            Act::AnswerRefund { refund, how } => self.answer_refund(refund, how),
            Act::Foreign { payment, percent } => self.meddle(payment, percent),
            Act::Wait(seconds) => {
                self.stage.now += Duration::seconds(seconds);
                Ok(())
            }
            Act::WaitUntilDue => {
                self.stage.now = self.party().due_at().map_or(now, |due| due.max(now));
                Ok(())
            }
            Act::Tick => self.stage.act(Party::tick),
            Act::Onward(_) => Ok(()),
            Act::Change { order, .. }
            | Act::Leave(order)
            | Act::Kick(order)
            | Act::Arrive { order }
            | Act::PickUp { order, .. }
            | Act::NoShow(order)
            | Act::Transfer { order, .. }
            | Act::Dispute(order)
            | Act::Decide { order, .. } => {
                let order = pick(&self.orders, order).expect("the host's at least");
                self.of_order(act, order)
            }
        }
    }

    fn of_order(&mut self, act: &Act, id: Id<Order>) -> Result<()> {
        let now = self.stage.now;
        let owner = self.party().order(id)?.user_id;
        match *act {
            Act::Change { won, .. } => self.stage.act(|party, at| party.change_items(id, food(won), at)),
            Act::Leave(_) => self.stage.act(|party, at| party.leave(id, at)),
            Act::Kick(_) => self.stage.act(|party, at| party.kick(id, Some("why not"), at)),
            Act::Arrive { .. } => self.stage.party.arrive(owner, now),
            Act::PickUp { by_host, .. } => self.stage.party.pick_up(id, if by_host { HOST } else { owner }),
            Act::NoShow(_) => self.stage.party.no_show(id, now),
            Act::Transfer { word, .. } => match word % 4 {
                0 => self.stage.party.transfer_sent(id, now),
                1 => self.stage.party.transfer_received(id),
                2 => self.stage.party.transfer_disputed(id, self.stage.now),
                _ => self.stage.party.transfer_unpaid(id),
            },
            Act::Dispute(_) => self.stage.act(|party, at| party.dispute(id, DisputeKind::Other, None, None, at)),
            Act::Decide { percent, .. } => {
                let dispute = self.party().order(id)?.dispute.as_ref();
                let refund = dispute.map_or(0, |dispute| dispute.frozen_krw.get() * percent / 100);
                self.stage.act(|party, at| party.decide(id, Krw::new(refund), "note", at))
            }
            _ => Ok(()),
        }
    }

    fn begin(&mut self, number: u8, fate: Fate) -> Result<()> {
        let Some(id) = pick(&self.payments, number) else { return Ok(()) };
        let amount = self.party().payment(id)?.1.amount_krw;
        let key = self.party().payment(id)?.1.provider_order_id();
        if self.stage.party.begin_payment(id, &key, amount, self.stage.now)? {
            let payment = self.stage.party.payment(id)?.1;
            self.provider.confirm(payment, fate);
        }
        Ok(())
    }

    fn resolve(&mut self, number: u8, how: u8) -> Result<()> {
        let Some(id) = pick(&self.payments, number) else { return Ok(()) };
        let outcome = match (self.provider.fate(id), how % 10) {
            (None, _) | (_, 8) => Outcome::Unknown,
            (_, 9) => Outcome::Contradiction,
            (Some(Fate::Captured), _) => Outcome::Paid,
            (Some(Fate::Refused), _) => Outcome::Declined(Decline::Declined),
            (Some(Fate::Nothing), 0..4) => Outcome::NotDone,
            (Some(Fate::Nothing), _) => Outcome::NotFound,
        };
        self.stage.act(|party, at| party.resolve_payment(id, outcome, at))
    }

    fn edit(&mut self, what: u8) -> Result<()> {
        let edit = match what % 6 {
            0 => Edit { title: Some("다른 이름".into()), ..Edit::default() },
            1 => Edit { capacity: Some(i64::from(what / 6) % 20 + 1), ..Edit::default() },
            2 => Edit { auto_lock: Some(what.is_multiple_of(2)), ..Edit::default() },
            3 => Edit {
                deadline_at: Some(self.party().created_at + Duration::minutes(i64::from(what))),
                ..Edit::default()
            },
            4 => Edit { min_members: Some(i64::from(what / 6) % 4 + 1), ..Edit::default() },
            _ => Edit { discount_krw: Some(Krw::new(i64::from(what) * 10)), ..Edit::default() },
        };
        self.stage.party.edit(edit, &WordList::default(), self.stage.now)
    }

    fn send_refund(&mut self, number: u8) -> Result<()> {
        let Some(id) = pick(&self.payments, number) else { return Ok(()) };
        let now = self.stage.now;
        if let Some(refund) = self.stage.party.payment_mut(id)?.next_refund(now) {
            refund.send(now);
        }
        Ok(())
    }

    /// The provider does or does not do what is under way, and we hear of it or not.
    fn answer_refund(&mut self, number: u8, how: u8) -> Result<()> {
        let Some((payment, id)) = pick(&self.refunds, number) else { return Ok(()) };
        let now = self.stage.now;
        let payments = self.party().payment(payment)?.1;
        let Some(refund) = payments.refunds.iter().find(|refund| refund.id == id && refund.in_flight()) else {
            let late = Cancellation::Done { transaction_key: "late".into() };
            return self.stage.party.resolve_refund(payment, id, late, now);
        };
        let answer = match how % 8 {
            0 if !self.provider.has_done(payment, refund) => Cancellation::NotDone { retry_after_ms: None },
            1 => Cancellation::Unknown,
            2 => {
                let (key, amount) = (refund.key(), refund.amount_krw);
                self.provider.cancel(payment, key, amount);
                Cancellation::Unknown
            }
            _ => {
                let (key, amount) = (refund.key(), refund.amount_krw);
                self.provider.cancel(payment, key, amount)
            }
        };
        assert!(self.meddled || answer != Cancellation::Refused, "more asked back than is there");
        self.stage.party.resolve_refund(payment, id, answer, now)
    }

    fn meddle(&mut self, number: u8, percent: i64) -> Result<()> {
        let Some(id) = pick(&self.payments, number) else { return Ok(()) };
        if self.party().payment(id)?.1.captured_krw == Krw::ZERO {
            return Ok(());
        }
        // The same hint twice: one transaction.
        let key = format!("foreign-{percent}");
        let amount = Krw::new(self.provider.captured(id).get() * percent / 100);
        match self.provider.cancel(id, key, amount) {
            Cancellation::Done { transaction_key } => {
                self.stage.act(|party, at| party.foreign_cancel(id, &transaction_key, amount, at))
            }
            _ => Ok(()),
        }
    }

    /// Lets the system, the provider and an operator do all that is left to do, and looks at what everyone ends with.
    pub fn end(&mut self) {
        let mut quiet_days = 0;
        for _ in 0..400 {
            let before = self.party().clone();
            for number in 0..u8::try_from(self.payments.len()).unwrap_or(NEWEST) {
                self.live(Act::Resolve { payment: number, how: 0 });
                self.live(Act::SendRefund(number));
            }
            for number in 0..u8::try_from(self.refunds.len()).unwrap_or(NEWEST) {
                self.live(Act::AnswerRefund { refund: number, how: 7 });
            }
            for number in 0..u8::try_from(self.orders.len()).unwrap_or(NEWEST) {
                self.live(Act::Decide { order: number, percent: 30 });
            }
            if self.party().waits_for_operator() {
                self.live(Act::Complete);
            }
            for number in 0..u8::try_from(self.party().payouts.len()).unwrap_or(NEWEST) {
                self.live(Act::PayOut(number));
            }
            let due = self.party().due_at();
            self.live(if due.is_some() { Act::WaitUntilDue } else { Act::Wait(86_400) });
            self.live(Act::Tick);
            quiet_days = if due.is_none() && *self.party() == before { quiet_days + 1 } else { 0 };
            if quiet_days == 3 {
                audit::ended(self.party(), &self.provider, self.meddled);
                return;
            }
        }
        panic!("it never ends: {:#?}", self.party());
    }
}
