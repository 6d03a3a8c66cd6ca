//! What a host offers: the terms of a party, how they are checked and how they may still change.

mod sheet;

use serde::{Deserialize, Serialize};
use time::Duration;
use utoipa::ToSchema;

use self::sheet::{LONGEST, Sheet};
use crate::domain::Time;
use crate::domain::error::{Code, FieldFault, Result};
use crate::domain::item::{self, Item};
use crate::domain::json::{patch, present, time_ms};
use crate::domain::money::Krw;
use crate::domain::split::{FeeTier, Split, Tariff};
use crate::domain::wordlist::WordList;

const MAX_MINIMUM: Krw = Krw::new(5_000_000);
/// How much later than guests were told it may become.
const LATER: Duration = Duration::minutes(30);

crate::words! {
    /// What a store sells.
    pub enum Category {
        Korean => "korean",
        Chinese => "chinese",
        Japanese => "japanese",
        Western => "western",
        Chicken => "chicken",
        Pizza => "pizza",
        Burger => "burger",
        Snack => "snack",
        Cafe => "cafe",
        Asian => "asian",
        LateNight => "late_night",
        Other => "other",
    }
}

crate::words! {
    /// How guests pay: through us before the party is locked, or by a transfer to the host after it.
    pub enum Settlement {
        Prepaid => "prepaid",
        Transfer => "transfer",
    }
}

/// The store that delivers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// 1 to 60 characters.
    #[schema(example = "교촌치킨 역삼점", min_length = 1, max_length = 60)]
    pub name: String,
    #[schema(example = "chicken")]
    pub category: Category,
    /// The store's page, http or https.
    #[serde(skip_serializing_if = "Option::is_none", default, deserialize_with = "present")]
    #[schema(example = "https://example.com/menu", max_length = 500)]
    pub link: Option<String>,
}

/// Where the members meet the food. Members alone see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Pickup {
    /// Degrees, WGS 84.
    #[schema(example = 37.498_1, minimum = -90, maximum = 90)]
    pub lat: f64,
    /// Degrees, WGS 84.
    #[schema(example = 127.027_6, minimum = -180, maximum = 180)]
    pub lng: f64,
    /// 1 to 80 characters.
    #[schema(example = "강남역 11번 출구", min_length = 1, max_length = 80)]
    pub label: String,
    /// Up to 200 characters.
    #[serde(skip_serializing_if = "Option::is_none", default, deserialize_with = "present")]
    #[schema(example = "편의점 앞 의자", max_length = 200)]
    pub memo: Option<String>,
}

/// Where guests of a transfer party send their share. Encrypted at rest, shown to confirmed members, erased 7 days after the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TransferAccount {
    /// 1 to 30 characters.
    #[schema(example = "카카오뱅크", min_length = 1, max_length = 30)]
    pub bank: String,
    /// Digits and hyphens, 6 to 30 of them.
    #[schema(example = "3333-01-1234567", min_length = 6, max_length = 30)]
    pub number: String,
    /// 1 to 30 characters.
    #[schema(example = "김민아", min_length = 1, max_length = 30)]
    pub holder: String,
}

/// A party that someone wants to open.
#[derive(Clone, Debug, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// 1 to 60 characters.
    #[schema(example = "치킨 같이 시켜요", min_length = 1, max_length = 60)]
    pub title: String,
    /// The store that delivers.
    pub store: Store,
    /// Where the members meet the food.
    pub pickup: Pickup,
    /// Fewest members with which the party is locked, the host counted.
    #[schema(example = 2, minimum = 2, maximum = 20)]
    pub min_members: i64,
    /// Most members, the host counted: at most 10, with Plus 20.
    #[schema(example = 4, minimum = 2, maximum = 20)]
    pub capacity: i64,
    /// When joining closes: 10 minutes to 24 hours ahead.
    #[serde(with = "time_ms")]
    #[schema(value_type = String, format = DateTime, example = "2026-12-01T11:30:00.000Z")]
    pub deadline_at: Time,
    /// The store's minimum order: food in all.
    #[schema(value_type = i64, example = 20_000, minimum = 0, maximum = 5_000_000)]
    pub min_order_krw: Krw,
    /// The delivery fee by food in all: 1 to 10 steps, the first from 0; a higher step is never dearer.
    #[schema(min_items = 1, max_items = 10)]
    pub fee_tiers: Vec<FeeTier>,
    /// A discount on the whole order, shared in proportion to food.
    #[serde(default)]
    #[schema(value_type = i64, required = false, example = 0, minimum = 0, maximum = 5_000_000)]
    pub discount_krw: Krw,
    /// Who carries the delivery fee.
    #[schema(example = "even")]
    pub split: Split,
    /// How guests pay.
    #[schema(example = "prepaid")]
    pub settlement: Settlement,
    /// Of a `transfer` party, and of no other.
    #[serde(default, deserialize_with = "present")]
    pub transfer_account: Option<TransferAccount>,
    /// Lock as soon as there are enough members and food.
    #[serde(default)]
    #[schema(example = false)]
    pub auto_lock: bool,
    /// The host's own order; may be empty.
    #[serde(default)]
    #[schema(max_items = 30)]
    pub items: Vec<Item>,
}

