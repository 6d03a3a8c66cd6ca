//! Pushes, against the simulator's push services with every fault of theirs.

use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::devices::{android, ios};
use crate::person::{Person, draft, food, id, transfer_draft};
#[cfg(feature = "stop-points")]
use crate::server::Server;
use crate::world::{World, one, world, world_with_phones};

impl World {
    /// What phones show, in the order in which it came first.
    pub async fn shown(&self) -> Vec<Value> {
        self.sim("GET", "/__sim/pushes", Value::Null).await["pushes"].as_array().unwrap().clone()
    }

    /// The kinds of what a phone shows.
    async fn kinds(&self, phone: &Value) -> Vec<String> {
        let of = |push: &&Value| push["token"] == phone["push_token"];
        self.shown().await.iter().filter(of).map(|push| push["data"]["kind"].as_str().unwrap().to_owned()).collect()
    }

    /// What has become of the queue, by kind.
    async fn outcomes(&self) -> Vec<(String, String)> {
        let mut main = PgConnection::connect(&self.urls.main).await.unwrap();
        sqlx::query_as("select kind, coalesce(outcome, 'waiting') from pushes order by id")
            .fetch_all(&mut main)
            .await
            .unwrap()
    }

    /// What has become of those of a kind.
    async fn outcome(&self, kind: &str) -> Vec<String> {
        self.outcomes().await.into_iter().filter(|(of, _)| of == kind).map(|(_, outcome)| outcome).collect()
    }

    async fn with_phone(&self, handle: &str, phone: &Value) -> Person {
        let person = self.person(handle).await;
        person.put("/v1/me/devices/phone", phone.clone()).await.expect(200);
        person
    }

    async fn clear_screens(&self) {
        self.sim("DELETE", "/__sim/pushes", Value::Null).await;
    }

    async fn is_gone_from(&self, phone: &Value) {
        let body = json!({"platform": phone["platform"], "token": phone["push_token"]});
        self.sim("POST", "/__sim/pushes/unregister", body).await;
    }
}

/// A party of mina's that juno has joined; both have phones, and their screens are empty.
async fn two_with_phones(world: &World) -> (Person, Person, String, String) {
    let (mina, juno) = (world.with_phone("mina", &ios(1)).await, world.with_phone("juno", &android(2)).await);
    let party = mina.opens(draft(&json!({}))).await;
    let order = juno.joins_and_pays(&party, food(8_000)).await;
    world.settle().await;
    assert_eq!(world.kinds(&ios(1)).await, ["joined"]);
    world.clear_screens().await;
    (mina, juno, party, order)
}

#[tokio::test]
async fn a_party_is_told_from_the_first_guest_to_the_food() {
    world_with_phones(|world| async move {
        let (mina, _juno, party, order) = two_with_phones(&world).await;
        mina.patch("/v1/me/preferences", json!({"language": "en"})).await.expect(200);
        mina.does(&party, "lock").await.expect(200);
        world.settle().await;
        let shown = world.shown().await;
        let find =
            |kind: &str| shown.iter().find(|push| push["data"]["kind"] == kind).unwrap_or_else(|| panic!("{shown:?}"));
        let (to_place, locked) = (find("to_place"), find("locked"));
        assert_eq!((&to_place["platform"], &to_place["token"]), (&json!("ios"), &ios(1)["push_token"]));
        assert_eq!(to_place["title"], "치킨 같이 시켜요");
        assert!(to_place["body"].as_str().unwrap().starts_with("Your party is locked. Order at the store by "));
        assert_eq!(
            (&to_place["data"], &to_place["urgent"]),
            (&json!({"kind": "to_place", "party_id": party}), &json!(true))
        );
        assert_eq!(locked["platform"], "android");
        assert_eq!(locked["data"], json!({"kind": "locked", "party_id": party, "order_id": order}));
        assert_eq!(
            (&locked["body"], &locked["urgent"]),
            (&json!("모집이 끝났어요. 내 몫은 10,000원이에요."), &json!(false))
        );
        mina.places(&party, 22_000).await.expect(200);
        world.settle().await;
        mina.does(&party, "arrival").await.expect(200);
        world.settle().await;
        assert_eq!(world.kinds(&android(2)).await, ["locked", "placed", "arrived"]);
        assert_eq!(world.kinds(&ios(1)).await, ["to_place"], "what the host has done himself is no news");
        // Twenty minutes later, ten before the end of the window.
        world.pass(19 * 60).await;
        assert_eq!(world.kinds(&android(2)).await.len(), 3);
        world.pass(61).await;
        assert_eq!(world.kinds(&android(2)).await.last().unwrap(), "pick_up");
        world.pass(11 * 60).await;
        mina.put(&format!("/v1/orders/{order}/no-show"), Value::Null).await.expect(200);
        world.settle().await;
        assert_eq!(world.kinds(&android(2)).await.last().unwrap(), "no_show");
        // Nothing that only members may know is on a screen.
        let text = json!(world.shown().await).to_string();
        assert!(!text.contains("강남역") && !text.contains("편의점"), "{text}");
        let all = world.sim("GET", "/__sim/pushes", Value::Null).await;
        assert_eq!((&all["provider_tokens"], &all["access_tokens"]), (&json!(1), &json!(1)), "one token for all");
    })
    .await;
}

