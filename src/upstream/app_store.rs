//! Apple's App Store: messages that it signed, verified; a `Verified` can be made nowhere else. It stores and grants nothing.

mod certificate;
mod chain;
mod der;
mod json;
mod jws;
mod ocsp;
pub mod payload;
mod rejection;
mod revocation;
mod roots;
pub mod server_api;
mod shelf;

use std::ops::Deref;

use time::Duration;

use chain::Chains;
use jws::Jws;
use payload::{App, Payload};

use crate::domain::Time;
use crate::domain::purchase::Environment;

pub use rejection::{Rejection, Rule, Token};
pub use revocation::Revocation;
pub use roots::Roots;

pub type Transaction = Verified<payload::Transaction>;
pub type RenewalInfo = Verified<payload::RenewalInfo>;
pub type AppTransaction = Verified<payload::AppTransaction>;

/// How far Apple's clock may be ahead of ours.
const AHEAD: Duration = Duration::minutes(5);

/// Decides what Apple has signed, for our app, in an environment that we accept.
pub struct Verifier {
    chains: Chains,
    bundle_id: String,
    app_apple_id: Option<i64>,
    environments: Vec<Environment>,
}

/// What Apple says, beyond doubt.
#[derive(Clone, Debug)]
pub struct Verified<P> {
    payload: P,
    environment: Environment,
    signed_at: Time,
    text: String,
}

/// A notification with what is inside of it, all of it verified and about the same thing.
#[derive(Clone, Debug)]
pub struct Notification {
    body: Verified<payload::Notification>,
    transaction: Option<Transaction>,
    renewal_info: Option<RenewalInfo>,
    app_transaction: Option<AppTransaction>,
}

impl<P> Verified<P> {
    pub fn environment(&self) -> Environment {
        self.environment
    }

    /// By Apple's clock; the newest says what is.
    pub fn signed_at(&self) -> Time {
        self.signed_at
    }

    /// The payload as it came, a JSON object, with all that we have no field for.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl<P> Deref for Verified<P> {
    type Target = P;

    fn deref(&self) -> &P {
        &self.payload
    }
}

impl Notification {
    pub fn body(&self) -> &Verified<payload::Notification> {
        &self.body
    }

    pub fn transaction(&self) -> Option<&Transaction> {
        self.transaction.as_ref()
    }

    pub fn renewal_info(&self) -> Option<&RenewalInfo> {
        self.renewal_info.as_ref()
    }

    pub fn app_transaction(&self) -> Option<&AppTransaction> {
        self.app_transaction.as_ref()
    }
}

impl Verifier {
    /// The error is a sentence for whoever starts us.
    pub fn new(
        roots: Roots,
        bundle_id: impl Into<String>,
        app_apple_id: Option<i64>,
        environments: Vec<Environment>,
    ) -> Result<Self, String> {
        if environments.contains(&Environment::Production) && app_apple_id.is_none() {
            return Err("NBBANG_APP_STORE_APP_APPLE_ID must be set where production is among \
                        NBBANG_APP_STORE_ENVIRONMENTS: it is the number under General, App Information, Apple ID in App \
                        Store Connect."
                .to_owned());
        }
        Ok(Self { chains: Chains::new(roots), bundle_id: bundle_id.into(), app_apple_id, environments })
    }

    /// What a device hands in after a purchase, and what a notification carries. It may be old: devices keep them.
    pub fn verify_transaction(&self, jws: &str, now: Time) -> Result<Transaction, Rejection> {
        self.open(jws, now, |it: &payload::Transaction| {
            self.ours(it.bundle_id.as_deref())?;
            self.accepted(it.environment.as_deref())
        })
    }

    /// It names no app, so it proves something only beside the transaction that it belongs to.
    pub fn verify_renewal_info(&self, jws: &str, now: Time) -> Result<RenewalInfo, Rejection> {
        self.open(jws, now, |it: &payload::RenewalInfo| self.accepted(it.environment.as_deref()))
    }

    pub fn verify_app_transaction(&self, jws: &str, now: Time) -> Result<AppTransaction, Rejection> {
        self.open(jws, now, |it: &payload::AppTransaction| {
            self.belongs(&App {
                bundle_id: it.bundle_id.as_deref(),
                apple_id: it.app_apple_id,
                environment: it.receipt_type.as_deref(),
            })
        })
    }