/// What a host changes in an open party; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// 1 to 60 characters.
    #[serde(default, deserialize_with = "present")]
    #[schema(example = "치킨 같이 시켜요 (한 자리!)", min_length = 1, max_length = 60)]
    pub title: Option<String>,
    #[serde(default, deserialize_with = "present")]
    pub store: Option<StoreEdit>,
    #[serde(default, deserialize_with = "present")]
    pub pickup: Option<PickupEdit>,
    /// 2 up to the capacity.
    #[serde(default, deserialize_with = "present")]
    #[schema(example = 2, minimum = 2, maximum = 20)]
    pub min_members: Option<i64>,
    /// From the seats in use up to 10, with Plus 20.
    #[serde(default, deserialize_with = "present")]
    #[schema(example = 4, minimum = 2, maximum = 20)]
    pub capacity: Option<i64>,
    /// 10 minutes to 24 hours ahead; with guests up to 30 minutes later than it was.
    #[serde(with = "time_ms::option", default)]
    #[schema(value_type = String, format = DateTime, required = false, example = "2026-12-01T11:45:00.000Z")]
    pub deadline_at: Option<Time>,
    /// The store's minimum order: food in all.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = i64, required = false, example = 20_000, minimum = 0, maximum = 5_000_000)]
    pub min_order_krw: Option<Krw>,
    /// As in a new party.
    #[serde(default, deserialize_with = "present")]
    #[schema(min_items = 1, max_items = 10)]
    pub fee_tiers: Option<Vec<FeeTier>>,
    /// A discount on the whole order.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = i64, required = false, example = 0, minimum = 0, maximum = 5_000_000)]
    pub discount_krw: Option<Krw>,
    /// Who carries the delivery fee.
    #[serde(default, deserialize_with = "present")]
    #[schema(example = "even")]
    pub split: Option<Split>,
    /// Lock as soon as there are enough members and food.
    #[serde(default, deserialize_with = "present")]
    #[schema(example = true)]
    pub auto_lock: Option<bool>,
}

/// Another store, or another word for it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StoreEdit {
    /// 1 to 60 characters.
    #[serde(default, deserialize_with = "present")]
    #[schema(example = "행복치킨 역삼점", min_length = 1, max_length = 60)]
    pub name: Option<String>,
    #[serde(default, deserialize_with = "present")]
    pub category: Option<Category>,
    /// `null` takes the link away.
    #[serde(deserialize_with = "patch", default)]
    #[schema(value_type = String, required = false, example = "https://example.com/stores/77", max_length = 500)]
    pub link: Option<Option<String>>,
}

impl StoreEdit {
    fn apply(self, store: &Store) -> Store {
        Store {
            name: self.name.unwrap_or_else(|| store.name.clone()),
            category: self.category.unwrap_or(store.category),
            link: self.link.unwrap_or_else(|| store.link.clone()),
        }
    }
}

/// What may change of a pick-up: its position never does.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PickupEdit {
    /// 1 to 80 characters.
    #[serde(default, deserialize_with = "present")]
    #[schema(example = "강남역 12번 출구", min_length = 1, max_length = 80)]
    pub label: Option<String>,
    /// `null` takes the memo away.
    #[serde(deserialize_with = "patch", default)]
    #[schema(value_type = String, required = false, example = "우체통 옆", max_length = 200)]
    pub memo: Option<Option<String>>,
}

/// The terms of a party. What `agreed` names is frozen once a guest holds a seat.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Terms {
    pub title: String,
    pub store: Store,
    pub pickup: Pickup,
    pub capacity: i16,
    #[serde(with = "time_ms")]
    pub deadline_at: Time,
    /// Of a deadline that was moved under guests: how far it may ever go.
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub latest_deadline_at: Option<Time>,
    pub auto_lock: bool,
    pub settlement: Settlement,
    #[serde(flatten)]
    pub tariff: Tariff,
}

/// What a user may do by his subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub hosted: i16,
    pub capacity: i16,
}

impl Limits {
    pub const BASIC: Self = Self { hosted: 1, capacity: 10 };
    pub const PLUS: Self = Self { hosted: 2, capacity: 20 };
}