#[tokio::test]
async fn transfers_kicks_and_cancellations_are_told() {
    world_with_phones(|world| async move {
        let mina = world.with_phone("mina", &ios(1)).await;
        let (juno, sena) = (world.with_phone("juno", &ios(2)).await, world.with_phone("sena", &ios(3)).await);
        let party = mina.opens(transfer_draft(&json!({}))).await;
        let order = id(&juno.joins(&party, food(8_000)).await.expect(201));
        let other = id(&sena.joins(&party, food(8_000)).await.expect(201));
        mina.delete(&format!("/v1/orders/{other}?reason=답이%20없어요")).await.expect(200);
        mina.does(&party, "lock").await.expect(200);
        juno.put(&format!("/v1/orders/{order}/transfer"), Value::Null).await.expect(200);
        world.settle().await;
        mina.cancels(&party, "host").await.expect(200);
        world.settle().await;
        assert_eq!(world.kinds(&ios(1)).await, ["joined", "to_place", "transfer_sent"]);
        assert_eq!(world.kinds(&ios(2)).await, ["locked", "cancelled"]);
        assert_eq!(world.kinds(&ios(3)).await, ["kicked"]);
        let text = json!(world.shown().await).to_string();
        assert!(!text.contains("3333-01") && !text.contains("답이"), "{text}");
    })
    .await;
}

#[tokio::test]
async fn reminders_come_in_time_and_not_when_there_is_nothing_left_to_do() {
    world_with_phones(|world| async move {
        let mina = world.with_phone("mina", &ios(1)).await;
        let (juno, sena) = (world.with_phone("juno", &ios(2)).await, world.with_phone("sena", &ios(3)).await);
        let party = mina.opens(draft(&json!({}))).await;
        juno.joins(&party, food(8_000)).await.expect(201);
        world.settle().await;
        world.pass(2 * 60 + 50).await;
        assert!(world.shown().await.is_empty(), "{:?}", world.shown().await);
        // Sena has a seat and pays; juno has not paid three minutes on.
        let seat = sena.joins(&party, food(8_000)).await.expect(201);
        world.settle().await;
        sena.pays(&seat["payment"]).await.expect(200);
        world.pass(20).await;
        assert_eq!(world.kinds(&ios(2)).await, ["unpaid_seat"]);
        world.pass(2 * 60).await;
        assert_eq!(world.kinds(&ios(2)).await, ["unpaid_seat", "seat_gone"]);
        world.pass(60).await;
        assert_eq!(
            (world.kinds(&ios(3)).await, world.outcome("unpaid_seat").await),
            (vec![], vec!["sent".into(), "moot".into()])
        );

        // Ten minutes before the deadline, and once more after it was put off.
        world.clear_screens().await;
        world.pass(7200 - 370 - 590).await;
        assert_eq!(world.kinds(&ios(1)).await, ["deadline_near"]);
        mina.does(&party, "lock").await.expect(200);
        world.settle().await;
        world.pass(5 * 60).await;
        world.pass(5 * 60).await;
        // The second takes the first one's place on the screen.
        assert_eq!(world.kinds(&ios(1)).await, ["deadline_near", "to_place", "placement_due"]);
        assert_eq!(world.shown().await.last().unwrap()["times"], 2);
        world.pass(5 * 60).await;
        assert_eq!(world.kinds(&ios(1)).await.last().unwrap(), "cancelled");
    })
    .await;
}