    /// The `signedPayload` of a notification, and everything signed inside of it.
    pub fn verify_notification(&self, jws: &str, now: Time) -> Result<Notification, Rejection> {
        let body = self.open(jws, now, |it: &payload::Notification| self.belongs(&it.app().ok_or(Rule::Content)?))?;
        let (data, app_data) = (body.data.as_ref(), body.app_data.as_ref());
        let transaction = data.and_then(|it| it.signed_transaction_info.as_deref());
        let renewal_info = data.and_then(|it| it.signed_renewal_info.as_deref());
        let app_transaction = app_data.and_then(|it| it.signed_app_transaction_info.as_deref());
        let notification = Notification {
            transaction: transaction.map(|jws| self.verify_transaction(jws, now)).transpose()?,
            renewal_info: renewal_info.map(|jws| self.verify_renewal_info(jws, now)).transpose()?,
            app_transaction: app_transaction.map(|jws| self.verify_app_transaction(jws, now)).transpose()?,
            body,
        };
        if notification.is_consistent() {
            Ok(notification)
        } else {
            Err(rejection::<payload::Notification>(Rule::Inconsistent))
        }
    }

    /// Opens a token of one kind; `belongs` says in which environment it is ours.
    fn open<P: Payload>(
        &self,
        jws: &str,
        now: Time,
        belongs: impl Fn(&P) -> Result<Environment, Rule>,
    ) -> Result<Verified<P>, Rejection> {
        self.opened(jws, now, belongs).map_err(rejection::<P>)
    }

    fn opened<P: Payload>(
        &self,
        jws: &str,
        now: Time,
        belongs: impl Fn(&P) -> Result<Environment, Rule>,
    ) -> Result<Verified<P>, Rule> {
        let jws = Jws::split(jws)?;
        let signer = self.chains.signer(&jws)?;
        // From here on these are Apple's words, so what is wrong with them is no attack but a surprise.
        let text = jws.payload()?;
        if !P::is_named_by(&json::scan(&text)?) {
            return Err(Rule::Kind);
        }
        let payload: P = serde_json::from_str(&text).map_err(|_| Rule::PayloadField)?;
        let signed_at = payload.signed_date().ok_or(Rule::SignedDateMissing)?;
        if signed_at > now.saturating_add(AHEAD) {
            return Err(Rule::SignedDateFuture);
        }
        if !signer.was_valid_at(signed_at) {
            return Err(Rule::CertificateDates);
        }
        let environment = belongs(&payload)?;
        Ok(Verified { payload, environment, signed_at, text })
    }

    fn belongs(&self, app: &App<'_>) -> Result<Environment, Rule> {
        self.ours(app.bundle_id)?;
        let environment = self.accepted(app.environment)?;
        // The sandbox does not always know the app's number.
        if environment == Environment::Production && app.apple_id != self.app_apple_id {
            return Err(Rule::AppId);
        }
        Ok(environment)
    }

    fn ours(&self, bundle_id: Option<&str>) -> Result<(), Rule> {
        if bundle_id == Some(self.bundle_id.as_str()) { Ok(()) } else { Err(Rule::BundleId) }
    }

    /// `Xcode` and `LocalTesting` sign with keys that everybody has, and are none.
    fn accepted(&self, word: Option<&str>) -> Result<Environment, Rule> {
        let environment = match word {
            Some("Production") => Environment::Production,
            Some("Sandbox") => Environment::Sandbox,
            _ => return Err(Rule::Environment),
        };
        if self.environments.contains(&environment) { Ok(environment) } else { Err(Rule::Environment) }
    }
}

impl Notification {
    fn is_consistent(&self) -> bool {
        let around = self.body.environment();
        let inside = [
            self.transaction.as_ref().map(Verified::environment),
            self.renewal_info.as_ref().map(Verified::environment),
            self.app_transaction.as_ref().map(Verified::environment),
        ];
        let one_subscription = match (&self.transaction, &self.renewal_info) {
            (Some(transaction), Some(renewal)) => {
                transaction.original_transaction_id == renewal.original_transaction_id
            }
            // Without its transaction a renewal names no app.
            (None, Some(_)) => false,
            _ => true,
        };
        inside.iter().flatten().all(|it| *it == around) && one_subscription
    }
}

fn rejection<P: Payload>(rule: Rule) -> Rejection {
    Rejection { token: P::TOKEN, rule }
}

#[cfg(test)]
mod tests;
