//! Finding parties: the same as looking at every one of them, page by page, whatever opens and closes meanwhile.
#![expect(clippy::float_arithmetic, reason = "places are not money")]

use std::collections::BTreeSet;
use std::sync::Arc;

use nbbang::domain::geo::Point;
use nbbang::domain::id::Id;
use nbbang::storage::cache::CacheKey;
use serde_json::{Value, json};
use sqlx::types::Json;

use crate::operations::pointer;
use crate::person::{Person, draft, id};
use crate::world::{World, world, world_with};

const GANGNAM: Point = Point { lat: 37.4979, lng: 127.0276 };
const CATEGORIES: [&str; 3] = ["chicken", "pizza", "late_night"];

/// A party that stands in the databases without having been opened by anybody.
#[derive(Clone, Debug)]
struct Stand {
    id: i64,
    area: Point,
    category: &'static str,
}

/// Copies of one party, at other places.
struct Copies {
    party: Value,
    order: Value,
    number: i64,
}

impl Copies {
    async fn of(world: &World, party: &str) -> Self {
        let party = Id::<()>::parse(party).unwrap();
        let pool = world.app.databases.party(party.shard()).unwrap();
        let one = |sql: &'static str| sqlx::query_scalar::<_, Json<Value>>(sql).bind(party.raw());
        Self {
            party: one("select to_jsonb(p) from parties p where id = $1").fetch_one(&*pool).await.unwrap().0,
            order: one("select to_jsonb(o) from orders o where party_id = $1").fetch_one(&*pool).await.unwrap().0,
            number: 0,
        }
    }

    /// Puts one there; `change` overrides columns.
    async fn put(&mut self, world: &World, at: Point, category: &'static str, change: Value) -> Stand {
        self.number += 1;
        let (centre, shard) = (at.centre(), at.shard());
        let number = |n: i64| (n << 23) | (i64::from(shard.number()) << 10);
        let id = number(1_000_000 + 2 * self.number);
        let (x, y) = centre.plane();
        let mut party = self.party.clone();
        let columns = json!({
            "id": id, "category": category, "store": {"name": "가게", "category": category}, "area_lat": centre.lat, "area_lng": centre.lng, "area": format!("({x},{y})"),
            "pickup": {"lat": at.lat, "lng": at.lng, "label": "a"},
        });
        party.as_object_mut().unwrap().extend(columns.as_object().unwrap().clone());
        party.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let mut order = self.order.clone();
        order["id"] = json!(number(1_000_001 + 2 * self.number));
        order["party_id"] = json!(id);
        order["user_id"] = party["host_id"].clone();
        let pool = world.app.databases.party(shard).unwrap();
        for (table, row) in [("parties", party), ("orders", order)] {
            let sql = format!("insert into {table} select * from jsonb_populate_record(null::{table}, $1)");
            sqlx::query(sqlx::AssertSqlSafe(sql)).bind(row).execute(&*pool).await.unwrap();
        }
        world.app.cache.forget(&[CacheKey::Tile(centre.tile())]).await;
        Stand { id, area: centre, category }
    }

    /// As many, anywhere within some 5 km.
    async fn scatter(&mut self, world: &World, count: u64, change: &Value) -> Vec<Stand> {
        let mut stands = Vec::new();
        for n in 0..count {
            let (north, east) = (fraction(3 * n), fraction(3 * n + 1));
            let at = Point { lat: GANGNAM.lat + 0.09 * (north - 0.5), lng: GANGNAM.lng + 0.11 * (east - 0.5) };
            stands.push(self.put(world, at, CATEGORIES[usize::try_from(n % 3).unwrap()], change.clone()).await);
        }
        stands
    }
}

/// The same numbers in every run, between 0 and 1.
fn fraction(n: u64) -> f64 {
    let mut x = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    f64::from(u32::try_from((x ^ (x >> 31)) >> 32).unwrap()) / f64::from(u32::MAX)
}

