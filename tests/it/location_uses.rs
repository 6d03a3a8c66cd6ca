//! The record of the use of positions: who, when and what for, never where; searches do not wait for it, and it goes with its user.

use std::sync::Arc;

use nbbang::app::{App, location_uses};
use nbbang::http;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::person::Person;
use crate::world::{World, config, one, world};

const SEARCHES: [&str; 3] = [
    "/v1/parties?lat=37.49911317&lng=127.02633171",
    "/v1/places?query=%EC%B9%B4%ED%8E%98&lat=37.49911317&lng=127.02633171",
    "/v1/places/regions?lat=37.49911317&lng=127.02633171",
];

async fn searches(person: &Person) {
    for path in SEARCHES {
        person.get(path).await.expect(200);
    }
}

/// All that the database has, as text.
async fn record(world: &World) -> Vec<String> {
    let mut main = PgConnection::connect(&world.urls.main).await.unwrap();
    let all = "select row_to_json(l)::text from location_uses l order by used_at, purpose";
    sqlx::query_scalar(all).fetch_all(&mut main).await.unwrap()
}

#[tokio::test]
async fn each_use_is_in_the_record_and_in_the_export_without_its_position() {
    world(|world| async move {
        let (mina, juno) = (world.person("mina").await, world.person("juno").await);
        searches(&mina).await;
        // By no position, or by one that is none.
        mina.get("/v1/places?query=%EC%B9%B4%ED%8E%98").await.expect(200);
        mina.get("/v1/places/addresses?query=%EA%B0%95%EB%82%A8").await.expect(200);
        mina.get("/v1/parties?lat=99&lng=127").await.expect(422);
        mina.get("/v1/places/regions?lat=37.4&lng=200").await.expect(422);
        world.get("/v1/parties?lat=37.4&lng=127").await.expect(401);

        let export = mina.get("/v1/me/export").await.expect(200);
        let uses = export["location_uses"].as_array().unwrap();
        let said: Vec<[&Value; 2]> = uses.iter().map(|it| [&it["purpose"], &it["acquired_from"]]).collect();
        assert_eq!(json!(said), json!([["nearby_parties", "app"], ["places", "app"], ["regions", "app"]]));
        assert!(uses.iter().all(|it| it["used_at"].is_string() && it.as_object().unwrap().len() == 3), "{export}");
        assert_eq!(juno.get("/v1/me/export").await.expect(200)["location_uses"], json!([]));
        let record = record(&world).await;
        assert_eq!(record.len(), 3);
        for row in record {
            assert!(!row.contains("37.") && !row.contains("127."), "{row}");
        }
    })
    .await;
}

#[tokio::test]
async fn it_is_written_down_without_a_job_and_at_the_end() {
    world(|world| async move {
        searches(&world.person("mina").await).await;
        let written = async {
            while record(&world).await.len() < 3 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_mins(1), written).await.expect("nobody wrote it down");

        let app = App::start(config(&world.urls, &world.simulator)).await.unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let server = http::serve(Arc::clone(&app), listener).unwrap();
        let (handle, server) = (server.handle(), tokio::spawn(server));
        let juno = Person::sign_in(&world.client, &base, &world.simulator, "juno").await;
        searches(&juno).await;
        handle.stop(true).await;
        server.await.unwrap().unwrap();
        app.stop().await;
        let left = record(&world).await.iter().filter(|row| row.contains(&juno.id)).count();
        assert_eq!(left, 3, "all is written before the end");
    })
    .await;
}

#[tokio::test]
async fn what_could_not_be_written_waits() {
    world(|world| async move {
        let mina = world.person("mina").await;
        let mut main = PgConnection::connect(&world.urls.main).await.unwrap();
        sqlx::raw_sql("alter table location_uses rename to away").execute(&mut main).await.unwrap();
        searches(&mina).await;
        location_uses::write_down(&world.app).await.unwrap_err();
        searches(&mina).await;
        sqlx::raw_sql("alter table away rename to location_uses").execute(&mut main).await.unwrap();
        location_uses::write_down(&world.app).await.unwrap();
        assert_eq!(one(&mut main, "select count(*) from location_uses").await, 6);
    })
    .await;
}

#[tokio::test]
async fn it_goes_with_its_user() {
    world(|world| async move {
        let [mina, juno, sena] = [world.person("mina").await, world.person("juno").await, world.person("sena").await];
        for person in [&mina, &juno, &sena] {
            searches(person).await;
        }
        location_uses::write_down(&world.app).await.unwrap();
        let mut main = PgConnection::connect(&world.urls.main).await.unwrap();
        sena.delete("/v1/me").await.expect(204);
        assert!(!record(&world).await.iter().any(|row| row.contains(&sena.id)), "at once");
        // Noted and not written yet when he goes.
        sqlx::raw_sql("alter table location_uses rename to away; create table location_uses (user_id bigint)")
            .execute(&mut main)
            .await
            .unwrap();
        searches(&mina).await;
        mina.delete("/v1/me").await.expect(204);
        sqlx::raw_sql("drop table location_uses; alter table away rename to location_uses")
            .execute(&mut main)
            .await
            .unwrap();
        location_uses::write_down(&world.app).await.unwrap();
        assert_eq!(
            one(&mut main, "select count(*) from location_uses").await,
            6,
            "the three that were written wait for the job"
        );
        world.settle().await;
        let left = record(&world).await;
        assert!(left.len() == 3 && left.iter().all(|row| row.contains(&juno.id)), "{left:?}");
    })
    .await;
}
