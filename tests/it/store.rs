//! The App Store for tests: what the simulator signs, handed in by buyers or sent as notifications.

use serde_json::{Value, json};

use crate::person::{Answer, Person};
use crate::world::World;

/// `more` laid over `base`, field by field.
pub fn with(mut base: Value, more: &Value) -> Value {
    if let (Value::Object(base), Value::Object(more)) = (&mut base, more) {
        base.extend(more.clone());
    }
    base
}

impl World {
    /// A transaction as a device has it.
    pub async fn mints(&self, purchase: Value) -> String {
        let minted = self.sim("POST", "/__sim/app-store/transactions", purchase).await;
        minted["signed_transaction"].as_str().unwrap().to_owned()
    }

    /// A notification as the store sends it.
    pub async fn mints_notice(&self, kind: &str, subtype: Option<&str>, purchase: &Value, more: &Value) -> Value {
        let mut wanted = json!({"type": kind, "purchase": purchase});
        if let Some(subtype) = subtype {
            wanted["subtype"] = subtype.into();
        }
        let minted = self.sim("POST", "/__sim/app-store/notifications", with(wanted, more)).await;
        json!({"signedPayload": minted["signedPayload"]})
    }

    pub async fn delivers(&self, notice: &Value) -> Answer {
        let sent = self.client.post(format!("{}/v1/webhooks/app-store", self.base)).json(notice).send().await;
        Answer::of(sent.unwrap()).await
    }

    /// Sends a notification about a purchase; it must be taken.
    pub async fn notifies(&self, kind: &str, subtype: Option<&str>, purchase: &Value) {
        self.notifies_with(kind, subtype, purchase, &json!({})).await;
    }

    pub async fn notifies_with(&self, kind: &str, subtype: Option<&str>, purchase: &Value, more: &Value) {
        let notice = self.mints_notice(kind, subtype, purchase, more).await;
        self.delivers(&notice).await.expect(200);
    }

    pub async fn count_of(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&*self.app.databases.main()).await.unwrap()
    }

    /// Lets a second pass for Apple's dates, which are in milliseconds.
    pub async fn moment(&self) {
        self.moves_clocks(1).await;
    }

    /// Lets days pass.
    pub async fn later(&self, days: u32) {
        for _ in 0..days {
            self.moves_clocks(86_400).await;
        }
    }

    /// By the clock of the rules, in milliseconds, so many days from now.
    pub fn days(&self, days: i64) -> i64 {
        let now = self.app.clock.now() + time::Duration::days(days);
        i64::try_from(now.unix_timestamp_nanos() / 1_000_000).unwrap()
    }
}

impl Person {
    pub async fn hands_in(&self, signed_transaction: &str) -> Answer {
        self.post("/v1/purchases/app-store", json!({"signed_transaction": signed_transaction})).await
    }

    pub async fn has(&self) -> Value {
        self.get("/v1/me/entitlements").await.expect(200)
    }

    pub async fn boosts(&self) -> i64 {
        self.has().await["boosts"].as_i64().unwrap()
    }

    /// `active` and `state` of Plus.
    pub async fn plus(&self) -> (bool, String) {
        let plus = self.has().await["plus"].clone();
        (plus["active"].as_bool().unwrap(), plus["state"].as_str().unwrap().to_owned())
    }

    pub async fn account_token(&self) -> String {
        self.get("/v1/me").await.expect(200)["app_account_token"].as_str().unwrap().to_owned()
    }

    /// Buys boosts and hands them in.
    pub async fn buys(&self, world: &World, product: &str) -> Value {
        let purchase = json!({"product_id": product, "app_account_token": self.account_token().await});
        let transaction = world.mints(purchase).await;
        self.hands_in(&transaction).await.expect(200)
    }
}
