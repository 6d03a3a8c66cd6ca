//! Invitations: who makes them, how many, who takes them back, where they lead, and when they lead nowhere.

use nbbang::domain::invitation::InvitationCode;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::person::{Answer, Person, draft, food, fresh_key, id};
use crate::world::{World, one, world};

impl Person {
    /// The code of an invitation.
    pub async fn invites(&self, party: &str) -> String {
        let made = self.post(&format!("/v1/parties/{party}/invitations"), Value::Null).await.expect(201);
        made["code"].as_str().unwrap().to_owned()
    }

    async fn follows(&self, code: &str) -> Answer {
        self.get(&format!("/v1/invitations/{code}")).await
    }

    async fn revokes(&self, party: &str, code: &str) -> Answer {
        self.delete(&format!("/v1/parties/{party}/invitations/{code}")).await
    }
}

/// An open party of mina's that juno has joined.
async fn joined(world: &World) -> (Person, Person, String, String) {
    let (mina, juno) = (world.person("mina").await, world.person("juno").await);
    let party = mina.opens(draft(&json!({"capacity": 10}))).await;
    let order = juno.joins_and_pays(&party, food(8_000)).await;
    (mina, juno, party, order)
}

#[tokio::test]
async fn a_member_invites_and_whoever_has_the_code_finds_the_party() {
    world(|world| async move {
        let (mina, juno, party, _) = joined(&world).await;
        let sena = world.person("sena").await;
        let made = juno.post(&format!("/v1/parties/{party}/invitations"), Value::Null).await;
        assert_eq!(made.header("idempotency-replayed"), "");
        let location = made.header("location").to_owned();
        let made = made.expect(201);
        let code = made["code"].as_str().unwrap();
        assert_eq!(InvitationCode::parse(code).unwrap().as_str(), code);
        assert_eq!(location, format!("/i/{code}"));
        assert_eq!(made["url"], format!("http://127.0.0.1:8080/i/{code}"));
        assert_eq!(made["party_id"], party.as_str());
        for code in [code, &code.to_uppercase()] {
            assert_eq!(sena.follows(code).await.expect(200), made);
        }
        let rude = world.person("rude").await;
        mina.put(&format!("/v1/me/blocks/{}", rude.id), Value::Null).await.expect(204);
        assert_eq!(rude.follows(code).await.code(404), "not_found", "the host keeps him away");
        for code in ["0000000000", "short", "%00"] {
            assert_eq!(sena.follows(code).await.code(404), "not_found", "{code}");
        }
        let held = mina.get("/v1/me/export").await.expect(200);
        assert_eq!(held["invitations"], json!([]));
        let held = juno.get("/v1/me/export").await.expect(200);
        assert_eq!(held["invitations"][0]["code"], code);
    })
    .await;
}

#[tokio::test]
async fn only_members_of_an_open_party_invite() {
    world(|world| async move {
        let (mina, juno, party, order) = joined(&world).await;
        let [sena, rude] = [world.person("sena").await, world.person("rude").await];
        mina.put(&format!("/v1/me/blocks/{}", rude.id), Value::Null).await.expect(204);
        let path = format!("/v1/parties/{party}/invitations");
        assert_eq!(sena.post(&path, Value::Null).await.code(403), "not_a_member");
        assert_eq!(rude.post(&path, Value::Null).await.code(404), "not_found");
        sena.joins(&party, food(5_000)).await.expect(201);
        assert_eq!(sena.post(&path, Value::Null).await.code(403), "not_a_member", "a seat that is only held");
        juno.delete(&format!("/v1/orders/{order}")).await.expect(200);
        assert_eq!(juno.post(&path, Value::Null).await.code(403), "not_a_member", "one who has left");
        let key = fresh_key();
        let made = mina.post_as(&key, &path, Value::Null).await.expect(201);
        mina.cancels(&party, "host").await.expect(200);
        let refused = mina.post(&path, Value::Null).await;
        assert_eq!(refused.body["state"], "cancelled");
        assert_eq!(refused.code(409), "party_not_open");
        let again = mina.post_as(&key, &path, Value::Null).await;
        assert_eq!(again.header("idempotency-replayed"), "true");
        assert_eq!(again.expect(201), made, "what was made is answered even if it could not be made again");
    })
    .await;
}

#[tokio::test]
async fn a_key_makes_one_invitation_and_a_member_has_ten_at_most() {
    world(|world| async move {
        let (mina, juno, party, _) = joined(&world).await;
        let path = format!("/v1/parties/{party}/invitations");
        let key = fresh_key();
        let tries = (0..10).map(|_| juno.post_as(&key, &path, Value::Null));
        let answers = futures_util::future::join_all(tries).await;
        let replays = answers.iter().filter(|answer| answer.header("idempotency-replayed") == "true").count();
        assert_eq!(replays, 9);
        let mut made: Vec<Value> = answers.into_iter().map(|answer| answer.expect(201)).collect();
        made.dedup();
        assert_eq!(made.len(), 1);
        // Another's key is another's.
        assert_ne!(mina.post_as(&key, &path, Value::Null).await.expect(201)["code"], made[0]["code"]);

        let tries = (0..20).map(|_| juno.post(&path, Value::Null));
        let answers = futures_util::future::join_all(tries).await;
        let more = answers.iter().filter(|answer| answer.status == 201).count();
        assert_eq!(more, 9, "ten at most, however many ask at once");
        let refused = answers.into_iter().find(|answer| answer.status != 201).unwrap();
        assert_eq!(refused.code(409), "too_many_invitations");
        juno.revokes(&party, made[0]["code"].as_str().unwrap()).await.expect(204);
        juno.invites(&party).await;
        assert_eq!(juno.post(&path, Value::Null).await.code(409), "too_many_invitations");
    })
    .await;
}

