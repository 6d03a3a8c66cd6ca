//! The properties, each as one look at a party, its ledger and the provider's books.

use std::collections::{BTreeMap, BTreeSet};

use time::Duration;

use super::acts::Act;
use super::provider::Provider;
use crate::domain::dispute::DisputeState;
use crate::domain::id::Id;
use crate::domain::ledger::{Account, Entry};
use crate::domain::money::Krw;
use crate::domain::order::{Order, OrderState};
use crate::domain::party::tests::Stage;
use crate::domain::party::{Party, Quote, State};
use crate::domain::payment::{Payment, PaymentState};
use crate::domain::refund::{Refund, RefundReason, RefundState};
use crate::domain::terms::{Settlement, Terms};
use crate::domain::{At, Time};

/// Every entry that was ever made; each may be made once.
#[derive(Default)]
pub struct Ledger {
    entries: Vec<Entry>,
    sources: BTreeSet<(&'static str, i64)>,
}

impl Ledger {
    pub fn post(&mut self, entries: Vec<Entry>) {
        for entry in entries {
            assert!(entry.amount_krw > Krw::ZERO, "{entry:?}");
            assert!(self.sources.insert((entry.kind.word(), entry.source_id)), "made twice: {entry:?}");
            self.entries.push(entry);
        }
    }

