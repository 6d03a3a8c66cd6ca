//! The process dies between two steps, as by `kill -9`; another one goes on, and not a won, a seat or a hosting slot is lost.
#![cfg(feature = "stop-points")]

use serde_json::{Value, json};

use crate::person::{Person, draft, fresh_key, id, transfer_draft};
use crate::server::Server;
use crate::table::Table;
use crate::world::{World, world};

/// Sends a command to a server that dies of it.
async fn dies_of(world: &World, stop_point: &str, who: &Person, command: Command<'_>) {
    let server = Server::start(world, &format!("{stop_point}=return"), false).await;
    let request = world.client.post(format!("{}{}", server.base, command.path)).bearer_auth(&who.token);
    let answer = request.header("Idempotency-Key", command.key).json(command.body).send().await;
    assert!(answer.is_err(), "{stop_point}: {answer:?}");
    assert!(!server.dies().await.success(), "{stop_point}");
}

/// Somebody for each stop point.
fn name(stop_point: &str) -> String {
    stop_point.replace('.', "-")
}

struct Command<'a> {
    path: &'a str,
    key: &'a str,
    body: &'a Value,
}

/// Lets a server with jobs die of what is due.
async fn dies_by_itself(world: &World, stop_point: &str) {
    let server = Server::start(world, &format!("{stop_point}=return"), true).await;
    assert!(!server.dies().await.success(), "{stop_point}");
}

/// Moves both clocks until everything has been looked at again.
async fn recovers(world: &World) {
    for seconds in [10, 30, 40, 40, 5] {
        world.pass(seconds).await;
    }
}

#[tokio::test]
async fn opening_a_party_survives() {
    world(|world| async move {
        for stop_point in ["open.reserved", "open.inserted"] {
            let mina = world.person(&name(stop_point)).await;
            let (key, body) = (fresh_key(), draft(&json!({})));
            dies_of(&world, stop_point, &mina, Command { path: "/v1/parties", key: &key, body: &body }).await;
            let party = id(&mina.post_as(&key, "/v1/parties", body.clone()).await.expect(201));
            for _ in 0..2 {
                assert_eq!(
                    id(&mina.post_as(&key, "/v1/parties", body.clone()).await.expect(201)),
                    party,
                    "{stop_point}"
                );
            }
            assert_eq!(mina.post("/v1/parties", body.clone()).await.code(409), "already_hosting", "{stop_point}");
            mina.cancels(&party, "host").await.expect(200);
            let next = mina.opens(body).await;
            assert_ne!(next, party);
        }
    })
    .await;
}

/// Nobody tries again: the slot is not lost for that.
#[tokio::test]
async fn a_host_who_gives_up_after_the_crash_can_open_another_party() {
    world(|world| async move {
        let mina = world.person("mina").await;
        let body = draft(&json!({}));
        dies_of(&world, "open.reserved", &mina, Command { path: "/v1/parties", key: &fresh_key(), body: &body }).await;
        world.pass(121).await;
        mina.opens(body.clone()).await;

        let sena = world.person("sena").await;
        dies_of(&world, "open.inserted", &sena, Command { path: "/v1/parties", key: &fresh_key(), body: &body }).await;
        world.pass(121).await;
        assert_eq!(sena.post("/v1/parties", body.clone()).await.code(409), "already_hosting", "it was made");
        let made = sena.get("/v1/me/parties").await.expect(200)["items"][0].clone();
        sena.cancels(made["party_id"].as_str().or(made["id"].as_str()).unwrap(), "host").await.expect(200);
        sena.opens(body).await;
    })
    .await;
}

#[tokio::test]
async fn confirming_a_payment_survives() {
    world(|world| async move {
        for stop_point in ["confirm.begun", "confirm.answered", "confirm.resolved"] {
            let table = Table::held(&world, &name(stop_point)).await;
            confirm_dies(&world, stop_point, &table, &table.payment).await;
            assert_eq!(table.seat().await, ("joined".to_owned(), 10_000, 0), "{stop_point}");
            table.leaves().await.expect(200);
            recovers(&world).await;
            assert_eq!(table.seat().await, ("left".to_owned(), 10_000, 10_000), "{stop_point}");
        }
    })
    .await;
}

/// The seat is taken and the one who took it never heard of it; nor did anybody lock the party, which is full now.
#[tokio::test]
async fn taking_the_last_seat_survives() {
    world(|world| async move {
        let (mina, juno) = (world.person("mina").await, world.person("juno").await);
        let terms = json!({"auto_lock": true, "capacity": 2, "min_members": 2, "min_order_krw": 0});
        let party = mina.opens(transfer_draft(&terms)).await;
        let (path, key, body) =
            (format!("/v1/parties/{party}/orders"), fresh_key(), json!({"items": crate::person::food(8_000)}));
        dies_of(&world, "join.taken", &juno, Command { path: &path, key: &key, body: &body }).await;
        assert_eq!(mina.room(&party).await["state"], "open");

        let order = juno.post_as(&key, &path, body).await;
        assert_eq!((order.status, order.header("Idempotency-Replayed")), (201, "true"), "{}", order.text);
        world.settle().await;
        assert_eq!(mina.room(&party).await["state"], "locked");
        assert_eq!(juno.order(&id(&order.body)).await["state"], "confirmed");
    })
    .await;
}