/// So many hours from now, by the rules' clock.
fn soon(world: &World, hours: i64) -> String {
    let at = world.app.clock.now() + time::Duration::hours(hours);
    at.format(&time::format_description::well_known::Rfc3339).unwrap()
}

#[tokio::test]
async fn its_maker_or_the_host_takes_it_back() {
    world(|world| async move {
        let (mina, juno, party, _) = joined(&world).await;
        let [sena, rude] = [world.person("sena").await, world.person("rude").await];
        mina.put(&format!("/v1/me/blocks/{}", rude.id), Value::Null).await.expect(204);
        sena.joins_and_pays(&party, food(5_000)).await;
        let (first, second) = (juno.invites(&party).await, juno.invites(&party).await);
        let other = world.person("other").await.opens(draft(&json!({}))).await;
        assert_eq!(sena.revokes(&party, &first).await.code(403), "not_the_host");
        assert_eq!(rude.revokes(&party, &first).await.code(404), "not_found");
        assert_eq!(juno.revokes(&other, &first).await.code(404), "not_found", "of another party");
        assert_eq!(juno.revokes(&party, "0000000000").await.code(404), "not_found");
        sena.follows(&first).await.expect(200);
        for _ in 0..2 {
            juno.revokes(&party, &first).await.expect(204);
            mina.revokes(&party, &second).await.expect(204);
        }
        for code in [&first, &second] {
            assert_eq!(sena.follows(code).await.code(410), "invitation_over");
        }
        let mut main = PgConnection::connect(&world.urls.main).await.unwrap();
        assert_eq!(one(&mut main, "select count(*) from invitations where revoked_at is not null").await, 2);
    })
    .await;
}

#[tokio::test]
async fn it_leads_nowhere_when_its_maker_has_gone_or_the_party_is_over() {
    world(|world| async move {
        let (mina, juno, party, order) = joined(&world).await;
        let sena = world.person("sena").await;
        let (his, hers) = (juno.invites(&party).await, mina.invites(&party).await);
        for code in [&his, &hers] {
            sena.follows(code).await.expect(200);
        }
        mina.delete(&format!("/v1/orders/{order}?reason=x")).await.expect(200);
        assert_eq!(sena.follows(&his).await.code(410), "invitation_over", "he was sent away");
        sena.follows(&hers).await.expect(200);
        // The deadline, before any job has looked.
        world.moves_clocks(2 * 3600 + 1).await;
        assert_eq!(sena.follows(&hers).await.code(410), "invitation_over", "the deadline has passed");
        let late = mina.post(&format!("/v1/parties/{party}/invitations"), Value::Null).await;
        assert!(["deadline_passed", "party_not_open"].contains(&late.code(409).as_str()));
    })
    .await;
}

#[tokio::test]
async fn it_expires_after_a_day_whatever_has_become_of_the_deadline() {
    world(|world| async move {
        let mina = world.person("mina").await;
        let sena = world.person("sena").await;
        let party = mina.opens(draft(&json!({"deadline_at": soon(&world, 20)}))).await;
        let code = mina.invites(&party).await;
        world.pass(12 * 3600).await;
        mina.patch(&format!("/v1/parties/{party}"), json!({"deadline_at": soon(&world, 20)})).await.expect(200);
        sena.follows(&code).await.expect(200);
        world.pass(12 * 3600).await;
        assert_eq!(mina.get(&format!("/v1/parties/{party}")).await.expect(200)["state"], "open");
        assert_eq!(sena.follows(&code).await.code(410), "invitation_over");
        // And counts no more.
        for _ in 0..10 {
            mina.invites(&party).await;
        }
    })
    .await;
}

#[tokio::test]
async fn who_goes_takes_his_invitations_with_him() {
    world(|world| async move {
        let (_, juno, party, order) = joined(&world).await;
        let sena = world.person("sena").await;
        let code = juno.invites(&party).await;
        juno.delete(&format!("/v1/orders/{order}")).await.expect(200);
        juno.delete("/v1/me").await.expect(204);
        world.settle().await;
        assert_eq!(sena.follows(&code).await.code(404), "not_found");
        let mut main = PgConnection::connect(&world.urls.main).await.unwrap();
        assert_eq!(one(&mut main, "select count(*) from invitations").await, 0);
        assert_eq!(id(&sena.get(&format!("/v1/parties/{party}")).await.expect(200)), party);
    })
    .await;
}
