//! A table for two, where money is to be lost: a host, a guest with a held seat, and what all sides say of the payment.

use serde_json::{Value, json};
use time::Duration;
use time::format_description::well_known::Rfc3339;

use crate::person::{Answer, Person, draft, food, id};
use crate::world::World;

/// A prepaid party with a fee of 4,000: a guest who eats for 8,000 pays 10,000.
pub struct Table {
    pub host: Person,
    pub guest: Person,
    pub party: String,
    pub order: String,
    /// As the guest got it when he took the seat.
    pub payment: Value,
}

impl Table {
    /// A guest of the name `name` has a seat that he has not paid.
    pub async fn held(world: &World, name: &str) -> Self {
        let (host, guest) = (world.person(&format!("{name}-host")).await, world.person(name).await);
        // The rules' clock may be far ahead.
        let deadline = (world.app.clock.now() + Duration::hours(2)).format(&Rfc3339).unwrap();
        let party = host.opens(draft(&json!({"deadline_at": deadline}))).await;
        let order = guest.joins(&party, food(8_000)).await.expect(201);
        Self { host, guest, party, order: id(&order), payment: order["payment"].clone() }
    }

    pub async fn paid(world: &World, name: &str) -> Self {
        let table = Self::held(world, name).await;
        table.pays().await.expect(200);
        table
    }

    pub async fn pays(&self) -> Answer {
        self.guest.pays(&self.payment().await).await
    }

    /// The seat's first payment, as it is now.
    pub async fn payment(&self) -> Value {
        self.guest.get(&format!("/v1/payments/{}", self.payment["id"].as_str().unwrap())).await.expect(200)
    }

    pub async fn state(&self) -> String {
        self.payment().await["state"].as_str().unwrap().to_owned()
    }

    /// State of the seat, what was paid for it and what is back.
    pub async fn seat(&self) -> (String, i64, i64) {
        let order = self.guest.order(&self.order).await;
        let won = |name: &str| order[name].as_i64().unwrap_or_else(|| panic!("no {name}: {order}"));
        (order["state"].as_str().unwrap().to_owned(), won("paid_krw"), won("refunded_krw"))
    }

    pub async fn eats(&self, price_krw: i64) -> Answer {
        self.guest.put(&format!("/v1/orders/{}/items", self.order), json!({"items": food(price_krw)})).await
    }

    pub async fn leaves(&self) -> Answer {
        self.guest.delete(&format!("/v1/orders/{}", self.order)).await
    }

    /// What the party's books hold in each account.
    pub async fn account(&self, name: &str) -> i64 {
        let ledger = self.host.get(&format!("/v1/parties/{}/ledger", self.party)).await.expect(200);
        assert_eq!(ledger["sum_krw"], 0);
        let legs = ledger["items"].as_array().unwrap().clone();
        legs.iter().filter(|leg| leg["account"] == name).map(|leg| leg["amount_krw"].as_i64().unwrap()).sum()
    }
}

impl World {
    /// The next `times` answers to `operation` are spoiled.
    pub async fn spoils(&self, operation: &str, times: u32, how: Value) {
        let mut fault = json!({"provider": "toss", "operation": operation, "times": times});
        fault.as_object_mut().unwrap().extend(how.as_object().unwrap().clone());
        self.fault(fault).await;
    }

    pub async fn heals(&self) {
        self.sim("DELETE", "/__sim/faults", Value::Null).await;
    }

    /// What the provider was asked about a payment, in order.
    pub async fn asked(&self, operation: &str, payment: &Value) -> Vec<Value> {
        let heard = self.sim("GET", &format!("/__sim/requests?provider=toss&operation={operation}"), Value::Null).await;
        let of = |heard: &&Value| {
            let order = heard["provider_order_id"].as_str().unwrap_or_default();
            order.split('-').next() == payment["id"].as_str()
        };
        heard["requests"].as_array().unwrap().iter().filter(of).cloned().collect()
    }

    /// What the provider has of a payment: captured, less given back.
    pub async fn held_there(&self, payment: &Value) -> i64 {
        let id: i64 = payment["id"].as_str().unwrap().parse().unwrap();
        self.truth().await.get(&id).copied().unwrap_or_default()
    }

    /// A hint of the provider about an order.
    pub async fn hints(&self, provider_order_id: &str, transmission: &str) -> Answer {
        let body = json!({"eventType": "PAYMENT_STATUS_CHANGED", "data": {"orderId": provider_order_id}});
        let request = self.client.post(format!("{}/v1/webhooks/toss", self.base));
        let request = request.header("tosspayments-webhook-transmission-id", transmission).json(&body);
        Answer::of(request.send().await.unwrap()).await
    }
}
