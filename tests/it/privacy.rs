//! What outsiders may not learn: every answer that they can get, from every operation of the document, is searched for the
//! exact spot, the memo, the account and one person's food.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use nbbang::domain::geo::Point;
use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;

use crate::operations::{Ids, Operation, all, send};
use crate::person::{Answer, Person, draft, id, transfer_draft};
use crate::world::{World, world};

const SPOT: Point = Point { lat: 37.498_137_219, lng: 127.027_719_463 };
/// Text that is nowhere else.
const PLACE: [&str; 4] = ["37.49813", "127.02771", "canary-label", "canary-memo"];
const ACCOUNT: [&str; 3] = ["canary-bank", "9081-7263-5544", "canary-holder"];
const FOOD: [&str; 2] = ["canary-food", "canary-wish"];
/// What one guest eats, and what he owes and has paid for it with a fee of 4,000 for three or the cap of two.
const AMOUNTS: [i64; 3] = [7_919, 7_919 + 1_333, 7_919 + 2_000];

/// A searcher's position, which is in no log.
const SEARCHER: [&str; 2] = ["37.49911317", "127.02633171"];

fn canaries(transfer: bool) -> Value {
    let change = json!({
        "capacity": 3,
        "pickup": {"lat": SPOT.lat, "lng": SPOT.lng, "label": "canary-label", "memo": "canary-memo"},
    });
    let mut draft = if transfer { transfer_draft(&change) } else { draft(&change) };
    if transfer {
        draft["transfer_account"] = json!({"bank": ACCOUNT[0], "number": ACCOUNT[1], "holder": ACCOUNT[2]});
    }
    draft
}

fn canary_food() -> Value {
    json!([{"name": "canary-food", "unit_price_krw": AMOUNTS[0], "quantity": 1, "memo": "canary-wish"}])
}

/// Panics where something of it is in the answer or its headers.
#[track_caller]
fn free_of(answer: &Answer, what: &str, words: &[&str], amounts: &[i64]) {
    let headers = format!("{:?}", answer.headers);
    for word in words {
        assert!(
            !answer.text.contains(word) && !headers.contains(word),
            "{what} tells {word}: {headers} {}",
            answer.text
        );
    }
    visit(&answer.body, &mut |value| {
        assert!(!amounts.iter().any(|amount| value == amount), "{what} tells {value}: {}", answer.text);
    });
}

fn visit(value: &Value, see: &mut impl FnMut(&Value)) {
    see(value);
    match value {
        Value::Array(list) => list.iter().for_each(|value| visit(value, see)),
        Value::Object(map) => map.values().for_each(|value| visit(value, see)),
        _ => {}
    }
}

/// A party that is full, those who are in it, and those who are not.
struct Scene {
    mina: Person,
    /// Eats what nobody is to know.
    juno: Person,
    sena: Person,
    strangers: Vec<(&'static str, Person)>,
    ids: Vec<Ids>,
    party: String,
    order: String,
    other_order: String,
}

impl Scene {
    async fn of(world: &World, transfer: bool) -> Self {
        let [mina, juno, sena] = [world.person("mina").await, world.person("juno").await, world.person("sena").await];
        let party = mina.opens(canaries(transfer)).await;
        let mut strangers = Vec::new();
        for name in ["left", "kicked"] {
            let person = world.person(name).await;
            let order = person.joins(&party, crate::person::food(3_000)).await.expect(201);
            let by = if name == "left" { &person } else { &mina };
            by.delete(&format!("/v1/orders/{}?reason=x", id(&order))).await.expect(200);
            strangers.push((name, person));
        }
        let blocked = world.person("blocked").await;
        mina.put(&format!("/v1/me/blocks/{}", blocked.id), Value::Null).await.expect(204);
        strangers.push(("blocked", blocked));
        strangers.push(("outsider", world.person("outsider").await));
        let joined = juno.joins(&party, canary_food()).await.expect(201);
        let other = sena.joins(&party, crate::person::food(8_000)).await.expect(201);
        if !transfer {
            juno.pays(&joined["payment"]).await.expect(200);
            sena.pays(&other["payment"]).await.expect(200);
        }
        let host_order = mina.room(&party).await["my_order_id"].as_str().unwrap().to_owned();
        let payment = joined["payment"]["id"].as_str().map_or("1".to_owned(), str::to_owned);
        let bystander = world.person("bystander").await.id;
        let code = mina.invites(&party).await;
        let ids = [id(&joined), id(&other), host_order].map(|order| Ids {
            party: party.clone(),
            order,
            payment: payment.clone(),
            user: mina.id.clone(),
            other_user: bystander.clone(),
            code: code.clone(),
        });
        Self { mina, juno, sena, strangers, ids: ids.into(), party, order: id(&joined), other_order: id(&other) }
    }