/// A method of which no part can be given back is taken back whole; nobody heard that it was.
#[tokio::test]
async fn taking_back_what_cannot_be_used_survives() {
    world(|world| async move {
        let table = Table::held(&world, "juno").await;
        let payment_key = table.guest.authorizes(&table.payment, "mobile").await;
        let path = format!("/v1/payments/{}/confirmation", table.payment["id"].as_str().unwrap());
        let (key, body) = (fresh_key(), json!({"payment_key": payment_key, "amount_krw": table.payment["amount_krw"]}));
        dies_of(&world, "take_back.answered", &table.guest, Command { path: &path, key: &key, body: &body }).await;
        assert_eq!(table.state().await, "confirming");
        recovers(&world).await;
        assert_eq!(table.seat().await, ("held".to_owned(), 0, 0));
        assert_eq!(table.state().await, "declined");
        assert_eq!(world.held_there(&table.payment).await, 0);
        table.pays().await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn paying_for_dearer_items_survives() {
    world(|world| async move {
        for stop_point in ["confirm.begun", "confirm.answered", "confirm.resolved"] {
            let table = Table::paid(&world, &name(stop_point)).await;
            let top_up = table.eats(9_500).await.expect(200)["payment"].clone();
            confirm_dies(&world, stop_point, &table, &top_up).await;
            assert_eq!(table.seat().await, ("joined".to_owned(), 11_500, 0), "{stop_point}");
            assert_eq!(table.guest.order(&table.order).await["food_krw"], 9_500, "{stop_point}");
        }
    })
    .await;
}

/// The server dies of a confirmation; the client tries again with its key, and at last it is known to be paid.
async fn confirm_dies(world: &World, stop_point: &str, table: &Table, payment: &Value) {
    let payment_key = table.guest.authorizes(payment, "card").await;
    let path = format!("/v1/payments/{}/confirmation", payment["id"].as_str().unwrap());
    let (key, body) = (fresh_key(), json!({"payment_key": payment_key, "amount_krw": payment["amount_krw"]}));
    dies_of(world, stop_point, &table.guest, Command { path: &path, key: &key, body: &body }).await;
    let again = table.guest.post_as(&key, &path, body.clone()).await;
    assert!([200, 202].contains(&again.status), "{stop_point}: {again:?}");
    recovers(world).await;
    assert_eq!(table.guest.post_as(&key, &path, body).await.expect(200)["state"], "paid", "{stop_point}");
    assert_eq!(world.held_there(payment).await, payment["amount_krw"].as_i64().unwrap(), "{stop_point}");
}

#[tokio::test]
async fn asking_about_a_payment_survives() {
    world(|world| async move {
        for stop_point in ["recover.begun", "recover.answered"] {
            for when in ["before", "after_effect"] {
                let table = Table::held(&world, &format!("{when}-{}", &stop_point[8..])).await;
                world.spoils("confirm", 1, json!({"when": when, "do": "reset"})).await;
                table.pays().await.expect(202);
                world.moves_clocks(10).await;
                dies_by_itself(&world, stop_point).await;
                recovers(&world).await;
                assert_eq!(table.seat().await, ("joined".to_owned(), 10_000, 0), "{stop_point} {when}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn refunds_survive() {
    world(|world| async move {
        for stop_point in ["refund.marked", "refund.answered", "refund.resolved"] {
            let table = Table::paid(&world, &name(stop_point)).await;
            table.eats(7_000).await.expect(200);
            table.leaves().await.expect(200);
            dies_by_itself(&world, stop_point).await;
            recovers(&world).await;
            assert_eq!(table.seat().await, ("left".to_owned(), 10_000, 10_000), "{stop_point}");
            assert_eq!(world.held_there(&table.payment).await, 0, "{stop_point}");
            assert_eq!(table.account("refunding").await, 0, "{stop_point}");
        }
    })
    .await;
}

#[tokio::test]
async fn hints_and_news_survive() {
    world(|world| async move {
        let table = Table::held(&world, "juno").await;
        world.spoils("confirm", 1, json!({"when": "after_effect", "do": "reset"})).await;
        table.pays().await.expect(202);
        world.hints(table.payment["provider_order_id"].as_str().unwrap(), "one").await.expect(200);
        dies_by_itself(&world, "hint.followed").await;
        recovers(&world).await;
        assert_eq!(table.seat().await, ("joined".to_owned(), 10_000, 0));

        table.host.cancels(&table.party, "host").await.expect(200);
        dies_by_itself(&world, "relay.passed_on").await;
        recovers(&world).await;
        assert_eq!(table.seat().await, ("cancelled".to_owned(), 10_000, 10_000));
        let next = table.host.post("/v1/parties", draft(&json!({}))).await;
        next.expect(201);
    })
    .await;
}
