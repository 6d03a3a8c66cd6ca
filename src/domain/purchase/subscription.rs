//! A subscription as the store's signed messages tell it, in whatever order and however often they come.

use serde::{Deserialize, Serialize};
use time::Duration;

use super::notice::Effect;
use super::words::Environment;
use crate::domain::Time;

/// How long Apple tries to take the money of a renewal.
const BILLING_RETRY: Duration = Duration::days(60);

/// One original transaction in one environment: the newest that is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    period: Dated<Period>,
    #[serde(default)]
    renewal: Option<Dated<Renewal>>,
}

/// What was paid for: one transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    pub transaction_id: String,
    pub product_id: String,
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: Time,
    /// Its money went back.
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub revoked_at: Option<Time>,
    /// It ended before it expires.
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub ended_at: Option<Time>,
}

/// What will become of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renewal {
    pub will_renew: bool,
    pub is_in_billing_retry: bool,
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub grace_until: Option<Time>,
}

/// Ordered by the period first and then by when it was signed: a message about last month's period says nothing about this
/// month's, however new it is. Two registers that each keep their greatest are the same in the end, whatever came first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Dated<T> {
    #[serde(with = "time::serde::rfc3339")]
    purchased_at: Time,
    #[serde(with = "time::serde::rfc3339")]
    signed_at: Time,
    what: T,
}

/// A verified message about a subscription, from a notification or from the buyer's device.
#[derive(Clone, Debug)]
pub struct News {
    pub effect: Effect,
    /// When the store signed it.
    pub signed_at: Time,
    pub purchased_at: Time,
    pub period: Period,
    /// A device does not know it.
    pub renewal: Option<Renewal>,
}

crate::words! {
    /// What a buyer has of a subscription.
    pub enum SubscriptionState {
        /// Never bought
        None => "none",
        /// Paid for
        Active => "active",
        /// Not paid for, and Apple asks us to wait: access
        Grace => "grace",
        /// Not paid for, and Apple is trying: no access
        BillingRetry => "billing_retry",
        /// Over
        Expired => "expired",
        /// Refunded, or no longer shared by the family
        Revoked => "revoked",
    }
}

impl SubscriptionState {
    pub const fn has_access(self) -> bool {
        match self {
            Self::Active | Self::Grace => true,
            Self::None | Self::BillingRetry | Self::Expired | Self::Revoked => false,
        }
    }
}

impl Subscription {
    /// The subscription after this news; none if it changes nothing: old, known, or about something else.
    pub fn after(before: Option<&Self>, news: &News) -> Option<Self> {
        let (period, renewal) = news.read()?;
        let Some(before) = before else { return Some(Self { period, renewal }) };
        let after = Self {
            period: newer(&before.period, Some(period)),
            renewal: match &before.renewal {
                Some(known) => Some(newer(known, renewal)),
                None => renewal,
            },
        };
        (after != *before).then_some(after)
    }

    pub fn state(&self, now: Time) -> SubscriptionState {
        let (period, renewal) = (&self.period.what, self.renewal());
        if period.revoked_at.is_some() {
            SubscriptionState::Revoked
        } else if now < period.ended_at.unwrap_or(period.expires_at) {
            SubscriptionState::Active
        } else if period.ended_at.is_some() {
            SubscriptionState::Expired
        } else if renewal.grace_until.is_some_and(|until| now < until) {
            SubscriptionState::Grace
        } else if renewal.is_in_billing_retry && now < period.expires_at.saturating_add(BILLING_RETRY) {
            SubscriptionState::BillingRetry
        } else {
            SubscriptionState::Expired
        }
    }

    pub fn period(&self) -> &Period {
        &self.period.what
    }

    /// Until when there is access, if nothing else happens.
    pub fn access_until(&self) -> Time {
        let period = &self.period.what;
        match (period.ended_at, self.renewal().grace_until) {
            (Some(ended_at), _) => ended_at,
            (None, Some(grace_until)) => period.expires_at.max(grace_until),
            (None, None) => period.expires_at,
        }
    }

    pub fn will_renew(&self) -> bool {
        self.period.what.revoked_at.is_none() && self.period.what.ended_at.is_none() && self.renewal().will_renew
    }

    /// What is known of this period's renewal; a subscription renews unless it is said not to.
    fn renewal(&self) -> Renewal {
        let of_this_period = self.renewal.as_ref().filter(|renewal| renewal.purchased_at == self.period.purchased_at);
        let unknown = Renewal { will_renew: true, is_in_billing_retry: false, grace_until: None };
        of_this_period.map_or(unknown, |renewal| renewal.what)
    }
}

/// The one that counts of many: one with access before one without, then the one that lasts longest.
pub fn best(of: &[(Environment, Subscription)], now: Time) -> Option<&(Environment, Subscription)> {
    of.iter().max_by_key(|(_, it)| (it.state(now).has_access(), it.access_until()))
}

impl News {
    /// What it says, with the effect of its type; none if that is nothing about a subscription.
    fn read(&self) -> Option<(Dated<Period>, Option<Dated<Renewal>>)> {
        let (mut period, mut renewal) = (self.period.clone(), self.renewal);
        match self.effect {
            Effect::Record | Effect::Grant | Effect::Consumption | Effect::Consent => return None,
            Effect::Follow => {}
            Effect::Retry => {
                let will_renew = renewal.is_none_or(|renewal| renewal.will_renew);
                renewal = Some(Renewal { will_renew, is_in_billing_retry: true, grace_until: None });
            }
            Effect::End => period.ended_at = Some(period.expires_at.min(self.signed_at)),
            Effect::TakeBack => period.revoked_at = period.revoked_at.or(Some(self.signed_at)),
            Effect::GiveBack => period.revoked_at = None,
        }
        Some((self.dated(period), renewal.map(|renewal| self.dated(renewal))))
    }

    fn dated<T>(&self, what: T) -> Dated<T> {
        Dated { purchased_at: self.purchased_at, signed_at: self.signed_at, what }
    }
}

fn newer<T: Clone>(known: &Dated<T>, told: Option<Dated<T>>) -> Dated<T> {
    told.filter(|told| (told.purchased_at, told.signed_at) > (known.purchased_at, known.signed_at))
        .unwrap_or_else(|| known.clone())
}

#[cfg(test)]
#[path = "subscription_tests.rs"]
mod tests;