#[tokio::test]
async fn a_repeated_relay_tells_nothing_twice() {
    world_with_phones(|world| async move {
        let (mina, _juno, party, _) = two_with_phones(&world).await;
        mina.does(&party, "lock").await.expect(200);
        world.settle().await;
        let (shown, outcomes) = (world.shown().await, world.outcomes().await);
        for url in &world.urls.parties {
            let mut db = PgConnection::connect(url).await.unwrap();
            sqlx::query("update outbox set relayed_at = null").execute(&mut db).await.unwrap();
        }
        world.settle().await;
        assert_eq!((world.shown().await, world.outcomes().await), (shown.clone(), outcomes));
        assert!(shown.iter().all(|push| push["times"] == 1), "{shown:?}");
    })
    .await;
}

#[tokio::test]
async fn a_phone_without_the_app_is_forgotten() {
    world_with_phones(|world| async move {
        let (mina, juno, party, _) = two_with_phones(&world).await;
        mina.put("/v1/me/devices/tablet", ios(11)).await.expect(200);
        world.is_gone_from(&ios(1)).await;
        world.is_gone_from(&android(2)).await;
        mina.does(&party, "lock").await.expect(200);
        world.settle().await;
        assert_eq!((world.phones(&mina).await, world.phones(&juno).await.len()), (vec!["tablet".to_owned()], 0));
        assert_eq!(
            (world.kinds(&ios(11)).await, world.outcome("to_place").await),
            (vec!["to_place".into()], vec!["sent".into()])
        );
        assert_eq!(world.outcome("locked").await, ["no_device"]);
    })
    .await;
}

#[tokio::test]
async fn who_has_registered_again_since_is_kept() {
    world_with_phones(|world| async move {
        let (mina, _juno, party, _) = two_with_phones(&world).await;
        let long_ago = json!({"platform": "ios", "token": ios(1)["push_token"], "since_ms": 1_700_000_000_000_i64});
        world.sim("POST", "/__sim/pushes/unregister", long_ago).await;
        mina.does(&party, "lock").await.expect(200);
        world.settle().await;
        assert_eq!(
            (world.phones(&mina).await.len(), world.outcome("to_place").await),
            (1, vec!["no_device".to_owned()])
        );
    })
    .await;
}

