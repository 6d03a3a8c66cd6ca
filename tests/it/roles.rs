//! Who may do what: every operation, asked by everybody who could ask, with the answer that each has to get.

use std::collections::BTreeMap;
use std::fmt::Write;

use nbbang::app::clock;
use serde_json::json;
use time::Duration;

use crate::operations::{Ids, Operation, all, send};
use crate::person::{Person, draft, food, id};
use crate::world::{World, world};

/// One open, prepaid party for each operation, about which all of these ask in turn, as does what they do to it: a stranger, one who has left it, one
/// whom the host keeps away, an operator, a paid member, and the host. The order is the member's, the payment too; users are the host's.
/// A cell is the status, and of a refusal its code.
const TABLE: &str = include_str!("roles.txt");

struct Scene {
    ids: Ids,
    people: Vec<Person>,
    expired: Person,
}

impl Scene {
    async fn new(world: &World, number: usize) -> Self {
        let person = async |role: &str| world.person(&format!("{role}-{number}")).await;
        let (host, member) = (person("host").await, person("member").await);
        let (former, blocked) = (person("former").await, person("blocked").await);
        let stranger = person("stranger").await;
        let operator = world.operator(&format!("operator-{number}")).await;
        let party = host.opens(draft(&json!({"capacity": 10}))).await;
        let joined = member.joins(&party, food(8_000)).await.expect(201);
        member.pays(&joined["payment"]).await.expect(200);
        let left = former.joins(&party, food(8_000)).await.expect(201);
        former.delete(&format!("/v1/orders/{}", id(&left))).await.expect(200);
        host.put(&format!("/v1/me/blocks/{}", blocked.id), serde_json::Value::Null).await.expect(204);
        let access = world.app.keys.verify(&member.token, clock::real()).unwrap();
        let long_ago = clock::real() - Duration::hours(1);
        let mut expired =
            Person::sign_in(&world.client, &world.base, &world.simulator, &format!("member-{number}")).await;
        expired.token = world.app.keys.sign(access.user_id, access.session_id, long_ago).unwrap();
        let code = member.invites(&party).await;
        let ids = Ids {
            party,
            order: id(&joined),
            payment: id(&joined["payment"]),
            user: host.id.clone(),
            other_user: host.id.clone(),
            code,
        };
        Self { ids, people: vec![stranger, former, blocked, operator, member, host], expired }
    }
}

/// What somebody is told, in a word or two.
async fn told(world: &World, operation: &Operation, ids: &Ids, person: Option<&Person>) -> String {
    let address =
        if operation.path.starts_with("/v1/admin/parties") { operation.with_id(&ids.party) } else { operation.at(ids) };
    let mut request = operation.without_body(world, person, &address);
    if let Some((_, example)) = &operation.body {
        let mut body = example.clone();
        // The others must not find all deadlines passed.
        if body.get("advance_s").is_some() {
            body["advance_s"] = 1.into();
        }
        if body.get("subject_id").is_some() {
            body["subject_id"] = ids.user.clone().into();
        }
        request = request.json(&body);
    }
    let answer = send(&format!("{} {address}", operation.id), request).await;
    let code = answer.body["code"].as_str().filter(|_| answer.status >= 400).unwrap_or_default();
    format!("{} {code}", answer.status).trim_end().to_owned()
}

#[tokio::test]
async fn everybody_gets_the_answer_that_is_for_him() {
    world(|world| async move {
        let mut found = BTreeMap::new();
        for (number, operation) in all().1.iter().enumerate() {
            let scene = Scene::new(&world, number).await;
            let mut cells = vec![told(&world, operation, &scene.ids, None).await];
            cells.push(told(&world, operation, &scene.ids, Some(&scene.expired)).await);
            for person in &scene.people {
                cells.push(told(&world, operation, &scene.ids, Some(person)).await);
            }
            found.insert(format!("{} {}", operation.method, operation.path), cells);
        }
        let text = written(&found);
        let (expected, actual): (Vec<&str>, Vec<&str>) = (TABLE.lines().collect(), text.lines().collect());
        let wrong: Vec<&&str> = actual.iter().filter(|line| !expected.contains(line)).collect();
        let gone: Vec<&&str> = expected.iter().filter(|line| !actual.contains(line)).collect();
        assert!(wrong.is_empty() && gone.is_empty(), "found\n{wrong:#?}\ninstead of\n{gone:#?}");
    })
    .await;
}

/// As `roles.txt` is written: the operation, then what each was told; what several in a row were told stands once.
fn written(found: &BTreeMap<String, Vec<String>>) -> String {
    const ROLES: [&str; 8] = ["anonymous", "expired", "stranger", "former", "blocked", "operator", "member", "host"];
    let mut text = String::new();
    for (operation, cells) in found {
        let mut groups: Vec<(Vec<&str>, &str)> = Vec::new();
        for (role, cell) in ROLES.iter().zip(cells) {
            match groups.last_mut() {
                Some((roles, told)) if told == cell => roles.push(role),
                _ => groups.push((vec![role], cell)),
            }
        }
        let groups: Vec<String> = groups.iter().map(|(roles, told)| format!("{}: {told}", roles.join(", "))).collect();
        writeln!(text, "{operation} | {}", groups.join(" | ")).unwrap();
    }
    text
}
