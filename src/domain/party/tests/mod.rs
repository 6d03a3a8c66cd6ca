//! Tables of the rules, told as short stories of one party; `Stage` is the party with a clock and a source of ids.

mod boosts;
mod clock;
mod course;
mod disputes;
mod edits;
mod refunds;
mod seats;
mod transfers;

use std::sync::atomic::{AtomicI64, Ordering};

use time::Duration;
use time::macros::datetime;

use crate::domain::error::{Code, Error, Result};
use crate::domain::event::EventKind;
use crate::domain::id::Id;
use crate::domain::item::Item;
use crate::domain::ledger::{Account, Entry};
use crate::domain::money::Krw;
use crate::domain::order::{Order, OrderState};
use crate::domain::party::{CancelReason, Join, Party, Placing, State};
use crate::domain::payment::{Outcome, Payment};
use crate::domain::split::{FeeTier, Split};
use crate::domain::terms::{Category, Draft, Limits, Pickup, Settlement, Store, TransferAccount};
use crate::domain::user::{Language, User};
use crate::domain::wordlist::WordList;
use crate::domain::{At, Time};

pub const NOON: Time = datetime!(2026-12-01 12:00 UTC);
pub const HOST: Id<User> = Id::from_raw(1);
pub const ANN: Id<User> = Id::from_raw(2);
pub const BEN: Id<User> = Id::from_raw(3);
pub const CHO: Id<User> = Id::from_raw(4);
pub const OPERATOR_NOTE: &str = "as agreed by telephone";

pub struct Stage {
    pub party: Party,
    pub now: Time,
    ids: AtomicI64,
}

/// Two of four are enough, food for 20,000; a fee of 3,000 split evenly, so that a guest's cap is 1,500; an hour to join.
pub fn a_draft() -> Draft {
    Draft {
        title: "치킨 같이 시켜요".into(),
        store: Store { name: "교촌치킨".into(), category: Category::Chicken, link: None },
        pickup: Pickup { lat: 37.4981, lng: 127.0276, label: "강남역 11번 출구".into(), memo: None },
        min_members: 2,
        capacity: 4,
        deadline_at: NOON + Duration::minutes(60),
        min_order_krw: Krw::new(20_000),
        fee_tiers: vec![FeeTier { from_krw: Krw::ZERO, fee_krw: Krw::new(3000) }],
        discount_krw: Krw::ZERO,
        split: Split::Even,
        settlement: Settlement::Prepaid,
        transfer_account: None,
        auto_lock: false,
        items: food(10_000),
    }
}

pub fn a_transfer_draft() -> Draft {
    let account =
        TransferAccount {
            bank: "카카오뱅크".into(), number: "3333-01-1234567".into(), holder: "김민아".into()
        };
    Draft { settlement: Settlement::Transfer, transfer_account: Some(account), ..a_draft() }
}

pub fn a_party() -> Stage {
    Stage::open(a_draft())
}

pub fn a_transfer_party() -> Stage {
    Stage::open(a_transfer_draft())
}

/// Locked with Ann (10,000) and Ben (12,000), who have paid.
pub fn a_locked_party() -> Stage {
    let mut stage = a_party();
    stage.seat(ANN, 10_000);
    stage.seat(BEN, 12_000);
    stage.lock().unwrap();
    stage
}

pub fn a_placed_party() -> Stage {
    let mut stage = a_locked_party();
    stage.place(35_000).unwrap();
    stage
}

pub fn an_arrived_party() -> Stage {
    let mut stage = a_placed_party();
    stage.arrive(HOST).unwrap();
    stage
}

pub fn a_completed_party() -> Stage {
    let mut stage = an_arrived_party();
    stage.pick_up(ANN).unwrap();
    stage.pick_up(BEN).unwrap();
    stage.tick();
    assert_eq!(stage.party.state, State::Completed);
    stage
}

pub fn food(won: i64) -> Vec<Item> {
    vec![Item { name: "후라이드".into(), unit_price_krw: Krw::new(won), quantity: 1, memo: None }]
}

/// The code of a refusal and the state that it names.
pub fn refused<T: std::fmt::Debug>(result: Result<T>) -> (Code, Option<&'static str>) {
    let Error { code, more, .. } = result.expect_err("refused");
    (code, more.state)
}

impl Stage {
    pub fn open(draft: Draft) -> Self {
        Self::open_with(draft, Limits::BASIC)
    }

    pub fn open_with(draft: Draft, limits: Limits) -> Self {
        let host = User {
            id: HOST,
            nickname: "민아".into(),
            trust: 50,
            created_at: NOON,
            app_account_token: uuid::Uuid::nil(),
            language: Language::Korean,
        };
        let offer = draft.check(limits, &WordList::default(), NOON).expect("a good draft");
        let sealed = offer.account.is_some().then(|| "sealed".to_owned());
        let ids = AtomicI64::new(1000);
        let mint = || Ok(next(&ids));
        let at = At { now: NOON, mint: &mint };
        let party = Party::open(Id::from_raw(1000), &host, offer, limits, sealed, &at).expect("opened");
        Self { party, now: NOON, ids }
    }