#[tokio::test]
async fn faults_are_tried_again_by_the_rules_clock() {
    world_with_phones(|world| async move {
        let faults = [
            json!({"provider": "apns", "do": "status", "status": 429, "code": "TooManyRequests"}),
            json!({"provider": "apns", "do": "status", "status": 503, "code": "ServiceUnavailable"}),
            json!({"provider": "apns", "do": "status", "status": 500}),
            json!({"provider": "apns", "do": "reset"}),
            json!({"provider": "apns", "do": "drop"}),
            json!({"provider": "apns", "do": "html"}),
            json!({"provider": "apns", "do": "wrong_body", "when": "after_effect"}),
            json!({"provider": "apns", "do": "reset", "when": "after_effect"}),
            json!({"provider": "apns", "do": "status", "status": 403, "code": "ExpiredProviderToken"}),
            json!({"provider": "apns", "do": "status", "status": 403, "code": "InvalidProviderToken"}),
            json!({"provider": "fcm", "do": "status", "status": 429, "code": "QUOTA_EXCEEDED"}),
            json!({"provider": "fcm", "do": "status", "status": 503, "code": "UNAVAILABLE"}),
            json!({"provider": "fcm", "do": "status", "status": 500, "code": "INTERNAL"}),
            json!({"provider": "fcm", "do": "status", "status": 401, "code": "UNAUTHENTICATED"}),
            json!({"provider": "apns", "do": "hang"}),
            json!({"provider": "fcm", "do": "truncate"}),
            json!({"provider": "fcm", "do": "garbage"}),
            json!({"provider": "fcm", "do": "wrong_body", "when": "after_effect"}),
            json!({"provider": "fcm", "operation": "token", "do": "status", "status": 503}),
        ];
        for (number, mut fault) in (0..).zip(faults) {
            fault.as_object_mut().unwrap().entry("operation").or_insert(json!("send"));
            if fault["operation"] == "token" {
                world.sim("DELETE", "/__sim/fcm/tokens", Value::Null).await;
            }
            let phone = if fault["provider"] == "apns" { ios(100 + number) } else { android(100 + number) };
            let host = world.with_phone(&format!("host-{number}"), &phone).await;
            let party = host.opens(draft(&json!({}))).await;
            world.settle().await;
            world.fault(fault.clone()).await;
            world.person(&format!("guest-{number}")).await.joins_and_pays(&party, food(8_000)).await;
            world.settle().await;
            let after_effect = fault["when"] == "after_effect";
            assert_eq!(world.kinds(&phone).await.len(), usize::from(after_effect), "{fault}");
            assert_eq!(world.outcome("joined").await.last().unwrap(), "waiting", "{fault}");
            world.settle().await;
            assert_eq!(world.kinds(&phone).await.len(), usize::from(after_effect), "not before its time: {fault}");
            // Ten seconds, or as long as they said; a token that is refused is seen at the second try.
            world.pass(61).await;
            world.pass(61).await;
            let shown: Vec<Value> =
                world.shown().await.into_iter().filter(|push| push["token"] == phone["push_token"]).collect();
            let times = if after_effect { 2 } else { 1 };
            assert_eq!(
                (shown.len(), shown.first().map_or(&Value::Null, |push| &push["times"])),
                (1, &json!(times)),
                "one on the screen: {fault}"
            );
            assert_eq!(world.outcome("joined").await.last().unwrap(), "sent", "{fault}");
        }
        let all = world.sim("GET", "/__sim/pushes", Value::Null).await;
        assert_eq!(all["provider_tokens"], 2, "a token that has expired is made anew, and only then");
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_told_for_an_hour_is_given_up() {
    world_with_phones(|world| async move {
        let (mina, _juno, party, _) = two_with_phones(&world).await;
        let away = json!({
            "provider": "apns", "operation": "send", "do": "status", "status": 503, "code": "ServiceUnavailable",
            "times": 1000,
        });
        world.fault(away).await;
        mina.does(&party, "lock").await.expect(200);
        world.settle().await;
        let mut tries = 0;
        for _ in 0..65 {
            world.moves_clocks(60).await;
            tries += nbbang::app::pushes::send_due(&world.app, 100).await.unwrap();
        }
        assert_eq!(world.outcome("to_place").await, ["late"]);
        assert!((8..=16).contains(&tries), "{tries}");
        world.sim("DELETE", "/__sim/faults", Value::Null).await;
        // What is for them all right but not for this phone is not tried again.
        let unfit =
            json!({"provider": "apns", "operation": "send", "do": "status", "status": 400, "code": "BadDeviceToken"});
        world.fault(unfit).await;
        world.settle().await;
        let mut outcomes = world.outcome("cancelled").await;
        outcomes.sort();
        assert_eq!((outcomes, world.phones(&mina).await.len()), (vec!["refused".into(), "sent".into()], 1));
    })
    .await;
}

#[tokio::test]
async fn what_one_phone_has_is_not_sent_to_it_again() {
    world_with_phones(|world| async move {
        let (mina, _juno, party, _) = two_with_phones(&world).await;
        mina.put("/v1/me/devices/tablet", android(11)).await.expect(200);
        world.fault(json!({"provider": "fcm", "operation": "send", "do": "status", "status": 503, "times": 2})).await;
        // The guest's phone and the host's tablet are not reached.
        mina.does(&party, "lock").await.expect(200);
        world.settle().await;
        assert_eq!(
            (world.kinds(&ios(1)).await, world.kinds(&android(11)).await.len()),
            (vec!["to_place".to_owned()], 0)
        );
        world.pass(11).await;
        assert_eq!(world.kinds(&android(11)).await, ["to_place"]);
        assert_eq!(world.kinds(&ios(1)).await, ["to_place"]);
        assert!(world.shown().await.iter().all(|push| push["times"] == 1), "{:?}", world.shown().await);
    })
    .await;
}

#[tokio::test]
async fn preferences_and_blocks_are_respected() {
    world_with_phones(|world| async move {
        let mina = world.with_phone("mina", &ios(1)).await;
        let (juno, sena) = (world.person("juno").await, world.person("sena").await);
        let party = mina.opens(draft(&json!({}))).await;
        mina.patch("/v1/me/preferences", json!({"push": {"member": false}})).await.expect(200);
        juno.joins_and_pays(&party, food(8_000)).await;
        world.settle().await;
        assert_eq!(world.outcome("joined").await, ["unwanted"]);
        mina.patch("/v1/me/preferences", json!({"push": {"member": null}})).await.expect(200);
        let order = sena.joins_and_pays(&party, food(8_000)).await;
        mina.put(&format!("/v1/me/blocks/{}", sena.id), Value::Null).await.expect(204);
        sena.delete(&format!("/v1/orders/{order}")).await.expect(200);
        world.settle().await;
        assert_eq!(
            (world.outcome("joined").await, world.outcome("left").await),
            (vec!["unwanted".to_owned()], vec!["apart".to_owned()])
        );
        assert!(world.shown().await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn in_quiet_hours_only_what_cannot_wait_is_told() {
    world_with_phones(|world| async move {
        let (mina, juno, party, order) = two_with_phones(&world).await;
        let now = world.app.clock.now().to_offset(time::macros::offset!(+9));
        let clock = |minutes: i64| {
            let at = now + time::Duration::minutes(minutes);
            format!("{:02}:{:02}", at.hour(), at.minute())
        };
        // From a minute ago until in 50 minutes.
        let quiet = json!({"quiet_hours": {"from": clock(-1), "to": clock(50)}});
        for person in [&mina, &juno] {
            person.patch("/v1/me/preferences", quiet.clone()).await.expect(200);
        }
        mina.does(&party, "lock").await.expect(200);
        world.settle().await;
        mina.places(&party, 22_000).await.expect(200);
        world.settle().await;
        assert_eq!(
            (world.kinds(&ios(1)).await, world.kinds(&android(2)).await.len()),
            (vec!["to_place".to_owned()], 0)
        );
        assert_eq!(
            (world.outcome("locked").await, world.outcome("placed").await),
            (vec!["superseded".into()], vec!["waiting".to_owned()])
        );
        mina.does(&party, "arrival").await.expect(200);
        world.settle().await;
        assert_eq!(world.kinds(&android(2)).await, ["arrived"], "the food does not wait");
        world.pass(21 * 60).await;
        world.pass(30 * 60).await;
        assert_eq!(world.kinds(&android(2)).await, ["arrived", "pick_up", "placed"], "the newest of what has waited");
        juno.put(&format!("/v1/orders/{order}/pickup"), Value::Null).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn who_has_gone_is_told_nothing() {
    world_with_phones(|world| async move {
        let mina = world.with_phone("mina", &ios(1)).await;
        let party = mina.opens(draft(&json!({}))).await;
        world.settle().await;
        let mut main = PgConnection::connect(&world.urls.main).await.unwrap();
        let user: i64 = mina.id.parse().unwrap();
        let kept = async |main: &mut PgConnection| -> i64 {
            sqlx::query_scalar("select count(*) from pushes where user_id = $1")
                .bind(user)
                .fetch_one(main)
                .await
                .unwrap()
        };
        assert_eq!(kept(&mut main).await, 1, "the reminder before the deadline");
        mina.delete("/v1/me").await.expect(204);
        world.settle().await;
        assert_eq!(kept(&mut main).await, 0);
        assert_eq!(one(&mut main, "select count(*) from devices").await, 0);
        assert!(world.shown().await.is_empty(), "{party}");
    })
    .await;
}

#[tokio::test]
async fn without_push_services_nothing_is_queued() {
    world(|world| async move {
        let mina = world.with_phone("mina", &ios(1)).await;
        let party = mina.opens(draft(&json!({}))).await;
        world.person("juno").await.joins_and_pays(&party, food(8_000)).await;
        world.settle().await;
        assert_eq!(world.outcomes().await, []);
    })
    .await;
}

/// It was sent, and nobody noted that: it is sent again under the same name, and the phone shows it once.
#[cfg(feature = "stop-points")]
#[tokio::test]
async fn a_crash_between_sending_and_noting_sends_it_again_under_its_name() {
    world_with_phones(|world| async move {
        let (mina, _juno, party, _) = two_with_phones(&world).await;
        let (settings, files) = crate::world::phone_settings(&world).await;
        mina.does(&party, "lock").await.expect(200);
        for (stop_point, least) in [("relay.passed_on", 0), ("push.sent", 1)] {
            let server = Server::with_all(&world, &format!("{stop_point}=return"), &settings).await;
            assert!(!server.dies().await.success(), "{stop_point}");
            assert!(world.shown().await.len() >= least, "{stop_point}");
        }
        let sent: Vec<Value> = world.shown().await;
        world.pass(61).await;
        assert_eq!(
            (world.kinds(&ios(1)).await, world.kinds(&android(2)).await),
            (vec!["to_place".to_owned()], vec!["locked".to_owned()])
        );
        let again = world.shown().await;
        for before in &sent {
            let same = again.iter().find(|push| push["collapse_id"] == before["collapse_id"]).unwrap();
            assert!(same["times"].as_i64() > before["times"].as_i64(), "{before} {same}");
        }
        for file in files {
            std::fs::remove_file(file).unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn of_a_chat_those_are_told_who_have_not_read_it_once_a_minute() {
    world_with_phones(|world| async move {
        let (mina, juno, party, _) = two_with_phones(&world).await;
        mina.says(&party, "비밀 이야기").await;
        mina.says(&party, "또 하나").await;
        world.settle().await;
        assert_eq!(world.kinds(&android(2)).await, ["message"], "one for both");
        assert_eq!(world.kinds(&ios(1)).await, Vec::<String>::new(), "not who says it");
        assert!(!format!("{:?}", world.shown().await).contains("비밀"), "what was said is on no screen");
        world.clear_screens().await;

        // Who has read it already needs not be told.
        world.moves_clocks(61).await;
        let seq = mina.says(&party, "읽었어요?").await["seq"].clone();
        juno.put(&format!("/v1/parties/{party}/messages/read"), json!({"seq": seq})).await.expect(204);
        nbbang::app::reads::write_down(&world.app).await.unwrap();
        world.settle().await;
        assert_eq!(world.kinds(&android(2)).await, Vec::<String>::new());

        // Nor who does not want to, nor of one from whom he keeps apart.
        world.moves_clocks(61).await;
        juno.patch("/v1/me/preferences", json!({"push": {"message": false}})).await.expect(200);
        mina.says(&party, "저기요").await;
        world.settle().await;
        world.moves_clocks(61).await;
        juno.patch("/v1/me/preferences", json!({"push": {"message": true}})).await.expect(200);
        juno.put(&format!("/v1/me/blocks/{}", mina.id), Value::Null).await.expect(204);
        mina.says(&party, "여보세요").await;
        world.settle().await;
        assert_eq!(world.kinds(&android(2)).await, Vec::<String>::new());
        assert_eq!(world.outcome("message").await, ["sent", "unwanted", "apart"]);
    })
    .await;
}
