//! People: what others see of a user, and who keeps away from whom.

use crate::domain::Time;
use crate::domain::id::Id;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub id: Id<User>,
    pub nickname: String,
    /// 0 to 100, from 50.
    pub trust: i16,
    pub created_at: Time,
    /// Given to StoreKit with each purchase, so that a purchase finds its buyer.
    pub app_account_token: uuid::Uuid,
    pub language: Language,
}

crate::words! {
    pub enum Language {
        Korean => "ko",
        English => "en",
    }
}