    fn balance(&self, account: Account, order: Option<Id<Order>>) -> Krw {
        let of_order = |entry: &&Entry| order.is_none() || entry.order_id == order;
        let signed = |entry: &Entry| {
            let debit = if entry.debit == account { entry.amount_krw } else { Krw::ZERO };
            let credit = if entry.credit == account { entry.amount_krw } else { Krw::ZERO };
            debit - credit
        };
        self.entries.iter().filter(of_order).map(signed).sum()
    }
}

fn payments(party: &Party) -> impl Iterator<Item = &Payment> {
    party.orders.iter().flat_map(|order| &order.payments)
}

fn asked_back(payment: &Payment, which: impl Fn(&Refund) -> bool) -> Krw {
    payment.refunds.iter().filter(|refund| which(refund)).map(|refund| refund.amount_krw).sum()
}

/// 10: seats never exceed the capacity, and nobody has two.
pub fn seats(party: &Party) {
    assert!(party.seats_taken() <= party.terms.capacity, "overfull");
    let live: Vec<_> = party.orders.iter().filter(|order| order.is_live()).map(|order| order.user_id).collect();
    assert_eq!(live.iter().collect::<BTreeSet<_>>().len(), live.len(), "somebody has two seats");
    let sorted: Vec<_> = party.orders.iter().filter_map(|order| order.joined_at.map(|at| (at, order.id))).collect();
    assert!(sorted.is_sorted(), "out of the order of joining");
}

/// 11: an end is an end; what is final stays, and no step is skipped or taken back.
pub fn changed(before: &Party, after: &Party, act: &Act) {
    let rank = |state| State::ALL.iter().position(|other| *other == state).unwrap();
    assert!(rank(after.state) >= rank(before.state), "{act:?} took it back");
    if matches!(before.state, State::Completed | State::Cancelled) {
        assert_eq!(
            (after.state, after.ended_at, after.cancel_reason),
            (before.state, before.ended_at, before.cancel_reason)
        );
    }
    if before.quote.is_some() {
        assert_eq!(after.quote, before.quote, "{act:?} changed the quote");
        assert_eq!(after.terms, before.terms);
    }
    for old in &before.orders {
        let new = after.order(old.id).expect("orders stay");
        assert!(old.is_live() || new.state == old.state, "{act:?} revived a seat");
        assert!(before.state == State::Open || new.items == old.items, "{act:?} slipped past the quote");
    }
}

/// The job is needed when `due_at` says so: not before, not in vain, and not twice.
pub fn clock(stage: &Stage) {
    let due = stage.party.due_at();
    if due.is_none_or(|due| due > stage.now) {
        assert_eq!(ticked(&stage.party, stage.now), stage.party, "a tick before its time");
        let nearly = due.map_or(stage.now + Duration::days(30), |due| due - Duration::milliseconds(1));
        assert_eq!(ticked(&stage.party, nearly.max(stage.now)), stage.party, "a tick just before its time");
    }
    let Some(due) = due else { return };
    for now in [due.max(stage.now), due.max(stage.now) + Duration::days(40)] {
        let once = ticked(&stage.party, now);
        assert_ne!(once, stage.party, "due in vain");
        assert!(once.due_at().is_none_or(|next| next > now), "due again at once");
        assert_eq!(ticked(&once, now), once, "two ticks are not one");
    }
}

fn ticked(party: &Party, now: Time) -> Party {
    let mut party = party.clone();
    let ids = std::sync::atomic::AtomicI64::new(1_i64 << 40);
    let mint = || Ok(ids.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
    party.tick(&At { now, mint: &mint }).expect("a tick is never refused");
    party
}

/// 13, and both sides' books: what we know of is what is there.
pub fn provider(party: &Party, provider: &Provider, ledger: &Ledger) {
    for payment in payments(party) {
        if payment.captured_krw > Krw::ZERO {
            assert_eq!(payment.captured_krw, provider.captured(payment.id));
        }
        assert!(payment.refunded() <= payment.captured_krw, "more back than was paid");
        assert!(payment.refunds.iter().filter(|refund| refund.in_flight()).count() <= 1, "two at a time");
        if !payment.refunds.iter().any(Refund::in_flight) {
            assert_eq!(payment.refunded(), provider.refunded(payment.id));
        }
    }
    let held = payments(party).map(|payment| payment.captured_krw - payment.refunded()).sum();
    assert_eq!(ledger.balance(Account::Provider, None), held);
    assert!(party.payouts.iter().all(|payout| payout.amount_krw >= Krw::ZERO));
}

/// 8 and 9: every won has exactly one owner, and the ledger knows him.
pub fn money(party: &Party, ledger: &Ledger) {
    for order in &party.orders {
        let dispute = order.dispute.as_ref();
        let frozen = dispute.filter(|dispute| dispute.state == DisputeState::Open).map(|dispute| dispute.frozen_krw);
        let passed_on = party.state == State::Completed && order.is_live();
        let (of_order, of_host) = match dispute {
            _ if frozen.is_some() => (Krw::ZERO, Krw::ZERO),
            Some(_) => (Krw::ZERO, order.balance()),
            None if passed_on => (Krw::ZERO, order.balance()),
            None => (order.balance(), Krw::ZERO),
        };
        let of = |account| -ledger.balance(account, Some(order.id));
        assert_eq!(of(Account::Order), of_order, "{order:#?}");
        assert_eq!(of(Account::Host), of_host, "{order:#?}");
        assert_eq!(of(Account::Dispute), frozen.unwrap_or_default(), "{order:#?}");
        assert_eq!(of(Account::Refunding), order.refunding(), "{order:#?}");
        assert!(frozen.is_none_or(|frozen| frozen == order.balance()), "{order:#?}");
        for payment in &order.payments {
            assert!(payment.balance() >= Krw::ZERO, "more asked back than was paid");
        }
        seat_is_paid(party, order);
    }
    let paid_out: Krw =
        party.payouts.iter().filter(|payout| payout.paid_at.is_some()).map(|payout| payout.amount_krw).sum();
    assert_eq!(-ledger.balance(Account::Bank, None), paid_out);
    if party.state == State::Completed {
        assert_eq!(-ledger.balance(Account::Host, None), party.owed_to_host());
        let unpaid: Krw =
            party.payouts.iter().filter(|payout| payout.paid_at.is_none()).map(|payout| payout.amount_krw).sum();
        assert_eq!(party.owed_to_host(), unpaid, "what the operator sees is what is owed");
    }
}

/// A prepaid guest has paid for what he is served, to the won.
fn seat_is_paid(party: &Party, order: &Order) {
    if party.terms.settlement == Settlement::Transfer || order.user_id == party.host_id {
        assert_eq!(order.captured(), Krw::ZERO);
        return;
    }
    let given = refunded_by_operator(order);
    let expected = match (order.state, party.state) {
        (OrderState::Joined, _) => order.food_krw + order.fee_cap_krw.unwrap_or_default(),
        (_, State::Cancelled) => Krw::ZERO,
        (OrderState::Confirmed | OrderState::PickedUp | OrderState::NoShow, _) => {
            (order.owed_krw.unwrap_or_default() - given).max(Krw::ZERO)
        }
        _ => Krw::ZERO,
    };
    assert_eq!(order.balance(), expected, "{order:#?}");
}

fn refunded_by_operator(order: &Order) -> Krw {
    order.payments.iter().map(|payment| asked_back(payment, |refund| refund.reason == RefundReason::Dispute)).sum()
}

/// 4: the fee that was promised at the join, by the terms of that moment.
#[derive(Default)]
pub struct Promises {
    made: BTreeMap<Id<Order>, (Krw, Option<Krw>)>,
    agreed: Option<Terms>,
}

impl Promises {
    pub fn kept(&mut self, party: &Party) {
        for order in party.members().filter(|order| order.user_id != party.host_id) {
            let (food, cap) = *self.made.entry(order.id).or_insert((order.food_krw, order.fee_cap_krw));
            assert!(order.food_krw != food || order.fee_cap_krw == cap, "another promise for the same food");
            assert!(order.food_krw >= food || order.fee_cap_krw <= cap, "a dearer promise for less food");
            self.made.insert(order.id, (order.food_krw, order.fee_cap_krw));
        }
        if let Some(quote) = &party.quote {
            quote_is_whole(party, quote);
        }
        let guests = party.guests().next().is_some();
        if let Some(agreed) = self.agreed.as_ref().filter(|_| guests) {
            assert_eq!((&agreed.tariff, &agreed.store), (&party.terms.tariff, &party.terms.store));
            assert!(party.terms.deadline_at <= agreed.deadline_at + Duration::minutes(30));
        }
        let first = guests && self.agreed.is_none();
        if first {
            self.agreed = Some(party.terms.clone());
        } else if !guests {
            self.agreed = None;
        }
    }
}

fn quote_is_whole(party: &Party, quote: &Quote) {
    assert_eq!(quote.shares.iter().map(|share| share.owed_krw).sum::<Krw>(), quote.total_krw);
    for share in quote.shares.iter().filter(|share| share.user_id != party.host_id) {
        let order = party.order(share.order_id).expect("an order");
        assert!(Some(share.fee_krw) <= order.fee_cap_krw, "more than was promised");
        assert_eq!(share.food_krw, order.food_krw);
    }
}

/// 7: however it went, it is over, and everybody has what is his.
pub fn ended(party: &Party, provider: &Provider, meddled: bool) {
    assert!(matches!(party.state, State::Completed | State::Cancelled), "{:?} for ever", party.state);
    assert!(party.sealed_account.is_none());
    for payment in payments(party) {
        let known = matches!(payment.state, PaymentState::Review);
        assert!(known || !payment.payable() && !payment.confirming(), "{payment:#?}");
        let done = |refund: &Refund| refund.state == RefundState::Done;
        assert!(meddled || payment.refunds.iter().all(done), "{payment:#?}");
        assert!(known || payment.captured_krw == provider.captured(payment.id), "{payment:#?}");
    }
    assert!(party.payouts.iter().all(|payout| payout.paid_at.is_some()), "{:?}", party.payouts);
    if meddled {
        return;
    }
    assert_eq!(party.owed_to_host(), Krw::ZERO);
    for order in &party.orders {
        let kept = order.captured() - order.refunded();
        let owed = order.owed_krw.unwrap_or_default() - refunded_by_operator(order);
        assert!(kept == Krw::ZERO || kept == owed, "{kept} of {owed}: {order:#?}");
    }
}
