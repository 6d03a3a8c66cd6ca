//! The store's words. Sets that Apple adds to are open: a word that is new keeps its text.

crate::words! {
    /// Where a purchase was made. Nothing bought in the sandbox was paid for.
    pub enum Environment {
        Production => "production",
        Sandbox => "sandbox",
    }
}

/// Declares a set of words that may grow: the enum, its known words, and `Unknown` for every other.
macro_rules! open_words {
    ($(#[doc = $doc:literal])* $vis:vis enum $name:ident { $($variant:ident => $word:literal),* $(,)? }) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        $vis enum $name { $($variant,)* Unknown(Box<str>) }

        impl $name {
            pub const WORDS: &'static [&'static str] = &[$($word),*];

            pub fn word(&self) -> &str {
                match self { $(Self::$variant => $word,)* Self::Unknown(word) => word }
            }
        }

        impl From<&str> for $name {
            fn from(word: &str) -> Self {
                match word { $($word => Self::$variant,)* _ => Self::Unknown(word.into()) }
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer).map(|word| Self::from(word.as_str()))
            }
        }
    };
}

open_words! {
    /// What an App Store Server Notification (version 2) is about.
    pub enum NotificationType {
        ConsumptionRequest => "CONSUMPTION_REQUEST",
        DidChangeRenewalPref => "DID_CHANGE_RENEWAL_PREF",
        DidChangeRenewalStatus => "DID_CHANGE_RENEWAL_STATUS",
        DidFailToRenew => "DID_FAIL_TO_RENEW",
        DidRenew => "DID_RENEW",
        Expired => "EXPIRED",
        ExternalPurchaseToken => "EXTERNAL_PURCHASE_TOKEN",
        GracePeriodExpired => "GRACE_PERIOD_EXPIRED",
        MetadataUpdate => "METADATA_UPDATE",
        Migration => "MIGRATION",
        OfferRedeemed => "OFFER_REDEEMED",
        OneTimeCharge => "ONE_TIME_CHARGE",
        PriceChange => "PRICE_CHANGE",
        PriceIncrease => "PRICE_INCREASE",
        Refund => "REFUND",
        RefundDeclined => "REFUND_DECLINED",
        RefundReversed => "REFUND_REVERSED",
        RenewalExtended => "RENEWAL_EXTENDED",
        RenewalExtension => "RENEWAL_EXTENSION",
        RescindConsent => "RESCIND_CONSENT",
        Revoke => "REVOKE",
        Subscribed => "SUBSCRIBED",
        Test => "TEST",
    }
}

open_words! {
    /// What of it happened.
    pub enum Subtype {
        Accepted => "ACCEPTED",
        ActiveTokenReminder => "ACTIVE_TOKEN_REMINDER",
        AutoRenewDisabled => "AUTO_RENEW_DISABLED",
        AutoRenewEnabled => "AUTO_RENEW_ENABLED",
        BillingRecovery => "BILLING_RECOVERY",
        BillingRetry => "BILLING_RETRY",
        Created => "CREATED",
        Downgrade => "DOWNGRADE",
        Failure => "FAILURE",
        GracePeriod => "GRACE_PERIOD",
        InitialBuy => "INITIAL_BUY",
        Pending => "PENDING",
        PriceIncrease => "PRICE_INCREASE",
        ProductNotForSale => "PRODUCT_NOT_FOR_SALE",
        Resubscribe => "RESUBSCRIBE",
        Summary => "SUMMARY",
        Unreported => "UNREPORTED",
        Upgrade => "UPGRADE",
        Voluntary => "VOLUNTARY",
    }
}

open_words! {
    /// What kind of thing was bought.
    pub enum ProductType {
        AutoRenewable => "Auto-Renewable Subscription",
        Consumable => "Consumable",
        NonConsumable => "Non-Consumable",
        NonRenewing => "Non-Renewing Subscription",
    }
}

open_words! {
    /// Whether its owner bought it or got it from the family.
    pub enum Ownership {
        Purchased => "PURCHASED",
        FamilyShared => "FAMILY_SHARED",
    }
}