    pub fn act<T>(&mut self, command: impl FnOnce(&mut Party, &At<'_>) -> Result<T>) -> Result<T> {
        let mint = || Ok(next(&self.ids));
        command(&mut self.party, &At { now: self.now, mint: &mint })
    }

    pub fn wait(&mut self, minutes: i64) {
        self.now += Duration::minutes(minutes);
    }

    pub fn tick(&mut self) {
        self.act(Party::tick).unwrap();
    }

    pub fn wait_and_tick(&mut self, minutes: i64) {
        self.wait(minutes);
        self.tick();
    }

    pub fn join(&mut self, user_id: Id<User>, won: i64) -> Result<Id<Order>> {
        self.act(|party, at| party.join(Join { user_id, blocked: Vec::new(), items: food(won) }, at))
    }

    /// Joins, and pays where that is due.
    pub fn seat(&mut self, user: Id<User>, won: i64) -> Id<Order> {
        let order = self.join(user, won).unwrap();
        if self.party.terms.settlement == Settlement::Prepaid {
            self.pay(user);
        }
        order
    }

    /// Somebody's seat, or else the last one that he had.
    pub fn order(&self, user: Id<User>) -> &Order {
        let own = self.party.orders.iter().filter(|order| order.user_id == user);
        own.max_by_key(|order| (order.is_live(), order.id)).expect("an order")
    }

    pub fn state(&self, user: Id<User>) -> OrderState {
        self.order(user).state
    }

    /// The newest payment of somebody's order.
    pub fn payment(&self, user: Id<User>) -> &Payment {
        self.order(user).payments.last().expect("a payment")
    }

    pub fn begin(&mut self, user: Id<User>) -> Result<bool> {
        // The provider's window gives another key for each attempt.
        let (id, amount, key) =
            (self.payment(user).id, self.payment(user).amount_krw, self.payment(user).provider_order_id());
        self.party.begin_payment(id, &key, amount, self.now)
    }

    pub fn resolve(&mut self, user: Id<User>, outcome: Outcome) {
        let id = self.payment(user).id;
        self.act(|party, at| party.resolve_payment(id, outcome, at)).unwrap();
    }

    pub fn pay(&mut self, user: Id<User>) {
        assert!(self.begin(user).unwrap());
        self.resolve(user, Outcome::Paid);
    }

    pub fn change(&mut self, user: Id<User>, won: i64) -> Result<()> {
        let id = self.order(user).id;
        self.act(|party, at| party.change_items(id, food(won), at))
    }

    pub fn leave(&mut self, user: Id<User>) -> Result<()> {
        let id = self.order(user).id;
        self.act(|party, at| party.leave(id, at))
    }

    pub fn kick(&mut self, user: Id<User>) -> Result<()> {
        let id = self.order(user).id;
        self.act(|party, at| party.kick(id, Some("답이 없어요"), at))
    }

    pub fn lock(&mut self) -> Result<()> {
        self.act(Party::lock)
    }

    pub fn place(&mut self, receipt: i64) -> Result<()> {
        let placing = Placing { store_order_no: "A-7".into(), receipt_total_krw: Krw::new(receipt), eta_at: None };
        self.party.place(&placing, self.now)
    }

    pub fn arrive(&mut self, by: Id<User>) -> Result<()> {
        self.party.arrive(by, self.now)
    }

    pub fn pick_up(&mut self, user: Id<User>) -> Result<()> {
        self.party.pick_up(self.order(user).id, user)
    }

    pub fn no_show(&mut self, user: Id<User>) -> Result<()> {
        self.party.no_show(self.order(user).id, self.now)
    }

    pub fn cancel(&mut self, reason: CancelReason) -> Result<()> {
        self.act(|party, at| party.cancel(reason, at))
    }

    /// What somebody has paid, and what of it goes or went back.
    pub fn paid_and_back(&self, user: Id<User>) -> (i64, i64) {
        let order = self.order(user);
        (order.captured().get(), (order.captured() - order.balance()).get())
    }

    /// What the ledger says of an account, debits less credits.
    pub fn booked(&self, account: Account) -> i64 {
        let of = |side: Account, entry: &Entry| if side == account { entry.amount_krw.get() } else { 0 };
        self.party.news.entries.iter().map(|entry| of(entry.debit, entry) - of(entry.credit, entry)).sum()
    }

    pub fn told(&self, kind: EventKind) -> usize {
        self.party.news.events.iter().filter(|event| event.kind == kind).count()
    }
}

fn next(ids: &AtomicI64) -> i64 {
    ids.fetch_add(1, Ordering::Relaxed) + 1
}
