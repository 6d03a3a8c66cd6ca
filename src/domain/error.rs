//! Every refusal of the product as one closed set of codes; it knows no HTTP (the statuses are in `http/error.rs`).

use crate::domain::id::Id;
use crate::domain::order::Order;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A refusal or a failure: the code is for everyone, `internal` for our log alone.
#[derive(Clone, Debug)]
pub struct Error {
    pub code: Code,
    pub internal: Option<String>,
    pub more: Box<More>,
}

/// What some refusals add, so that the app can act without another question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct More {
    pub fields: Vec<Field>,
    /// State of the party, order or payment that stands in the way.
    pub state: Option<&'static str>,
    pub order_id: Option<Id<Order>>,
    pub decline: Option<Decline>,
    pub retry_after_ms: Option<u64>,
}

impl Error {
    pub fn internal(code: Code, internal: impl std::fmt::Display) -> Self {
        Self { code, internal: Some(internal.to_string()), more: Box::default() }
    }

    pub fn state(code: Code, state: &'static str) -> Self {
        Self::from(code).with(|more| more.state = Some(state))
    }

    pub fn fields(fields: Vec<Field>) -> Self {
        Self::from(Code::Invalid).with(|more| more.fields = fields)
    }

    pub fn field(pointer: impl Into<String>, fault: FieldFault) -> Self {
        Self::fields(vec![Field { pointer: pointer.into(), fault }])
    }

    #[must_use]
    pub fn coded(mut self, code: Code) -> Self {
        self.code = code;
        self
    }

    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut More)) -> Self {
        change(&mut self.more);
        self
    }
}

/// For the log: never shown to a client.
impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code.word())?;
        self.internal.as_ref().map_or(Ok(()), |internal| write!(f, ": {internal}"))
    }
}

impl std::error::Error for Error {}

impl From<Code> for Error {
    fn from(code: Code) -> Self {
        Self { code, internal: None, more: Box::default() }
    }
}

/// One field of a request that cannot be accepted; `pointer` is an RFC 6901 JSON pointer or a parameter's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub pointer: String,
    pub fault: FieldFault,
}

/// Declares a closed set of words: the enum, its list `ALL` and the word of each in JSON, in the OpenAPI document (with the
/// comments of the set and of each word, of one line) and in the database.
#[macro_export]
macro_rules! words {
    (
        $(#[doc = $doc:literal])*
        $vis:vis enum $name:ident { $($(#[doc = $meaning:literal])* $variant:ident => $word:literal),* $(,)? }
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        $vis enum $name { $($(#[doc = $meaning])* #[serde(rename = $word)] $variant),* }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }

            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }
        }

        // utoipa's derive cannot read a word that comes through a macro, and would show the variant's name.
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .description(Some(concat!("" $(, $doc)* $($(, "\n- `", $word, "`:", $meaning)*)*).trim()))
                    .enum_values(Some([$($word),*]))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
        }
    };
}

words! {
    /// What is wrong with one field.
    pub enum FieldFault {
        Required => "required",
        Unknown => "unknown_field",
        Duplicate => "duplicate",
        WrongType => "wrong_type",
        Empty => "empty",
        TooShort => "too_short",
        TooLong => "too_long",
        TooMany => "too_many",
        TooFew => "too_few",
        OutOfRange => "out_of_range",
        NotText => "control_characters",
        NotPermittedCharacter => "not_permitted_character",
        NotALink => "not_a_link",
        NotATime => "not_a_time",
        TooSoon => "too_soon",
        TooLate => "too_late",
        NotRising => "not_rising",
        NotFalling => "not_falling",
        NotAllowedHere => "not_allowed_here",
        NotPermittedWord => "not_permitted_word",
        Offensive => "offensive",
    }
}

words! {
    /// Every reason why a request is not done. Clients branch on it; `docs/ERRORS.md` lists it.
    pub enum Code {
        // The request cannot be read.
        Malformed => "malformed",
        IdempotencyKeyMissing => "idempotency_key_missing",
        IdempotencyKeyMalformed => "idempotency_key_malformed",
        PayloadTooLarge => "payload_too_large",
        UnsupportedMediaType => "unsupported_media_type",
        MethodNotAllowed => "method_not_allowed",
        RequestTimeout => "request_timeout",
        // Who asks.
        Unauthenticated => "unauthenticated",
        TokenExpired => "token_expired",
        RefreshTokenInvalid => "refresh_token_invalid",
        IdentityTokenInvalid => "identity_token_invalid",
        Suspended => "suspended",
        TrustTooLow => "trust_too_low",
        NotTheHost => "not_the_host",
        NotTheOwner => "not_the_owner",
        NotAMember => "not_a_member",
        NotATester => "not_a_tester",
        NotFound => "not_found",
        // What is asked.
        Invalid => "invalid",
        InvalidCursor => "invalid_cursor",
        IdempotencyKeyReused => "idempotency_key_reused",
        AmountMismatch => "amount_mismatch",
        AmountTooSmall => "amount_too_small",
        ReceiptImplausible => "receipt_implausible",
        PurchaseInvalid => "purchase_invalid",
        SettlementUnavailable => "settlement_unavailable",
        PreconditionFailed => "precondition_failed",
        // The state of things.
        RequestInProgress => "request_in_progress",
        PartyNotOpen => "party_not_open",
        DeadlinePassed => "deadline_passed",
        PartyFull => "party_full",
        AlreadyJoined => "already_joined",
        TooManyHolds => "too_many_holds",
        Kicked => "kicked",
        AlreadyHosting => "already_hosting",
        TermsFrozen => "terms_frozen",
        TooFewMembers => "too_few_members",
        OrderTooSmall => "order_too_small",
        HostCannotLeave => "host_cannot_leave",
        WrongState => "wrong_state",
        TooEarly => "too_early",
        PaymentPending => "payment_pending",
        PaymentExpired => "payment_expired",
        DisputeClosed => "dispute_closed",
        PayoutFrozen => "payout_frozen",
        PurchaseTaken => "purchase_taken",
        NoBoosts => "no_boosts",
        AlreadyReported => "already_reported",
        TooManyInvitations => "too_many_invitations",
        InvitationOver => "invitation_over",
        ActiveParty => "active_party",
        // Money.
        PaymentDeclined => "payment_declined",
        PaymentUnavailable => "payment_unavailable",
        PaymentUntrusted => "payment_untrusted",
        // The map.
        MapUnavailable => "map_unavailable",
        MapTimeout => "map_timeout",
        MapBadAnswer => "map_bad_answer",
        MapUntrusted => "map_untrusted",
        // Signing in.
        SignInUnavailable => "sign_in_unavailable",
        SignInUnusable => "sign_in_unusable",
        SignInTimedOut => "sign_in_timed_out",
        // Our side.
        TooManyRequests => "too_many_requests",
        Busy => "busy",
        DatabaseUnavailable => "database_unavailable",
        Internal => "internal",
    }
}

words! {
    /// Why a payment was declined: the provider's hundred codes, as far as a payer can act on them.
    pub enum Decline {
        InsufficientFunds => "insufficient_funds",
        LimitExceeded => "limit_exceeded",
        CardExpired => "card_expired",
        CardInvalid => "card_invalid",
        WrongPassword => "wrong_password",
        FraudCheck => "fraud_check",
        IssuerUnavailable => "issuer_unavailable",
        BankHours => "bank_hours",
        MethodUnavailable => "method_unavailable",
        SessionExpired => "session_expired",
        Declined => "declined",
    }
}
