//! The refund matrix, row by row, to the won.

use serde_json::{Value, json};
use sqlx::Connection;

use nbbang::app::operators::{self, By, Slice};
use nbbang::domain::error::Code;
use nbbang::domain::id::Id;
use nbbang::domain::money::Krw;

use crate::person::{draft, food, id};
use crate::table::Table;
use crate::world::{World, world};

/// Lets every refund be sent: two of one payment need their second.
async fn settles(world: &World) {
    for _ in 0..3 {
        world.pass(2).await;
    }
}

async fn locked(world: &World, name: &str) -> Table {
    let table = Table::paid(world, name).await;
    table.host.does(&table.party, "lock").await.expect(200);
    table
}

/// Food for 18,000 in all, 4,000 for two: the guest owes exactly what he has paid.
async fn arrived(world: &World, name: &str, receipt: i64) -> Table {
    let table = locked(world, name).await;
    table.host.places(&table.party, receipt).await.expect(200);
    table.host.does(&table.party, "arrival").await.expect(200);
    table
}

async fn strikes(world: &World, table: &Table) -> i64 {
    let mut count = 0;
    for url in &world.urls.parties {
        use sqlx::Connection;
        let mut db = sqlx::PgConnection::connect(url).await.unwrap();
        let told: i64 = sqlx::query_scalar(
            "select count(*) from outbox o, jsonb_array_elements(o.events) e where o.party_id = $1 and e ->> 'kind' = 'host_abandoned'",
        )
        .bind(table.party.parse::<i64>().unwrap())
        .fetch_one(&mut db)
        .await
        .unwrap();
        count += told;
    }
    count
}

async fn all_is_back(world: &World, table: &Table, state: &str) {
    settles(world).await;
    assert_eq!(table.seat().await, (state.to_owned(), 10_000, 10_000));
    assert_eq!(table.state().await, "refunded");
    assert_eq!(world.held_there(&table.payment).await, 0);
    for account in ["provider", "order", "refunding", "host", "dispute"] {
        assert_eq!(table.account(account).await, 0, "{account}");
    }
}

#[tokio::test]
async fn who_leaves_or_is_kicked_gets_all() {
    world(|world| async move {
        let left = Table::paid(&world, "juno").await;
        left.leaves().await.expect(200);
        all_is_back(&world, &left, "left").await;

        let kicked = Table::paid(&world, "sena").await;
        let path = format!("/v1/orders/{}", kicked.order);
        let reason = kicked.host.request("DELETE", &format!("{path}?reason=rude"));
        let answer = crate::person::Answer::of(reason.send().await.unwrap()).await;
        assert_eq!(answer.expect(200)["state"], "kicked");
        all_is_back(&world, &kicked, "kicked").await;
    })
    .await;
}

#[tokio::test]
async fn a_deadline_that_was_not_met_gives_all_back() {
    world(|world| async move {
        let (mina, juno) = (world.person("mina").await, world.person("juno").await);
        let party = mina.opens(draft(&json!({"min_members": 3}))).await;
        let order = juno.joins_and_pays(&party, food(8_000)).await;
        let paid = juno.order(&order).await["paid_krw"].clone();
        world.pass(7_201).await;
        settles(&world).await;
        let room = mina.room(&party).await;
        assert_eq!((&room["state"], &room["cancel_reason"]), (&json!("cancelled"), &json!("deadline_unmet")));
        assert_eq!(juno.order(&order).await["refunded_krw"], paid);
    })
    .await;
}

