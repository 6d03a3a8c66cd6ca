//! What the Server API is asked and what it tells, in our words.

use serde::Serialize;

use super::super::{Notification, Rejection, RenewalInfo, Transaction};
use crate::domain::Time;
use crate::upstream::client::Deadline;

#[derive(Clone, Copy)]
pub struct When {
    /// By the rules' clock.
    pub now: Time,
    pub deadline: Deadline,
}

/// Where a subscription stands, by Apple.
pub struct Standing {
    /// 1 active, 2 expired, 3 billing retry, 4 grace, 5 revoked.
    pub status: i64,
    /// The last one.
    pub transaction: Transaction,
    pub renewal_info: RenewalInfo,
}

/// A part of what a person has bought of our app, in the order in which it changed.
pub struct Purchases {
    pub transactions: Vec<Transaction>,
    /// Where to go on, now or when there is more some day.
    pub revision: String,
    pub has_more: bool,
}

/// A part of what Apple has told us, or has tried to, in no order to rely on.
pub struct Told {
    pub notifications: Vec<Notification>,
    /// What was not to be believed; a message that we cannot read must not hide the others.
    pub rejected: Vec<Rejection>,
    /// Goes on with the same question.
    pub next: Option<String>,
}

/// From and until.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub from: Time,
    pub until: Time,
}

/// What we tell Apple when somebody wants his money back. The person has to have agreed to that.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Consumption {
    pub customer_consented: bool,
    pub delivery_status: DeliveryStatus,
    /// In thousandths of a percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consumption_percentage: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refund_preference: Option<RefundPreference>,
    pub sample_content_provided: bool,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DeliveryStatus {
    Delivered,
    UndeliveredServerOutage,
    UndeliveredOther,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RefundPreference {
    Decline,
    GrantFull,
    GrantProrated,
}

/// How the sending of a test notification went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tested {
    /// Apple's word for the last try: `SUCCESS`, or what was wrong.
    pub result: String,
}
