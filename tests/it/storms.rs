//! Storms: many people do whatever comes to their minds with few parties, all at once, while the jobs run and the clock moves;
//! every answer and every version is recorded, and judged.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use nbbang::domain::id::Id;
use nbbang::domain::user::User;
use nbbang::jobs;
use serde_json::{Value, json};
use time::Duration;
use time::format_description::well_known::Rfc3339;

use crate::crowd::{Dice, long, place};
use crate::history;
use crate::person::{Answer, Person, draft, food, id, transfer_draft};
use crate::world::{World, world};

const HOSTS: usize = 4;
const GUESTS: usize = 14;
/// Among the guests, and the first host with a guest.
const APART: [(usize, usize); 6] = [(0, 1), (1, 2), (3, 9), (4, 10), (5, 6), (GUESTS, 7)];

/// Somebody in the storm, and all that he was told.
struct Actor {
    world: Arc<World>,
    me: Person,
    dice: Dice,
    /// The parties that there are; the newest are the best known.
    board: Arc<Mutex<Vec<String>>>,
    orders: Vec<Value>,
    told: Vec<(String, Answer)>,
}

impl Actor {
    fn party(&mut self) -> Option<String> {
        let board = self.board.lock().unwrap();
        let last = board.len().min(HOSTS);
        (last > 0).then(|| board[board.len() - 1 - self.dice.below(last)].clone())
    }

    fn note(&mut self, what: &str, answer: Answer) -> Option<Value> {
        let body = (answer.status < 300).then(|| answer.body.clone());
        self.told.push((what.to_owned(), answer));
        body
    }

    async fn guest_acts(&mut self) -> Option<()> {
        let price = self.dice.within(150, 20_000);
        match self.dice.below(12) {
            0..4 => {
                let party = self.party()?;
                let answer = self.me.joins(&party, food(price)).await;
                let order = self.note("joins", answer)?;
                self.orders.push(order);
            }
            4..6 => {
                let path = format!("/v1/orders/{}/items", self.order()?);
                let answer = self.me.put(&path, json!({"items": food(price)})).await;
                let order = self.note("changes items", answer)?;
                self.orders.push(order);
            }
            6 => {
                let order = self.order()?;
                let answer = self.me.delete(&format!("/v1/orders/{order}")).await;
                self.note("leaves", answer);
            }
            7..10 => {
                let order = self.order()?;
                let answer = self.me.get(&format!("/v1/orders/{order}")).await;
                let payment = self.note("looks", answer)?["payment"].clone();
                if payment["state"] == "ready" {
                    let answer = self.me.pays(&payment).await;
                    self.note("pays", answer);
                }
            }
            10 => {
                let what = *self.dice.pick(&["pickup", "transfer", "pickup"]);
                let order = self.order()?;
                let answer = self.me.put(&format!("/v1/orders/{order}/{what}"), Value::Null).await;
                self.note(what, answer);
            }
            _ => {
                let party = self.orders.last()?["party_id"].as_str().unwrap().to_owned();
                let answer = self.me.does(&party, "arrival").await;
                self.note("votes", answer);
            }
        }
        Some(())
    }

    fn order(&mut self) -> Option<String> {
        let last = self.orders.len().min(4);
        (last > 0).then(|| id(&self.orders[self.orders.len() - 1 - self.dice.below(last)]))
    }

    async fn host_acts(&mut self, party: &mut Option<String>) -> Option<()> {
        let Some(mine) = party.clone() else {
            let offer = self.offer();
            let opened = self.me.post("/v1/parties", offer).await;
            let opened = id(&self.note("opens", opened)?);
            self.board.lock().unwrap().push(opened.clone());
            *party = Some(opened);
            return Some(());
        };
        match self.dice.below(24) {
            0..8 => {
                let edit = self.edit();
                let answer = self.me.patch(&format!("/v1/parties/{mine}"), edit).await;
                self.note("edits", answer);
            }
            8..10 => {
                let room = self.me.room(&mine).await;
                let order = id(self.dice.pick(room["orders"].as_array().unwrap()));
                let answer = self.me.delete(&format!("/v1/orders/{order}?reason=no")).await;
                self.note("kicks", answer);
            }
            10..12 if self.dice.one_in(2) => {
                let answer = self.me.does(&mine, "lock").await;
                self.note("locks", answer);
            }
            12 if self.dice.one_in(3) => {
                let reason = *self.dice.pick(&["host", "store"]);
                let answer = self.me.cancels(&mine, reason).await;
                self.note("cancels", answer);
            }
            13..16 => {
                let room = self.me.room(&mine).await;
                let total = room["quote"]["total_krw"].as_i64().unwrap_or(20_000);
                let answer = self.me.places(&mine, total - self.dice.within(0, 500)).await;
                self.note("places", answer);
            }
            16..18 => {
                let answer = self.me.does(&mine, "arrival").await;
                self.note("arrives", answer);
            }
            18..20 => {
                let room = self.me.room(&mine).await;
                let order = id(self.dice.pick(room["orders"].as_array().unwrap()));
                let answer = self.me.put(&format!("/v1/orders/{order}/pickup"), Value::Null).await;
                self.note("hands over", answer);
            }
            20 => self.world.moves_clocks(u32::try_from(self.dice.within(20, 150)).unwrap()).await,
            21.. => {
                let room = self.me.room(&mine).await;
                if matches!(room["state"].as_str(), Some("cancelled" | "completed")) {
                    *party = None;
                }
            }
            _ => {}
        }
        Some(())
    }