#[tokio::test]
async fn a_host_who_cancels_gives_all_back_and_is_struck_if_it_is_late() {
    world(|world| async move {
        let early = Table::paid(&world, "early").await;
        early.host.cancels(&early.party, "host").await.expect(200);
        all_is_back(&world, &early, "cancelled").await;
        assert_eq!(strikes(&world, &early).await, 0);

        let locked = locked(&world, "locked").await;
        locked.host.cancels(&locked.party, "host").await.expect(200);
        all_is_back(&world, &locked, "cancelled").await;
        assert_eq!(strikes(&world, &locked).await, 1);

        let late = Table::paid(&world, "late").await;
        world.pass(6_700).await;
        late.host.cancels(&late.party, "host").await.expect(200);
        all_is_back(&world, &late, "cancelled").await;
        assert_eq!(strikes(&world, &late).await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_lock_gives_back_what_was_paid_too_much() {
    world(|world| async move {
        let (mina, juno, sena) = (world.person("mina").await, world.person("juno").await, world.person("sena").await);
        let party = mina.opens(draft(&json!({"discount_krw": 3_001}))).await;
        let first = juno.joins_and_pays(&party, food(8_000)).await;
        let second = sena.joins_and_pays(&party, food(12_001)).await;
        let locked = mina.does(&party, "lock").await.expect(200);
        settles(&world).await;
        for (person, order) in [(&juno, &first), (&sena, &second)] {
            let order = person.order(order).await;
            let won = |name: &str| order[name].as_i64().unwrap();
            assert_eq!(won("paid_krw") - won("refunded_krw"), won("owed_krw"));
        }
        let shares = locked["quote"]["shares"].as_array().unwrap().clone();
        let owed: i64 = shares.iter().map(|share| share["owed_krw"].as_i64().unwrap()).sum();
        assert_eq!(owed, 30_001 + 4_000 - 3_001);
    })
    .await;
}

#[tokio::test]
async fn a_party_that_is_not_placed_or_not_delivered_gives_all_back() {
    world(|world| async move {
        let forgotten = locked(&world, "forgotten").await;
        world.pass(900).await;
        all_is_back(&world, &forgotten, "cancelled").await;
        assert_eq!(strikes(&world, &forgotten).await, 1);

        let closed = locked(&world, "closed").await;
        closed.host.places(&closed.party, 22_000).await.expect(200);
        assert_eq!(closed.host.cancels(&closed.party, "host").await.code(409), "wrong_state");
        closed.host.cancels(&closed.party, "store").await.expect(200);
        all_is_back(&world, &closed, "cancelled").await;
        assert_eq!(strikes(&world, &closed).await, 0);
    })
    .await;
}

#[tokio::test]
async fn who_does_not_come_gets_nothing() {
    world(|world| async move {
        let table = arrived(&world, "juno", 22_000).await;
        let path = format!("/v1/orders/{}/no-show", table.order);
        assert_eq!(table.host.put(&path, Value::Null).await.code(409), "too_early");
        world.pass(1_800).await;
        assert_eq!(table.host.put(&path, Value::Null).await.expect(200)["state"], "no_show");
        settles(&world).await;
        assert_eq!(table.host.room(&table.party).await["state"], "completed");
        assert_eq!(table.seat().await, ("no_show".to_owned(), 10_000, 0));
        assert_eq!(table.account("host").await, -10_000);
        pays_out(&world, &table, 10_000).await;
    })
    .await;
}

#[tokio::test]
async fn a_lower_receipt_is_shared_and_a_higher_one_is_the_hosts() {
    world(|world| async move {
        // Owed 12,000 and 10,000 of 22,000; 2,200 less: 1,200 and 1,000.
        let cheaper = arrived(&world, "cheaper", 19_800).await;
        cheaper.guest.put(&format!("/v1/orders/{}/pickup", cheaper.order), Value::Null).await.expect(200);
        settles(&world).await;
        assert_eq!(cheaper.seat().await, ("picked_up".to_owned(), 10_000, 1_000));
        assert_eq!(cheaper.guest.order(&cheaper.order).await["owed_krw"], 9_000);
        pays_out(&world, &cheaper, 9_000).await;

        let dearer = arrived(&world, "dearer", 30_000).await;
        dearer.guest.put(&format!("/v1/orders/{}/pickup", dearer.order), Value::Null).await.expect(200);
        settles(&world).await;
        assert_eq!(dearer.seat().await, ("picked_up".to_owned(), 10_000, 0));
        pays_out(&world, &dearer, 10_000).await;
    })
    .await;
}

#[tokio::test]
async fn a_dispute_goes_where_an_operator_says() {
    world(|world| async move {
        for (name, refund, before_completion) in
            [("none", 0, true), ("half", 4_000, false), ("part", 1, true), ("whole", 10_000, false)]
        {
            let table = arrived(&world, name, 22_000).await;
            let pickup = format!("/v1/orders/{}/pickup", table.order);
            if !before_completion {
                table.guest.put(&pickup, Value::Null).await.expect(200);
            }
            let complaint = json!({"kind": "item_missing", "note": "콜라가 없어요"});
            let path = format!("/v1/orders/{}/dispute", table.order);
            table.guest.put(&path, complaint).await.expect(200);
            assert_eq!(table.account("dispute").await, -10_000, "{name}: frozen");
            if before_completion {
                table.guest.put(&pickup, Value::Null).await.expect(200);
            }
            world.pass(86_401).await;
            assert_eq!(unpaid(&world, &table).await, None, "{name}: half of the guests freeze the payout");

            for _ in 0..2 {
                operators::decide(&world.app, By::Command, order_id(&table), Krw::new(refund), "looked at it")
                    .await
                    .unwrap();
            }
            settles(&world).await;
            assert_eq!(table.seat().await, ("picked_up".to_owned(), 10_000, refund), "{name}");
            assert_eq!(table.account("dispute").await, 0, "{name}");
            if refund < 10_000 {
                pays_out(&world, &table, 10_000 - refund).await;
            } else {
                assert_eq!(table.account("host").await, 0, "{name}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn an_operator_who_cancels_gives_back_what_a_dispute_froze() {
    world(|world| async move {
        let table = arrived(&world, "juno", 22_000).await;
        let path = format!("/v1/orders/{}/dispute", table.order);
        table.guest.put(&path, json!({"kind": "not_handed_over"})).await.expect(200);
        operators::cancel(&world.app, By::Command, party_id(&table)).await.unwrap();
        all_is_back(&world, &table, "cancelled").await;
        assert_eq!(id(&table.guest.room(&table.party).await), table.party);
    })
    .await;
}

fn order_id(table: &Table) -> Id<nbbang::domain::order::Order> {
    Id::parse(&table.order).unwrap()
}

fn party_id(table: &Table) -> Id<nbbang::domain::party::Party> {
    Id::parse(&table.party).unwrap()
}

/// What the operators' list has for the party's host, once it can be paid.
async fn unpaid(world: &World, table: &Table) -> Option<i64> {
    let payouts = operators::payouts(&world.app, Slice::ALL).await.unwrap().items;
    let mut own = payouts.into_iter().filter(|payout| payout.party_id == party_id(table));
    let payout = own.next()?;
    let pay = |amount| {
        operators::paid_out(&world.app, By::Command, payout.party_id, payout.id, amount, Some("KB 1".to_owned()))
    };
    let (more, paid) = (pay(Krw::new(payout.amount_krw + 1)).await, pay(Krw::new(payout.amount_krw)).await);
    assert_eq!(more.unwrap_err().code, Code::AmountMismatch, "only what is owed");
    paid.is_ok().then_some(payout.amount_krw)
}

/// The payout falls due 24 hours after the arrival, is paid once, and leaves nothing.
async fn pays_out(world: &World, table: &Table, amount: i64) {
    world.pass(86_401).await;
    assert_eq!(unpaid(world, table).await, Some(amount));
    assert_eq!(unpaid(world, table).await, None, "once");
    assert_eq!((table.account("host").await, table.account("bank").await), (0, -amount));
    assert_eq!(table.account("provider").await, amount);
}

#[tokio::test]
async fn nothing_is_changed_or_taken_out_of_the_ledger() {
    world(|world| async move {
        Table::paid(&world, "juno").await;
        for url in &world.urls.parties {
            let mut party = sqlx::PgConnection::connect(url).await.unwrap();
            let legs: i64 = sqlx::query_scalar("select count(*) from ledger").fetch_one(&mut party).await.unwrap();
            for statement in ["update ledger set amount_krw = -amount_krw", "delete from ledger"] {
                let done = sqlx::query(statement).execute(&mut party).await;
                assert_eq!(done.is_err(), legs > 0, "{statement}");
            }
        }
    })
    .await;
}