async fn remove(world: &World, stand: &Stand) {
    let pool = pool(world, stand.id);
    let gone =
        "update parties set state = 'cancelled', cancel_reason = 'host', ended_at = now(), due_at = null where id = $1";
    sqlx::query(gone).bind(stand.id).execute(&*pool).await.unwrap();
    // As a command would: the list of its tile goes on naming it for a while.
    world.app.cache.forget(&[CacheKey::Party(Id::from_raw(stand.id))]).await;
}

fn pool(world: &World, id: i64) -> nbbang::storage::pool::Pool {
    world.app.databases.party(Id::<()>::from_raw(id).shard()).unwrap()
}

fn question(centre: Point, radius: u32, more: &str) -> String {
    format!("/v1/parties?lat={}&lng={}&radius_m={radius}{more}", centre.lat, centre.lng)
}

/// All pages, in order; `between` happens after each.
async fn pages(person: &Person, question: &str, mut between: impl AsyncFnMut(usize)) -> Vec<Value> {
    let mut items = Vec::new();
    let mut cursor = String::new();
    for page in 0.. {
        let answer = person.get(&format!("{question}{cursor}")).await.expect(200);
        items.extend(answer["items"].as_array().unwrap().iter().cloned());
        between(page).await;
        match answer["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return items,
        }
        assert!(page < 1000, "pages without an end");
    }
    items
}

fn ids(items: &[Value]) -> Vec<i64> {
    items.iter().map(|item| id(item).parse().unwrap()).collect()
}

/// What a look at every party finds, nearest first.
fn brute(stands: &[Stand], centre: Point, radius: u32, category: Option<&str>) -> Vec<i64> {
    let mut near: Vec<(f64, i64)> = stands
        .iter()
        .filter(|stand| category.is_none_or(|category| category == stand.category))
        .map(|stand| (centre.distance_m(stand.area), stand.id))
        .filter(|(metres, _)| *metres <= f64::from(radius))
        .collect();
    near.sort_by(|a, b| a.partial_cmp(b).unwrap());
    near.into_iter().map(|(_, id)| id).collect()
}

/// A host's party to copy, out of everybody's sight.
async fn copies(world: &World) -> Copies {
    let mina = world.person("mina").await;
    let far = json!({"pickup": {"lat": 33.4996, "lng": 126.5312, "label": "제주"}});
    let party = mina.opens(draft(&far)).await;
    Copies::of(world, &party).await
}

#[tokio::test]
async fn a_search_finds_what_a_look_at_every_party_finds() {
    world(searches).await;
}

#[tokio::test]
async fn a_search_without_redis_finds_the_same() {
    world_with(|config| config.storage.redis_url = None, searches).await;
}

async fn searches(world: Arc<World>) {
    let mut copies = copies(&world).await;
    let stands = copies.scatter(&world, 500, &json!({})).await;
    copies.scatter(&world, 30, &json!({"deadline_at": "2026-01-01T00:00:00Z", "due_at": null})).await;
    let over =
        json!({"state": "cancelled", "cancel_reason": "host", "ended_at": "2026-01-01T00:00:00Z", "due_at": null});
    copies.scatter(&world, 30, &over).await;
    let homes: BTreeSet<_> =
        stands.iter().map(|stand| world.app.databases.map().home(Id::<()>::from_raw(stand.id).shard())).collect();
    assert_eq!(homes.len(), 2, "both databases hold some");
    let juno = world.person("juno").await;
    let mut found = 0;
    for n in 0..24_u32 {
        let (north, east) = (fraction(7000 + 2 * u64::from(n)), fraction(7001 + 2 * u64::from(n)));
        let centre = Point { lat: GANGNAM.lat + 0.06 * (north - 0.5), lng: GANGNAM.lng + 0.06 * (east - 0.5) };
        let radius = [100, 500, 1000, 2000, 3000, 2999][usize::try_from(n % 6).unwrap()];
        let limit = [1, 7, 20, 100][usize::try_from(n % 4).unwrap()];
        let category = CATEGORIES.get(usize::try_from(n % 5).unwrap()).copied();
        let filter = category.map_or(String::new(), |category| format!("&category={category}"));
        let items = pages(&juno, &question(centre, radius, &format!("&limit={limit}{filter}")), async |_| {}).await;
        assert_eq!(ids(&items), brute(&stands, centre, radius, category), "{centre:?} {radius} {limit} {category:?}");
        for item in &items {
            let metres = centre.distance_m(
                Point::new(item["area"]["lat"].as_f64().unwrap(), item["area"]["lng"].as_f64().unwrap()).unwrap(),
            );
            let bands = [
                (100.0, "under_100m"),
                (300.0, "under_300m"),
                (500.0, "under_500m"),
                (1000.0, "under_1km"),
                (2000.0, "under_2km"),
            ];
            let band = bands.iter().find(|(below, _)| metres < *below).map_or("under_3km", |(_, band)| band);
            assert_eq!(item["distance_band"], band);
        }
        found += items.len();
    }
    assert!(found > 500, "{found}");
}

