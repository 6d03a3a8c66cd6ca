//! A single purchase: what it gave, once, and what a refund takes back, even if it is spent.

use super::notice::Effect;
use super::product::{Grants, Product};
use crate::domain::Time;

/// One consumable transaction in one environment. There is one for each transaction id, however many tokens say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    pub boosts: u32,
    pub revoked_at: Option<Time>,
    /// When the newest that is known of it was signed.
    pub signed_at: Time,
}

/// What a verified message says of a single purchase.
#[derive(Clone, Copy, Debug)]
pub struct News {
    pub effect: Effect,
    pub signed_at: Time,
    pub revoked_at: Option<Time>,
}

impl Grant {
    /// A purchase of `quantity` of a product; none if the product gives nothing that can be counted.
    pub fn new(product: &Product, quantity: u32, news: &News) -> Option<Self> {
        let Grants::Boosts(each) = product.grants else { return None };
        let boosts = each.checked_mul(quantity).filter(|boosts| *boosts > 0)?;
        Self { boosts, revoked_at: None, signed_at: news.signed_at }.told(news)
    }

    /// The grant after this news; none if it changes nothing.
    pub fn after(self, news: &News) -> Option<Self> {
        if news.signed_at > self.signed_at { self.told(news) } else { None }
    }

    /// What it adds to the balance, which may be below zero.
    pub fn worth(self) -> i64 {
        if self.revoked_at.is_some() { 0 } else { i64::from(self.boosts) }
    }

    /// None: the news is not about a single purchase.
    fn told(self, news: &News) -> Option<Self> {
        let revoked_at = match news.effect {
            Effect::Grant | Effect::Follow => news.revoked_at,
            Effect::TakeBack => news.revoked_at.or(Some(news.signed_at)),
            Effect::GiveBack => None,
            Effect::Record | Effect::Retry | Effect::End | Effect::Consumption | Effect::Consent => return None,
        };
        Some(Self { revoked_at, signed_at: news.signed_at, ..self })
    }
}

/// What a buyer has left of boosts.
pub fn balance(grants: impl IntoIterator<Item = Grant>, spent: i64) -> i64 {
    grants.into_iter().map(Grant::worth).sum::<i64>() - spent
}

#[cfg(test)]
mod tests {
    use time::Duration;
    use time::macros::datetime;

    use super::*;
    use crate::domain::purchase::{Catalogue, ProductType};

    fn news(effect: Effect, minute: i64) -> News {
        News { effect, signed_at: datetime!(2026-11-22 12:00 UTC) + Duration::minutes(minute), revoked_at: None }
    }

    fn bought(product_id: &str, quantity: u32, effect: Effect) -> Option<Grant> {
        let catalogue = Catalogue::built_in();
        Grant::new(catalogue.find(product_id, &ProductType::Consumable)?, quantity, &news(effect, 0))
    }

    #[test]
    fn a_purchase_gives_its_boosts_by_quantity() {
        assert_eq!(bought("boost_5", 2, Effect::Grant).map(Grant::worth), Some(10));
        assert_eq!(bought("boost_1", 1, Effect::Follow).map(Grant::worth), Some(1), "from the device");
        assert_eq!(bought("boost_1", 0, Effect::Grant), None);
        assert_eq!(bought("boost_5", u32::MAX, Effect::Grant), None);
        assert_eq!(bought("boost_1", 1, Effect::Record), None);
        assert_eq!(bought("boost_1", 1, Effect::TakeBack).map(Grant::worth), Some(0), "the refund came first");
    }

    #[test]
    fn a_refund_of_what_was_spent_leaves_less_than_nothing_and_its_reversal_returns_it() {
        let grant = bought("boost_5", 1, Effect::Grant).unwrap();
        let refunded = grant.after(&news(Effect::TakeBack, 10)).unwrap();
        assert_eq!(balance([refunded], 2), -2);
        let reversed = refunded.after(&news(Effect::GiveBack, 20)).unwrap();
        assert_eq!(balance([reversed], 2), 3);
        assert_eq!(reversed.after(&news(Effect::GiveBack, 20)), None, "twice");
        assert_eq!(reversed.after(&news(Effect::TakeBack, 10)), None, "the refund, late");
        assert_eq!(grant.after(&news(Effect::GiveBack, 20)).map(Grant::worth), Some(5), "the reversal first");
        assert_eq!(grant.after(&news(Effect::Consumption, 30)), None);
    }
}
