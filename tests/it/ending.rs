//! The end of a process: the threads that served are gone before its last work is done.

use nbbang::app::App;
use nbbang::{http, jobs};
use serde_json::json;
use sqlx::{Connection, PgConnection};

use crate::person::{Person, draft, food};
use crate::world::{config, world};

#[tokio::test]
async fn what_was_under_way_ends_after_the_serving_threads_have() {
    world(|world| async move {
        let app = App::start(config(&world.urls, &world.simulator)).await.unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let server = http::serve(std::sync::Arc::clone(&app), listener).unwrap();
        let (handle, server) = (server.handle(), tokio::spawn(server));
        let mina = Person::sign_in(&world.client, &base, &world.simulator, "mina").await;
        let juno = Person::sign_in(&world.client, &base, &world.simulator, "juno").await;
        let party = mina.opens(draft(&json!({}))).await;
        juno.joins_and_pays(&party, food(8_000)).await;

        handle.stop(true).await;
        server.await.unwrap().unwrap();

        // The connections that those threads opened are still good.
        jobs::settle(&app).await.unwrap();
        let slot = i16::from(app.ids.slot());
        app.stop().await;
        let mut main = PgConnection::connect(&world.urls.main).await.unwrap();
        let given_back = "select holder is null from id_slots where slot = $1";
        let given_back: bool = sqlx::query_scalar(given_back).bind(slot).fetch_one(&mut main).await.unwrap();
        assert!(given_back, "the id slot is given back");
    })
    .await;
}
