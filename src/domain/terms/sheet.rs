//! The faults of a request, collected while its clean form is made; which fields there are is said in `terms.rs`.

use time::Duration;

use crate::domain::Time;
use crate::domain::error::{Error, Field, FieldFault, Result};
use crate::domain::geo::Point;
use crate::domain::money::Krw;
use crate::domain::split::{self, FeeTier};
use crate::domain::terms::{Pickup, Store, Terms, TransferAccount};
use crate::domain::text;
use crate::domain::wordlist::WordList;

/// How far ahead a deadline is.
const SHORTEST: Duration = Duration::minutes(10);
pub const LONGEST: Duration = Duration::hours(24);

/// Collects what is wrong with a request while its clean form is made.
#[derive(Default)]
pub struct Sheet(pub Vec<Field>);

impl Sheet {
    pub fn wrong<T>(&mut self, pointer: &str, fault: FieldFault) -> Option<T> {
        self.0.push(Field { pointer: pointer.to_owned(), fault });
        None
    }

    pub fn done<T>(self, value: T) -> Result<T> {
        if self.0.is_empty() { Ok(value) } else { Err(Error::fields(self.0)) }
    }

    pub fn text(&mut self, pointer: &str, raw: &str, max: usize) -> String {
        self.good(pointer, text::clean(raw, max))
    }

    pub fn said(&mut self, pointer: &str, raw: &str, max: usize, words: &WordList) -> String {
        self.good(pointer, words.said(raw, max))
    }

    fn good(&mut self, pointer: &str, text: Result<String, FieldFault>) -> String {
        text.unwrap_or_else(|fault| {
            self.wrong::<()>(pointer, fault);
            String::new()
        })
    }

    pub fn store(&mut self, pointer: &str, store: Store) -> Store {
        let link = store.link.and_then(|link| match text::link(&link) {
            Ok(link) => Some(link),
            Err(fault) => self.wrong(&format!("{pointer}/link"), fault),
        });
        Store { name: self.text(&format!("{pointer}/name"), &store.name, 60), category: store.category, link }
    }

    pub fn pickup(&mut self, pickup: Pickup) -> Pickup {
        if Point::new(pickup.lat, 0.0).is_none() {
            self.wrong::<()>("/pickup/lat", FieldFault::OutOfRange);
        }
        if Point::new(0.0, pickup.lng).is_none() {
            self.wrong::<()>("/pickup/lng", FieldFault::OutOfRange);
        }
        let label = self.text("/pickup/label", &pickup.label, 80);
        let memo = pickup.memo.map(|memo| self.text("/pickup/memo", &memo, 200));
        Pickup { lat: pickup.lat, lng: pickup.lng, label, memo }
    }

    pub fn account(&mut self, account: &TransferAccount) -> TransferAccount {
        let number = self.text("/transfer_account/number", &account.number, 30);
        let digits = number.bytes().filter(u8::is_ascii_digit).count();
        if !number.is_empty() && (digits < 6 || number.bytes().any(|c| !c.is_ascii_digit() && c != b'-')) {
            self.wrong::<()>("/transfer_account/number", FieldFault::OutOfRange);
        }
        TransferAccount {
            bank: self.text("/transfer_account/bank", &account.bank, 30),
            number,
            holder: self.text("/transfer_account/holder", &account.holder, 30),
        }
    }

    pub fn number(&mut self, pointer: &str, value: i64, min: i16, max: i16) -> i16 {
        i16::try_from(value)
            .ok()
            .filter(|value| (min..=max).contains(value))
            .or_else(|| self.wrong(pointer, FieldFault::OutOfRange))
            .unwrap_or(min)
    }

    pub fn amount(&mut self, pointer: &str, value: Krw, max: Krw) -> Krw {
        if !(Krw::ZERO..=max).contains(&value) {
            self.wrong::<()>(pointer, FieldFault::OutOfRange);
        }
        value
    }

    pub fn tiers(&mut self, tiers: Vec<FeeTier>) -> Vec<FeeTier> {
        if let Err(field) = split::check_tiers(&tiers) {
            self.wrong::<()>(&format!("/fee_tiers{}", field.pointer), field.fault);
        }
        tiers
    }

    pub fn deadline(&mut self, deadline: Time, now: Time) -> Time {
        if deadline < now + SHORTEST {
            self.wrong::<()>("/deadline_at", FieldFault::TooSoon);
        }
        if deadline > now + LONGEST {
            self.wrong::<()>("/deadline_at", FieldFault::TooLate);
        }
        deadline
    }

    /// With guests in it a party may go on up to half an hour longer than they were told, and never ends earlier.
    pub fn later(&mut self, deadline: Time, before: Time, latest: Time) -> Time {
        if deadline < before {
            self.wrong::<()>("/deadline_at", FieldFault::TooSoon);
        }
        if deadline > latest {
            self.wrong::<()>("/deadline_at", FieldFault::TooLate);
        }
        deadline
    }

    pub fn members(&mut self, terms: &Terms, pointer: &str) {
        let known = !self.0.iter().any(|field| matches!(field.pointer.as_str(), "/min_members" | "/capacity"));
        if known && terms.tariff.min_members > terms.capacity {
            self.wrong::<()>(pointer, FieldFault::OutOfRange);
        }
    }
}