/// A checked draft.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    pub terms: Terms,
    pub account: Option<TransferAccount>,
    pub items: Vec<Item>,
}

impl Draft {
    /// All mistakes at once, each with its place.
    pub fn check(self, limits: Limits, words: &WordList, now: Time) -> Result<Offer> {
        let mut sheet = Sheet::default();
        let terms = Terms {
            title: sheet.said("/title", &self.title, 60, words),
            store: sheet.store("/store", self.store),
            pickup: sheet.pickup(self.pickup),
            capacity: sheet.number("/capacity", self.capacity, 2, limits.capacity),
            deadline_at: sheet.deadline(self.deadline_at, now),
            latest_deadline_at: None,
            auto_lock: self.auto_lock,
            settlement: self.settlement,
            tariff: Tariff {
                split: self.split,
                discount_krw: sheet.amount("/discount_krw", self.discount_krw, MAX_MINIMUM),
                min_members: sheet.number("/min_members", self.min_members, 2, 20),
                min_order_krw: sheet.amount("/min_order_krw", self.min_order_krw, MAX_MINIMUM),
                fee_tiers: sheet.tiers(self.fee_tiers),
            },
        };
        let account = match (self.settlement, self.transfer_account) {
            (Settlement::Transfer, Some(account)) => Some(sheet.account(&account)),
            (Settlement::Transfer, None) => sheet.wrong("/transfer_account", FieldFault::Required),
            (Settlement::Prepaid, Some(_)) => sheet.wrong("/transfer_account", FieldFault::NotAllowedHere),
            (Settlement::Prepaid, None) => None,
        };
        let items = item::check(self.items, "/items", false).unwrap_or_else(|error| {
            sheet.0.extend(error.more.fields);
            Vec::new()
        });
        sheet.members(&terms, "/min_members");
        sheet.done(Offer { terms, account, items })
    }
}

impl Terms {
    /// What a guest agrees to by joining; of the rest only the deadline and the position cannot change at will.
    fn agreed(&self) -> (&Store, &str, &Tariff) {
        (&self.store, &self.pickup.label, &self.tariff)
    }
}

impl Edit {
    /// The terms after it. `taken` seats are in use, by guests too if `guests` says so.
    pub fn apply(
        self,
        terms: &Terms,
        (taken, guests): (i16, bool),
        capacity_limit: i16,
        words: &WordList,
        now: Time,
    ) -> Result<Terms> {
        let of_members = if self.min_members.is_some() { "/min_members" } else { "/capacity" };
        let mut sheet = Sheet::default();
        let mut after = terms.clone();
        if let Some(title) = self.title {
            after.title = sheet.said("/title", &title, 60, words);
        }
        if let Some(store) = self.store {
            after.store = sheet.store("/store", store.apply(&terms.store));
        }
        if let Some(PickupEdit { label, memo }) = self.pickup {
            if let Some(label) = label {
                after.pickup.label = sheet.text("/pickup/label", &label, 80);
            }
            if let Some(memo) = memo {
                after.pickup.memo = memo.map(|memo| sheet.text("/pickup/memo", &memo, 200));
            }
        }
        if let Some(min) = self.min_members {
            after.tariff.min_members = sheet.number("/min_members", min, 2, 20);
        }
        if let Some(capacity) = self.capacity {
            after.capacity = sheet.number("/capacity", capacity, taken.max(2), capacity_limit.max(terms.capacity));
        }
        if let Some(deadline) = self.deadline_at
            && deadline != terms.deadline_at
        {
            let latest = terms.latest_deadline_at.unwrap_or(terms.deadline_at + LATER);
            after.latest_deadline_at = guests.then_some(latest);
            after.deadline_at = if guests {
                sheet.later(deadline, terms.deadline_at, latest.min(now + LONGEST))
            } else {
                sheet.deadline(deadline, now)
            };
        }
        if let Some(min) = self.min_order_krw {
            after.tariff.min_order_krw = sheet.amount("/min_order_krw", min, MAX_MINIMUM);
        }
        if let Some(tiers) = self.fee_tiers {
            after.tariff.fee_tiers = sheet.tiers(tiers);
        }
        if let Some(discount) = self.discount_krw {
            after.tariff.discount_krw = sheet.amount("/discount_krw", discount, MAX_MINIMUM);
        }
        after.tariff.split = self.split.unwrap_or(after.tariff.split);
        after.auto_lock = self.auto_lock.unwrap_or(after.auto_lock);
        if guests && after.agreed() != terms.agreed() {
            return Err(Code::TermsFrozen.into());
        }
        sheet.members(&after, of_members);
        sheet.done(after)
    }
}
