//! The App Store Server API: what Apple itself says of purchases and notifications, verified before anybody sees it. It stores nothing.

mod address;
mod answers;
mod rooms;
mod terms;
mod token;

use std::fmt;
use std::sync::Arc;

use jsonwebtoken::EncodingKey;
use reqwest::header::AUTHORIZATION;
use reqwest::{Method, RequestBuilder};
use serde::Serialize;
use uuid::Uuid;

use self::answers::{Listed, Sorted, WireHistory, WirePurchases, WireStandings, WireTest, WireTransaction};
use self::rooms::{Room, Store};
use self::token::Tokens;
use super::{Rejection, Transaction, Verifier};
use crate::domain::Time;
use crate::domain::error::{Code, Error, Result};
use crate::domain::purchase::Environment;
use crate::upstream::client::{self, Answer};
use crate::upstream::{Fault, why};

pub use self::answers::{NOT_FOUND, UNAUTHENTICATED};
pub use self::terms::{Consumption, DeliveryStatus, Purchases, RefundPreference, Standing, Tested, Told, When, Window};

/// How far back the notification history goes.
pub const fn reach(environment: Environment) -> time::Duration {
    match environment {
        Environment::Production => time::Duration::days(180),
        Environment::Sandbox => time::Duration::days(30),
    }
}

pub struct ServerApi {
    http: reqwest::Client,
    verifier: Arc<Verifier>,
    tokens: Tokens,
    production: Store,
    sandbox: Store,
    real_time: fn() -> Time,
}

/// With what we show Apple whose server we are.
pub struct ApiKey {
    pub key_id: String,
    pub issuer_id: String,
    pub key: EncodingKey,
}

impl ServerApi {
    /// `base_url` is production's; the sandbox's follows from it. `real_time` is that of the world, which tokens need.
    pub fn new(base_url: &str, key: ApiKey, verifier: Arc<Verifier>, real_time: fn() -> Time) -> Result<Self> {
        let told = |why: String| Error::internal(Code::Internal, why);
        Ok(Self {
            http: client::http()?,
            tokens: Tokens::new(key, verifier.bundle_id.clone()),
            verifier,
            production: Store::new("app_store", address::production(base_url).map_err(told)?),
            sandbox: Store::new("app_store_sandbox", address::sandbox(base_url).map_err(told)?),
            real_time,
        })
    }