    /// All that those outside and nobody at all can ask, in the present state of the party.
    async fn sweep(&self, world: &World, operations: &[Operation]) -> usize {
        let people = self.strangers.iter().map(|(name, person)| (*name, Some(person))).chain([("anonymous", None)]);
        let mut asked = 0;
        for (name, person) in people {
            for operation in operations.iter().filter(|operation| is_harmless(operation)) {
                for ids in &self.ids {
                    let what = format!("{} to {name}", operation.id);
                    for address in addresses(operation, ids) {
                        let answer = send(&what, operation.request(world, person, &address)).await;
                        free_of(&answer, &what, &PLACE, &AMOUNTS);
                        free_of(&answer, &what, &ACCOUNT, &[]);
                        free_of(&answer, &what, &FOOD, &[]);
                        asked += 1;
                    }
                }
            }
        }
        for language in ["ko", "en"] {
            let page = world.client.get(format!("{}/i/{}", world.base, self.ids[0].code));
            let answer = Answer::of(page.header("accept-language", language).send().await.unwrap()).await;
            assert!([200, 410].contains(&answer.status), "{}", answer.text);
            for words in [&PLACE[..], &ACCOUNT, &FOOD] {
                free_of(&answer, "the page", words, &AMOUNTS);
            }
            asked += 1;
        }
        asked
    }

    /// One who has a seat and is not confirmed sees the spot, and not the account.
    async fn sweep_for_account(&self, world: &World, operations: &[Operation]) {
        for operation in operations.iter().filter(|operation| is_harmless(operation) && operation.method == "GET") {
            for address in addresses(operation, &self.ids[1]) {
                let answer = send(&operation.id, operation.request(world, Some(&self.sena), &address)).await;
                free_of(&answer, &operation.id, &ACCOUNT, &[]);
            }
        }
    }
}

/// The clock would end the party; signing out and going, the sweep.
fn is_harmless(operation: &Operation) -> bool {
    !matches!(operation.id.as_str(), "advance_dev_clock" | "delete_session" | "delete_me")
}

fn addresses(operation: &Operation, ids: &Ids) -> Vec<String> {
    let address = operation.at(ids);
    let more = match operation.id.as_str() {
        "find_parties" => {
            let near =
                |point: [&str; 2]| format!("/v1/parties?lat={}&lng={}&radius_m=3000&limit=100", point[0], point[1]);
            vec![near(SEARCHER), near(["37.49", "127.02"])]
        }
        "get_quote" => vec![format!("{address}?food_krw=1000")],
        "end_order" => vec![format!("{address}?reason=x")],
        _ => Vec::new(),
    };
    [address].into_iter().chain(more).collect()
}

#[tokio::test]
async fn outsiders_learn_nothing_of_a_transfer_party() {
    let log = Log::begin();
    world(|world| async move {
        let operations = all().1;
        let scene = Scene::of(&world, true).await;
        assert!(!format!("{:?}", SPOT.centre()).contains(PLACE[0]), "the centre is not the spot");
        let (juno, party) = (&scene.juno, &scene.party);
        let room = juno.get(&format!("/v1/parties/{party}/room")).await;
        assert!(PLACE.iter().chain(&FOOD).all(|word| room.text.contains(word)), "members see it: {}", room.text);
        let asked = scene.sweep(&world, &operations).await;
        assert!(asked > 500, "{asked}");
        scene.sweep_for_account(&world, &operations).await;

        scene.mina.does(party, "lock").await.expect(200);
        let room = juno.get(&format!("/v1/parties/{party}/room")).await;
        assert!(ACCOUNT.iter().all(|word| room.text.contains(word)), "confirmed members see it");
        scene.sweep(&world, &operations).await;
        juno.put(&format!("/v1/orders/{}/transfer", scene.order), Value::Null).await.expect(200);
        scene.mina.places(party, 30_000).await.expect(200);
        scene.sweep(&world, &operations).await;
        scene.mina.does(party, "arrival").await.expect(200);
        for order in [&scene.order, &scene.other_order] {
            scene.mina.put(&format!("/v1/orders/{order}/pickup"), Value::Null).await.expect(200);
        }
        assert_eq!(scene.mina.room(party).await["state"], "completed");
        world.settle().await;
        scene.sweep(&world, &operations).await;
        let log = log.text();
        assert!(log.contains("answered"), "the log was listened to");
        for word in PLACE.iter().chain(&ACCOUNT).chain(&FOOD).chain(&SEARCHER) {
            let line = log.lines().find(|line| line.contains(word));
            assert!(line.is_none(), "the log tells {word}: {line:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn outsiders_learn_nothing_of_a_prepaid_party() {
    world(|world| async move {
        let operations = all().1;
        let scene = Scene::of(&world, false).await;
        scene.sweep(&world, &operations).await;
        scene.mina.does(&scene.party, "lock").await.expect(200);
        scene.sweep(&world, &operations).await;
        scene.mina.cancels(&scene.party, "host").await.expect(200);
        world.settle().await;
        scene.sweep(&world, &operations).await;
    })
    .await;
}

/// All that this process logs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn begin() -> Self {
        let log = Self::default();
        let lines = tracing_subscriber::fmt()
            .with_env_filter("debug,nbbang=trace,hyper=off,reqwest=off,h2=off")
            .with_writer(log.clone());
        // Where tests share a process, the first one listens for all.
        drop(lines.with_ansi(false).try_init());
        log
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
