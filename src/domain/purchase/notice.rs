//! The whole notification table: what each type asks of us. What is then true stands in the signed transaction that it carries.

use super::words::{NotificationType as Type, Subtype};

crate::words! {
    /// What a notification of Apple's changes.
    pub enum Effect {
        /// Kept, and nothing else.
        Record => "record",
        /// A single purchase, to be granted once.
        Grant => "grant",
        /// The subscription is as its transaction and renewal info say.
        Follow => "follow",
        /// A renewal failed, and access ended with the period; Apple tries for 60 days.
        Retry => "retry",
        /// The subscription is over.
        End => "end",
        /// This transaction's money went back, or the family's share of it was taken away.
        TakeBack => "take_back",
        /// A refund was itself undone.
        GiveBack => "give_back",
        /// Apple asks, within 12 hours, how much was used of what the buyer wants refunded.
        Consumption => "consumption",
        /// A guardian no longer agrees to the use of the app.
        Consent => "consent",
    }
}

impl Effect {
    /// Whether it can change what a buyer has.
    pub fn is_of_purchase(self) -> bool {
        !matches!(self, Self::Record | Self::Consumption | Self::Consent)
    }

    pub fn of(kind: &Type, subtype: Option<&Subtype>) -> Self {
        match kind {
            Type::OneTimeCharge => Self::Grant,
            // An upgrade is a new transaction at once; a downgrade and a change of mind stand in the renewal info.
            Type::Subscribed
            | Type::OfferRedeemed
            | Type::DidRenew
            | Type::DidChangeRenewalPref
            | Type::DidChangeRenewalStatus
            | Type::RenewalExtended => Self::Follow,
            Type::DidFailToRenew => match subtype {
                Some(Subtype::GracePeriod) => Self::Follow,
                _ => Self::Retry,
            },
            Type::GracePeriodExpired => Self::Retry,
            Type::Expired => Self::End,
            Type::Refund | Type::Revoke => Self::TakeBack,
            Type::RefundReversed => Self::GiveBack,
            Type::ConsumptionRequest => Self::Consumption,
            Type::RescindConsent => Self::Consent,
            // Nothing is decided by them: a price that will rise, a refund that was denied, a bulk result, a token of
            // purchases outside of the store (which we do not offer), and an interface that we do not use.
            Type::PriceIncrease
            | Type::RefundDeclined
            | Type::RenewalExtension
            | Type::ExternalPurchaseToken
            | Type::MetadataUpdate
            | Type::Migration
            | Type::PriceChange
            | Type::Test
            | Type::Unknown(_) => Self::Record,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written out once more, in the words of the store.
    #[test]
    fn the_table() {
        let table = [
            ("CONSUMPTION_REQUEST", None, Effect::Consumption),
            ("DID_CHANGE_RENEWAL_PREF", Some("UPGRADE"), Effect::Follow),
            ("DID_CHANGE_RENEWAL_PREF", Some("DOWNGRADE"), Effect::Follow),
            ("DID_CHANGE_RENEWAL_PREF", None, Effect::Follow),
            ("DID_CHANGE_RENEWAL_STATUS", Some("AUTO_RENEW_DISABLED"), Effect::Follow),
            ("DID_CHANGE_RENEWAL_STATUS", Some("AUTO_RENEW_ENABLED"), Effect::Follow),
            ("DID_FAIL_TO_RENEW", Some("GRACE_PERIOD"), Effect::Follow),
            ("DID_FAIL_TO_RENEW", None, Effect::Retry),
            ("DID_FAIL_TO_RENEW", Some("OF_2031"), Effect::Retry),
            ("DID_RENEW", None, Effect::Follow),
            ("DID_RENEW", Some("BILLING_RECOVERY"), Effect::Follow),
            ("EXPIRED", Some("VOLUNTARY"), Effect::End),
            ("EXPIRED", Some("BILLING_RETRY"), Effect::End),
            ("EXPIRED", Some("PRICE_INCREASE"), Effect::End),
            ("EXPIRED", Some("PRODUCT_NOT_FOR_SALE"), Effect::End),
            ("EXTERNAL_PURCHASE_TOKEN", Some("UNREPORTED"), Effect::Record),
            ("GRACE_PERIOD_EXPIRED", None, Effect::Retry),
            ("METADATA_UPDATE", None, Effect::Record),
            ("MIGRATION", None, Effect::Record),
            ("OFFER_REDEEMED", None, Effect::Follow),
            ("ONE_TIME_CHARGE", None, Effect::Grant),
            ("PRICE_CHANGE", None, Effect::Record),
            ("PRICE_INCREASE", Some("PENDING"), Effect::Record),
            ("REFUND", None, Effect::TakeBack),
            ("REFUND_DECLINED", None, Effect::Record),
            ("REFUND_REVERSED", None, Effect::GiveBack),
            ("RENEWAL_EXTENDED", None, Effect::Follow),
            ("RENEWAL_EXTENSION", Some("SUMMARY"), Effect::Record),
            ("RESCIND_CONSENT", None, Effect::Consent),
            ("REVOKE", None, Effect::TakeBack),
            ("SUBSCRIBED", Some("INITIAL_BUY"), Effect::Follow),
            ("TEST", None, Effect::Record),
            ("OF_2031", Some("OF_2031"), Effect::Record),
        ];
        for (kind, subtype, effect) in table {
            let subtype = subtype.map(Subtype::from);
            assert_eq!(Effect::of(&Type::from(kind), subtype.as_ref()), effect, "{kind} {subtype:?}");
        }
        for word in Type::WORDS {
            assert!(table.iter().any(|(kind, _, _)| kind == word), "{word} is not in the table");
        }
    }
}