    /// A transaction as it is now, from whichever of the accepted environments knows it; none when none does.
    pub async fn transaction(&self, id: &str, when: When) -> Result<Option<Transaction>, Fault> {
        for environment in self.environments() {
            if let Some(found) = self.transaction_in(environment, id, when).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    pub async fn transaction_in(
        &self,
        environment: Environment,
        id: &str,
        when: When,
    ) -> Result<Option<Transaction>, Fault> {
        let store = self.store(environment);
        let answer: Option<WireTransaction> =
            self.ask(store, &store.transaction, &["v1", "transactions", id], &[], when).await?;
        let Some(answer) = answer else { return Ok(None) };
        let found = believed(self.verifier.verify_transaction(&answer.signed_transaction_info, when.now))?;
        let is_it = found.environment() == environment && found.transaction_id == id;
        if is_it { Ok(Some(found)) } else { Err(Fault::Unknown(why::MISMATCH)) }
    }

    /// What the buyer of a transaction has bought of our app, from a revision on; none when the transaction is not known there.
    pub async fn purchases(
        &self,
        environment: Environment,
        transaction_id: &str,
        revision: Option<&str>,
        when: When,
    ) -> Result<Option<Purchases>, Fault> {
        let store = self.store(environment);
        let query: Vec<_> = revision.map(|revision| ("revision", revision)).into_iter().collect();
        let path = ["v2", "history", transaction_id];
        let answer: Option<WirePurchases> = self.ask(store, &store.purchases, &path, &query, when).await?;
        let Some(answer) = answer else { return Ok(None) };
        let signed = answer.signed_transactions.iter();
        let opened = signed.map(|jws| believed(self.verifier.verify_transaction(jws, when.now)));
        let transactions = opened.collect::<Result<Vec<_>, _>>()?;
        if transactions.iter().any(|it| it.environment() != environment) {
            return Err(Fault::Unknown(why::MISMATCH));
        }
        Ok(Some(Purchases { transactions, revision: answer.revision, has_more: answer.has_more }))
    }

    /// Where all subscriptions of a transaction's buyer stand; none when the transaction is not known there.
    pub async fn standings(
        &self,
        environment: Environment,
        transaction_id: &str,
        when: When,
    ) -> Result<Option<Vec<Standing>>, Fault> {
        let store = self.store(environment);
        let path = ["v1", "subscriptions", transaction_id];
        let answer: Option<WireStandings> = self.ask(store, &store.standings, &path, &[], when).await?;
        let Some(answer) = answer else { return Ok(None) };
        let mut standings = Vec::new();
        for said in answer.data.iter().flat_map(|group| &group.last_transactions) {
            let transaction = believed(self.verifier.verify_transaction(&said.signed_transaction_info, when.now))?;
            let renewal_info = believed(self.verifier.verify_renewal_info(&said.signed_renewal_info, when.now))?;
            let is_one = transaction.original_transaction_id == renewal_info.original_transaction_id
                && transaction.original_transaction_id == said.original_transaction_id
                && [transaction.environment(), renewal_info.environment()] == [environment; 2];
            if !is_one {
                return Err(Fault::Unknown(why::MISMATCH));
            }
            standings.push(Standing { status: said.status, transaction, renewal_info });
        }
        Ok(Some(standings))
    }

    /// What Apple has told us in a time, or tried to: also what it believes has arrived, since what takes it may have lost it.
    /// The same window goes on with [`Told::next`].
    pub async fn notifications(
        &self,
        environment: Environment,
        window: Window,
        next: Option<&str>,
        when: When,
    ) -> Result<Told, Fault> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Question {
            start_date: i64,
            end_date: i64,
        }

        let store = self.store(environment);
        let query: Vec<_> = next.map(|token| ("paginationToken", token)).into_iter().collect();
        let question = Question { start_date: millis(window.from), end_date: millis(window.until) };
        let path = ["v1", "notifications", "history"];
        let request = self.request(store, Method::POST, &path, &query)?.json(&question);
        // It changes nothing, though it is posted.
        let answer: WireHistory = self.pass(&store.notifications, request, true, when, answers::read).await?;
        let next = answer.next()?;
        let mut told = Told { notifications: Vec::new(), rejected: Vec::new(), next };
        for Listed { signed_payload } in &answer.notification_history {
            match self.verifier.verify_notification(signed_payload, when.now) {
                Ok(it) if it.body().environment() == environment => told.notifications.push(it),
                Ok(_) => return Err(Fault::Unknown(why::MISMATCH)),
                Err(rejection) => told.rejected.push(rejection),
            }
        }
        Ok(told)
    }

    /// Answers a `CONSUMPTION_REQUEST`, which Apple waits for 12 hours for.
    pub async fn send_consumption(
        &self,
        environment: Environment,
        transaction_id: &str,
        consumption: &Consumption,
        when: When,
    ) -> Result<(), Fault> {
        let store = self.store(environment);
        let path = ["v2", "transactions", "consumption", transaction_id];
        let request = self.request(store, Method::PUT, &path, &[])?.json(consumption);
        self.pass(&store.consumption, request, true, when, answers::done).await
    }

    /// Binds what was bought outside of our app to a user.
    pub async fn set_account_token(
        &self,
        environment: Environment,
        original_transaction_id: &str,
        token: Uuid,
        when: When,
    ) -> Result<(), Fault> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Body {
            app_account_token: Uuid,
        }

        let store = self.store(environment);
        let path = ["v1", "transactions", original_transaction_id, "appAccountToken"];
        let request = self.request(store, Method::PUT, &path, &[])?.json(&Body { app_account_token: token });
        self.pass(&store.account_token, request, true, when, answers::done).await
    }