    fn offer(&mut self) -> Value {
        let deadline = self.world.app.clock.now() + Duration::minutes(self.dice.within(11, 25));
        let mut terms = json!({
            "deadline_at": deadline.format(&Rfc3339).unwrap(),
            "capacity": self.dice.within(3, 5),
            "min_order_krw": self.dice.within(0, 12_000),
            "auto_lock": self.dice.one_in(6),
            "pickup": place(self.dice.below(60)),
            "split": self.dice.pick(&["even", "proportional", "host_pays", "host_free"]),
            "discount_krw": self.dice.within(0, 3) * 1_111,
        });
        terms["min_members"] = json!(2);
        if self.dice.one_in(2) { draft(&terms) } else { transfer_draft(&terms) }
    }

    fn edit(&mut self) -> Value {
        let title = format!("{}번째 생각", self.dice.below(1_000));
        match self.dice.below(6) {
            0 => json!({"title": title}),
            1 | 2 => json!({"capacity": self.dice.within(2, 6)}),
            3 => json!({"fee_tiers": [{"from_krw": 0, "fee_krw": self.dice.within(0, 9_000)}]}),
            4 => {
                json!({"min_order_krw": self.dice.within(0, 12_000), "split": self.dice.pick(&["even", "proportional"])})
            }
            _ => json!({"title": title, "auto_lock": self.dice.one_in(3)}),
        }
    }
}

/// What was done, and how the parties ended, is counted in `done`.
async fn storm(world: Arc<World>, seed: u64, steps: usize, done: Arc<Mutex<BTreeMap<String, u32>>>) {
    history::record(&world).await;
    let mut people = Vec::new();
    for n in 0..GUESTS + HOSTS {
        people.push(world.person(&format!("p{n}")).await);
    }
    let mut apart: Vec<(Id<User>, Id<User>)> = Vec::new();
    for (one, other) in APART {
        people[one].put(&format!("/v1/me/blocks/{}", people[other].id), Value::Null).await.expect(204);
        apart.push((Id::parse(&people[one].id).unwrap(), Id::parse(&people[other].id).unwrap()));
    }
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let background = tokio::spawn(jobs::run(Arc::clone(&world.app), stopped));
    let board = Arc::default();
    let mut crowd = tokio::task::JoinSet::new();
    let mut actors = Vec::new();
    for (n, me) in people.into_iter().enumerate() {
        let dice = Dice(seed * 1_000 + u64::try_from(n).unwrap());
        let (world, board) = (Arc::clone(&world), Arc::clone(&board));
        let mut actor = Actor { world, me, dice, board, orders: Vec::new(), told: Vec::new() };
        let mut party = None;
        // The hosts begin, so that there is something to join.
        if n >= GUESTS {
            actor.host_acts(&mut party).await.unwrap();
        }
        actors.push((actor, party));
    }
    for (n, (mut actor, mut party)) in actors.into_iter().enumerate() {
        crowd.spawn(async move {
            for _ in 0..steps {
                if n < GUESTS {
                    actor.guest_acts().await
                } else {
                    actor.host_acts(&mut party).await
                };
            }
            actor.told
        });
    }
    let told: Vec<(String, Answer)> = crowd.join_all().await.into_iter().flatten().collect();
    stop.send(true).unwrap();
    background.await.unwrap();
    world.settle().await;

    let stories = history::read(&world).await;
    history::judge(&stories, &apart);
    for (what, answer) in &told {
        // The clock may jump over the time that a reservation of a hosting slot has.
        let too_late = what == "opens" && answer.body["code"] == "busy";
        assert!(answer.status < 500 || too_late, "seed {seed}: {what}: {}", answer.text);
        if answer.status < 300 && what != "pays" {
            history::bears_out(&stories, &answer.body);
        }
    }
    let mut done = done.lock().unwrap();
    for (what, _) in told.iter().filter(|(_, answer)| answer.status < 300) {
        *done.entry(what.clone()).or_default() += 1;
    }
    for story in stories.values() {
        *done.entry(story.last().unwrap().party.state.word().to_owned()).or_default() += 1;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_storm_of_everything_at_once() {
    let seeds = if long() { 1..40 } else { 1..3 };
    let done = Arc::default();
    for seed in seeds {
        world(|world| storm(world, seed, 120, Arc::clone(&done))).await;
    }
    // A storm in which nothing happens proves nothing.
    let done = done.lock().unwrap();
    for what in ["opens", "joins", "changes items", "leaves", "pays", "edits", "kicks", "locks", "places", "completed"]
    {
        assert!(done.contains_key(what), "nobody and nothing {what}: {done:?}");
    }
}

#[tokio::test]
async fn a_place_stays_to_the_last_digit_however_often_its_party_is_saved() {
    world(|world| async move {
        let mina = world.person("mina").await;
        let place = json!({"lat": 37.498_858_022_455_586, "lng": 127.263_774_618_976_61, "label": "정문"});
        let opened = mina.post("/v1/parties", draft(&json!({"pickup": place}))).await;
        let party = id(&opened.clone().expect(201));
        let edited = mina.patch(&format!("/v1/parties/{party}"), json!({"title": "다른 제목"})).await;
        for answer in [opened, edited, mina.get(&format!("/v1/parties/{party}/room")).await] {
            let digits = "\"lat\":37.498858022455586,\"lng\":127.26377461897661";
            assert!(answer.text.contains(digits), "{}", answer.text);
        }
    })
    .await;
}