#[tokio::test]
async fn a_list_that_is_a_little_old_shows_no_party_as_it_was() {
    world(|world| async move {
        let (mina, juno, sena) = (world.person("mina").await, world.person("juno").await, world.person("sena").await);
        let search = question(GANGNAM, 1000, "");
        let found = async || juno.get(&search).await.expect(200)["items"].clone();
        assert_eq!(found().await, json!([]));
        let party = mina
            .opens(draft(&json!({"settlement": "transfer", "transfer_account": {
            "bank": "은행", "number": "123-456", "holder": "김민아"}})))
            .await;
        assert_eq!(found().await[0]["seats_taken"], 1, "it is seen at once");
        sena.joins(&party, crate::person::food(9_000)).await.expect(201);
        assert_eq!(found().await[0]["seats_taken"], 2);
        mina.patch(&format!("/v1/parties/{party}"), json!({"title": "새 제목"})).await.expect(200);
        assert_eq!(found().await[0]["title"], "새 제목");
        mina.cancels(&party, "host").await.expect(200);
        assert_eq!(found().await, json!([]), "and never when it is over");
    })
    .await;
}

#[tokio::test]
async fn the_radius_ends_at_the_centre_of_an_area() {
    world(|world| async move {
        let mut copies = copies(&world).await;
        let stand = copies.put(&world, GANGNAM, "pizza", json!({})).await;
        let juno = world.person("juno").await;
        for n in 0..40_u64 {
            let centre = Point {
                lat: GANGNAM.lat + 0.02 * (fraction(n) - 0.5),
                lng: GANGNAM.lng + 0.02 * (fraction(n + 99) - 0.5),
            };
            let metres = centre.distance_m(stand.area);
            for radius in [metres.floor(), metres.ceil()] {
                let answer =
                    juno.get(&format!("/v1/parties?lat={}&lng={}&radius_m={radius}", centre.lat, centre.lng)).await;
                if (100.0..=3000.0).contains(&radius) {
                    assert_eq!(
                        answer.expect(200)["items"].as_array().unwrap().len(),
                        usize::from(radius >= metres),
                        "{radius} {metres}"
                    );
                } else {
                    assert_eq!(answer.code(422), "invalid");
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn pages_neither_lose_nor_repeat_while_parties_open_and_close() {
    world(|world| async move {
        let mut copies = copies(&world).await;
        let stands = copies.scatter(&world, 300, &json!({})).await;
        // Many in one area, which all are equally far.
        let mut crowd = Vec::new();
        for _ in 0..40 {
            crowd.push(copies.put(&world, GANGNAM, "chicken", json!({})).await);
        }
        let (stay, go): (Vec<Stand>, Vec<Stand>) = stands.into_iter().chain(crowd).partition(|stand| stand.id % 3 != 0);
        let juno = world.person("juno").await;
        let mut go = go.into_iter();
        let items = pages(&juno, &question(GANGNAM, 3000, "&limit=9"), async |page| {
            for stand in go.by_ref().take(5) {
                remove(&world, &stand).await;
            }
            let at = Point { lat: GANGNAM.lat + 0.04 * (fraction(page as u64 + 5000) - 0.5), ..GANGNAM };
            copies.put(&world, at, "pizza", json!({})).await;
        })
        .await;
        let seen = ids(&items);
        assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), seen.len(), "none comes twice");
        let stayed = brute(&stay, GANGNAM, 3000, None);
        let seen_of_those: Vec<i64> = seen.into_iter().filter(|id| stayed.contains(id)).collect();
        assert_eq!(seen_of_those, stayed, "those that were there all the time come once, in order");
    })
    .await;
}

#[tokio::test]
async fn people_who_keep_apart_do_not_find_each_other() {
    world(|world| async move {
        let (mina, juno, sena) = (world.person("mina").await, world.person("juno").await, world.person("sena").await);
        let party = mina.opens(draft(&json!({}))).await;
        let search = question(GANGNAM, 1000, "");
        let finds = async |person: &Person| ids(&pages(person, &search, async |_| {}).await).len();
        assert_eq!((finds(&mina).await, finds(&juno).await, finds(&sena).await), (1, 1, 1));
        mina.put(&format!("/v1/me/blocks/{}", juno.id), Value::Null).await.expect(204);
        sena.put(&format!("/v1/me/blocks/{}", mina.id), Value::Null).await.expect(204);
        assert_eq!((finds(&mina).await, finds(&juno).await, finds(&sena).await), (1, 0, 0));
        world.pass(2 * 3600 + 1).await;
        assert_eq!(finds(&mina).await, 0, "its deadline is over");
        mina.get(&format!("/v1/parties/{party}")).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn a_cursor_belongs_to_its_question() {
    world(|world| async move {
        let mut copies = copies(&world).await;
        for _ in 0..3 {
            copies.put(&world, GANGNAM, "pizza", json!({})).await;
        }
        let juno = world.person("juno").await;
        let first = juno.get(&question(GANGNAM, 1000, "&limit=1")).await.expect(200);
        let cursor = format!("&cursor={}", first["next_cursor"].as_str().unwrap());
        let again = |radius, more: &str| question(GANGNAM, radius, &format!("{more}{cursor}"));
        juno.get(&again(1000, "&limit=2")).await.expect(200);
        for other in
            [again(1001, ""), again(1000, "&category=pizza"), again(1000, "").replace("lat=37.4979", "lat=37.4978")]
        {
            assert_eq!(juno.get(&other).await.code(422), "invalid_cursor", "{other}");
        }
        assert_eq!(juno.get(&format!("/v1/me/parties?{}", &cursor[1..])).await.code(422), "invalid_cursor");
        for (query, name) in [
            ("lat=37.5", "lng"),
            ("lng=127", "lat"),
            ("lat=91&lng=127", "lat"),
            ("lat=37&lng=181", "lng"),
            ("lat=37&lng=127&radius_m=99", "radius_m"),
            ("lat=37&lng=127&radius_m=3001", "radius_m"),
            ("lat=37&lng=127&limit=0", "limit"),
            ("lat=37&lng=127&limit=101", "limit"),
            ("lat=37&lng=127&category=fish", "category"),
        ] {
            let answer = juno.get(&format!("/v1/parties?{query}")).await;
            assert_eq!((answer.status, pointer(&answer)), (422, name), "{query}");
        }
    })
    .await;
}

/// What an outsider can learn by asking from everywhere must not depend on where in its cell the door is.
#[tokio::test]
async fn the_door_is_not_found_by_searching() {
    world(|world| async move {
        let (mina, juno) = (world.person("mina").await, world.person("juno").await);
        let centre = GANGNAM.centre();
        let doors = [GANGNAM, Point { lat: centre.lat + 0.0004, lng: centre.lng - 0.0005 }, Point { lat: centre.lat - 0.0003, ..centre }];
        let mut seen = BTreeSet::new();
        for door in doors {
            assert_eq!(door.centre(), centre, "in the same cell");
            let spot = json!({"pickup": {"lat": door.lat, "lng": door.lng, "label": "문 앞"}, "deadline_at": crate::operations::deadline()});
            let party = mina.opens(draft(&spot)).await;
            let mut answers = vec![juno.get(&format!("/v1/parties/{party}")).await.expect(200)];
            for n in 0..60_u64 {
                let from = Point { lat: GANGNAM.lat + 0.02 * (fraction(n) - 0.5), lng: GANGNAM.lng + 0.02 * (fraction(n + 300) - 0.5) };
                answers.push(juno.get(&question(from, 100 + 20 * u32::try_from(n).unwrap(), "")).await.expect(200));
            }
            let mut text = String::new();
            for mut answer in answers {
                let parties = answer.get_mut("items").map_or(Vec::new(), |items| items.as_array_mut().unwrap().iter_mut().collect());
                let parties = if parties.is_empty() { vec![&mut answer] } else { parties };
                for party in parties {
                    for name in ["id", "created_at", "deadline_at"] {
                        party.as_object_mut().unwrap().remove(name);
                    }
                }
                text.push_str(&answer.to_string());
            }
            seen.insert(text);
            mina.cancels(&party, "host").await.expect(200);
            world.settle().await;
        }
        assert_eq!(seen.len(), 1, "the answers differ");
    })
    .await;
}

#[tokio::test]
async fn the_index_answers_in_order() {
    world(|world| async move {
        let copies = copies(&world).await;
        let pool = world.app.databases.party(GANGNAM.shard()).unwrap();
        let (x, y) = GANGNAM.plane();
        let many = "
            insert into parties select p.* from generate_series(1, 20000) n, jsonb_populate_record(null::parties, $1 || jsonb_build_object(
                'id', (n::bigint << 23) | $4::bigint << 10, 'area', point($2 + (n % 141) * 0.0005, $3 + (n / 141) * 0.0005)::text
            )) p";
        let mut transaction = pool.begin().await.unwrap();
        sqlx::query(many).bind(&copies.party).bind(x - 0.035).bind(y - 0.035).bind(i64::from(GANGNAM.shard().number())).execute(&mut *transaction).await.unwrap();
        sqlx::query("analyze parties").execute(&mut *transaction).await.unwrap();
        let source = include_str!("../../src/storage/listings.rs").split_once("pub async fn nearest").unwrap().1;
        let query = source.split("r#\"").nth(1).unwrap().split("\"#").next().unwrap();
        let plane = GANGNAM.plane_box(3000);
        for from in [0.0, 0.01] {
            let now = nbbang::app::clock::real();
            let plan: Json<Value> = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("explain (analyze, format json) {query}")))
                .bind(plane.low.0).bind(plane.low.1).bind(plane.high.0).bind(plane.high.1).bind(x).bind(y)
                .bind(now).bind(None::<String>).bind(Vec::<i64>::new()).bind(30_i64).bind(from)
                .bind(from).bind(now - time::Duration::minutes(30)).bind(now)
                .fetch_one(&mut *transaction)
                .await
                .unwrap();
            let (plan, text) = (&plan.0[0]["Plan"], plan.0.to_string());
            assert!(!text.contains("\"Node Type\":\"Sort\"") && !text.contains("Seq Scan"), "{text}");
            for index in ["parties_boosted", "parties_nearby"] {
                let scan = scan(plan, index).unwrap_or_else(|| panic!("{index} is not used: {text}"));
                assert!(scan.get("Order By").is_some(), "{text}");
                // A later page walks over those before; the first reads no more than it shows.
                let rows = scan["Actual Rows"].as_f64().unwrap();
                assert!(from > 0.0 || rows < 100.0, "it read {rows} rows of {index} for 30: {text}");
            }
        }
        transaction.rollback().await.unwrap();
    })
    .await;
}

fn scan<'a>(node: &'a Value, index: &str) -> Option<&'a Value> {
    if node["Index Name"] == index {
        return Some(node);
    }
    node["Plans"].as_array()?.iter().find_map(|inner| scan(inner, index))
}
