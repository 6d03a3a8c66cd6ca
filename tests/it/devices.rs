//! Phones: whose they are, and when they are nobody's any more.

use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::person::Person;
use crate::world::{World, world};

pub fn ios(number: u32) -> Value {
    json!({"platform": "ios", "push_token": format!("{number:064x}")})
}

pub fn android(number: u32) -> Value {
    json!({"platform": "android", "push_token": format!("dGVzdA:APA91b-{number:08}")})
}

impl World {
    /// The names of a user's phones, in order.
    pub async fn phones(&self, person: &Person) -> Vec<String> {
        let mut main = PgConnection::connect(&self.urls.main).await.unwrap();
        let user: i64 = person.id.parse().unwrap();
        sqlx::query_scalar("select device_id from devices where user_id = $1 order by device_id")
            .bind(user)
            .fetch_all(&mut main)
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn a_phone_is_registered_again_and_again_and_taken_away() {
    world(|world| async move {
        let mina = world.person("mina").await;
        let first = mina.put("/v1/me/devices/phone", ios(1)).await.expect(200);
        assert_eq!((&first["device_id"], &first["platform"]), (&json!("phone"), &json!("ios")));
        assert_eq!(first["push_token"], ios(1)["push_token"]);
        mina.put("/v1/me/devices/phone", ios(1)).await.expect(200);
        mina.put("/v1/me/devices/phone", android(1)).await.expect(200);
        mina.put("/v1/me/devices/tablet", ios(0xAB)).await.expect(200);
        let export = mina.get("/v1/me/export").await.expect(200);
        let held: Vec<&str> =
            export["devices"].as_array().unwrap().iter().map(|d| d["push_token"].as_str().unwrap()).collect();
        assert_eq!(held, [android(1)["push_token"].as_str().unwrap(), ios(0xAB)["push_token"].as_str().unwrap()]);
        for _ in 0..2 {
            mina.delete("/v1/me/devices/phone").await.expect(204);
        }
        assert_eq!(world.phones(&mina).await, ["tablet"]);
        for (body, pointer) in [
            (json!({"platform": "ios", "push_token": "zz"}), "/push_token"),
            (json!({"platform": "ios", "push_token": ""}), "/push_token"),
            (json!({"platform": "windows", "push_token": "a"}), "/platform"),
            (json!({"platform": "ios"}), "/push_token"),
            (json!({"platform": "ios", "push_token": "ab".repeat(32), "more": 1}), "/more"),
        ] {
            let refused = mina.put("/v1/me/devices/phone", body).await;
            assert_eq!(
                (refused.status, &refused.body["fields"][0]["pointer"]),
                (422, &json!(pointer)),
                "{}",
                refused.text
            );
        }
        for name in ["a%20b", &"a".repeat(65), "%EB%AF%BC"] {
            assert_eq!(mina.put(&format!("/v1/me/devices/{name}"), ios(1)).await.code(404), "not_found", "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_phone_has_one_owner() {
    world(|world| async move {
        let (mina, juno) = (world.person("mina").await, world.person("juno").await);
        mina.put("/v1/me/devices/phone", ios(7)).await.expect(200);
        juno.put("/v1/me/devices/phone", ios(7)).await.expect(200);
        assert_eq!((world.phones(&mina).await.len(), world.phones(&juno).await.len()), (0, 1));
        // Capital letters make no other token.
        mina.put("/v1/me/devices/x", json!({"platform": "ios", "push_token": format!("{:064X}", 7)})).await.expect(200);
        assert_eq!((world.phones(&mina).await.len(), world.phones(&juno).await.len()), (1, 0));
        // In many hands at once it ends up in one.
        let mut people = Vec::new();
        for number in 0..8 {
            people.push(world.person(&format!("hand-{number}")).await);
        }
        let tries = people.iter().map(|person| person.put("/v1/me/devices/phone", ios(9)));
        for answer in futures_util::future::join_all(tries).await {
            answer.expect(200);
        }
        let mut owners = 0;
        for person in &people {
            owners += world.phones(person).await.len();
        }
        assert_eq!(owners, 1);
    })
    .await;
}

#[tokio::test]
async fn of_more_than_ten_the_longest_silent_goes() {
    world(|world| async move {
        let mina = world.person("mina").await;
        for number in 0..10 {
            mina.put(&format!("/v1/me/devices/d{number}"), ios(number)).await.expect(200);
        }
        mina.put("/v1/me/devices/d0", ios(0)).await.expect(200);
        let more = (10..14).map(|number| {
            let mina = &mina;
            async move { mina.put(&format!("/v1/me/devices/d{number}"), ios(number)).await.expect(200) }
        });
        futures_util::future::join_all(more).await;
        assert_eq!(world.phones(&mina).await, ["d0", "d10", "d11", "d12", "d13", "d5", "d6", "d7", "d8", "d9"]);
    })
    .await;
}

#[tokio::test]
async fn a_phone_goes_with_its_session_and_with_its_user() {
    world(|world| async move {
        let (mina, other) = (world.person("mina").await, world.person("mina").await);
        mina.put("/v1/me/devices/phone", ios(1)).await.expect(200);
        other.put("/v1/me/devices/tablet", ios(2)).await.expect(200);
        mina.delete("/v1/sessions/current").await.expect(204);
        assert_eq!(world.phones(&mina).await, ["tablet"], "the other session goes on");
        // Whoever has signed in again on a phone speaks for it from now on.
        let again = world.person("mina").await;
        again.put("/v1/me/devices/tablet", ios(2)).await.expect(200);
        other.delete("/v1/sessions/current").await.expect(204);
        assert_eq!(world.phones(&mina).await, ["tablet"]);
        // A late word of a session that is over.
        let late = other.put("/v1/me/devices/phone", ios(1)).await;
        assert_eq!(late.code(401), "unauthenticated");
        again.patch("/v1/me/preferences", json!({"push": {"money": false}})).await.expect(200);
        again.delete("/v1/me").await.expect(204);
        assert_eq!(world.phones(&mina).await, [] as [String; 0]);
        let mut main = PgConnection::connect(&world.urls.main).await.unwrap();
        let kept: i64 = sqlx::query_scalar("select count(*) from preferences").fetch_one(&mut main).await.unwrap();
        assert_eq!(kept, 0);
    })
    .await;
}