    /// Makes Apple send us a notification of type `TEST`; its token is good for [`Self::tested`].
    pub async fn request_test(&self, environment: Environment, when: When) -> Result<String, Fault> {
        let store = self.store(environment);
        let request = self.request(store, Method::POST, &["v1", "notifications", "test"], &[])?;
        let answer: answers::WireTestToken = self.pass(&store.test, request, false, when, answers::read).await?;
        Ok(answer.test_notification_token)
    }

    /// None while it was not yet tried to be sent.
    pub async fn tested(&self, environment: Environment, token: &str, when: When) -> Result<Option<Tested>, Fault> {
        let store = self.store(environment);
        let path = ["v1", "notifications", "test", token];
        let answer: Option<WireTest> = self.ask(store, &store.test, &path, &[], when).await?;
        Ok(answer.and_then(WireTest::last).map(|result| Tested { result }))
    }

    /// The accepted ones, in the order in which Apple wants them asked.
    pub fn environments(&self) -> impl Iterator<Item = Environment> {
        let accepted = &self.verifier.environments;
        [Environment::Production, Environment::Sandbox].into_iter().filter(|it| accepted.contains(it))
    }

    fn store(&self, environment: Environment) -> &Store {
        match environment {
            Environment::Production => &self.production,
            Environment::Sandbox => &self.sandbox,
        }
    }

    fn request(
        &self,
        store: &Store,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<RequestBuilder, Fault> {
        let mut address = store.base.clone();
        if let Ok(mut segments) = address.path_segments_mut() {
            segments.pop_if_empty().push("inApps").extend(path);
        }
        if !query.is_empty() {
            address.query_pairs_mut().extend_pairs(query);
        }
        let authorization = self.tokens.authorization((self.real_time)())?;
        Ok(self.http.request(method, address).header(AUTHORIZATION, authorization))
    }

    /// A question about one thing; none when Apple does not know it.
    async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        store: &Store,
        room: &Room,
        path: &[&str],
        query: &[(&str, &str)],
        when: When,
    ) -> Result<Option<T>, Fault> {
        let request = self.request(store, Method::GET, path, query)?;
        self.pass(room, request, true, when, answers::found).await
    }

    /// Sends it unless Apple wants nothing now; what changes nothing when it comes twice may be sent twice.
    async fn pass<T>(
        &self,
        room: &Room,
        request: RequestBuilder,
        may_repeat: bool,
        when: When,
        read: impl Fn(&Answer) -> Sorted<T>,
    ) -> Result<T, Fault> {
        let now_ms = millis((self.real_time)());
        if let Some(wait_ms) = room.closed_for(now_ms) {
            return Err(Fault::Busy { retry_after_ms: Some(wait_ms) });
        }
        let read = |answer: &Answer| match read(answer) {
            Sorted::Limited { until } => Err(Fault::Busy { retry_after_ms: Some(room.close(until, now_ms)) }),
            Sorted::Well(value) => Ok(value),
            Sorted::Failed(fault) => Err(fault),
        };
        if may_repeat {
            room.lane.ask(request, when.deadline, read).await
        } else {
            room.lane.call(request, when.deadline, read).await
        }
    }
}

fn believed<T>(verified: Result<T, Rejection>) -> Result<T, Fault> {
    verified.map_err(|rejection| {
        tracing::error!(%rejection, "the App Store Server API says what Apple has not signed for us");
        Fault::Unknown(why::UNVERIFIED)
    })
}

fn millis(time: Time) -> i64 {
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

impl fmt::Debug for ServerApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerApi").field("host", &self.production.base.host_str()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
