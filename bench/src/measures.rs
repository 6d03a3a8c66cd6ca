//! What is measured, one after another: our requests, and what the machine can do without us.

use std::io;
use std::time::Duration;

use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use tokio::time::{Instant, sleep};

use crate::data::{self, Data, JOINED, OPEN, SEATS, somewhere};
use crate::load::{Load, Run};
use crate::machine::Cpu;
use crate::rig::{LIMIT, PARTIES, Rig, Server, sql_file};
use crate::table::{Goal, Row, Table};
use crate::wire::{Wire, get, post};
use crate::{Plan, Told, say, streams};

const CONNECTIONS: usize = 32;
/// Of paid joins, each of which is three requests one after another.
const PAYING: usize = 8;
/// How long we wait for news to be passed on.
const PATIENCE: Duration = Duration::from_mins(2);

const READ: &str = "party read, uncached";
const HOT: &str = "party read, one party";
const NEARBY: &str = "nearby, 20 within 1 km";
const TILES: &str = "nearby, from tiles";
const JOIN: &str = "join";
const READ_SQL: &str = "pgbench: statement of the party read";
const NEARBY_SQL: &str = "pgbench: statement of nearby";
const JOIN_SQL: &str = "pgbench: statement of the join";
/// A commit waits for the disk, and many who wait share one.
const JOIN_SQL_MANY: &str = "pgbench: the same, 32 clients";
const SELECT: &str = "pgbench -S";
const CACHED: &str = "party read, cached";
const CACHED_HOT: &str = "party read, one party, cached";
const REDIS: &str = "redis-benchmark -P 1, GET";
const BARE: &str = "bare actix handler";

/// What is to be held; as far as it was measured it is said whether it is.
const GOALS: &[(&str, Goal)] = &[
    (CACHED, Goal::Of(REDIS, 80)),
    (CACHED, Goal::ServerUs(25)),
    (READ, Goal::Of(SELECT, 40)),
    (READ, Goal::ServerUs(60)),
    (NEARBY, Goal::Of(NEARBY_SQL, 80)),
    (TILES, Goal::PerSecond(20_000)),
    (JOIN, Goal::Of(JOIN_SQL, 90)),
    (JOIN, Goal::ServerUs(90)),
];

pub async fn all(plan: &Plan, rig: &Rig, data: &Data) -> Told<Table> {
    let mut table = Table::default();
    if plan.wants("livez") {
        let request = get("/livez", "");
        let row = ours(plan, rig, rig.api, "livez, no database", CONNECTIONS, async |wire, _| wire.ask(&request).await);
        table.add(row.await?.0);
    }
    if plan.wants("cached") {
        cached(plan, rig, data, &mut table).await?;
    }
    if plan.wants("read") {
        // A prime step, so that neighbours are not read one after another.
        let request = |n: u64| get(&format!("/v1/parties/{}", data.open.party(n * 7_919)), data.guest(n));
        table.add(ours(plan, rig, rig.api, READ, CONNECTIONS, async |wire, n| wire.ask(&request(n)).await).await?.0);
        table.add(
            rig.without_server(|| pgbench(plan, rig, READ_SQL, PARTIES[0], &scripted(data, "party_read.sql")?))?.0,
        );
    }
    if plan.wants("hot") {
        let path = format!("/v1/parties/{}", data.open.party(0));
        let request = |n: u64| get(&path, data.guest(n));
        table.add(ours(plan, rig, rig.api, HOT, CONNECTIONS, async |wire, n| wire.ask(&request(n)).await).await?.0);
    }
    if plan.wants("nearby") {
        let request = |n: u64| {
            let (lat, lng) = somewhere(n);
            get(&format!("/v1/parties?lat={lat}&lng={lng}&radius_m=1000"), data.guest(n))
        };
        table.add(ours(plan, rig, rig.api, NEARBY, CONNECTIONS, async |wire, n| wire.ask(&request(n)).await).await?.0);
        table
            .add(ours(plan, rig, rig.cached, TILES, CONNECTIONS, async |wire, n| wire.ask(&request(n)).await).await?.0);
        table.add(rig.without_server(|| pgbench(plan, rig, NEARBY_SQL, PARTIES[0], &scripted(data, "nearby.sql")?))?.0);
    }
    if plan.wants("streams") {
        streams::measure(plan, rig, data, &mut table).await?;
    }
    if plan.wants("join") {
        joins(plan, rig, data, &mut table).await?;
        for (name, clients) in [(JOIN_SQL, 4), (JOIN_SQL_MANY, CONNECTIONS)] {
            table.add(rig.without_server(|| pgbench_joins(plan, rig, data, name, clients))?);
        }
    }
    if plan.wants("paid") {
        let row = ours(plan, rig, rig.api, "paid join, through the simulator", PAYING, async |wire, n| {
            pay(rig, data, wire, n).await
        });
        table.add(row.await?.0);
        settle(rig).await?;
    }
    if plan.wants("limit") {
        rig.pgbench(LIMIT, &["-i", "-q", "-s", "10"])?;
        table.add(rig.without_server(|| pgbench(plan, rig, SELECT, LIMIT, &["-S".to_owned()]))?.0);
    }
    for (name, limit) in [
        (CACHED, REDIS),
        (CACHED, BARE),
        (READ, SELECT),
        (READ, READ_SQL),
        (NEARBY, NEARBY_SQL),
        (JOIN, JOIN_SQL),
        (JOIN, JOIN_SQL_MANY),
    ] {
        table.compare(name, limit);
    }
    for (name, goal) in GOALS {
        table.judge(name, *goal);
    }
    Ok(table)
}

/// Reads that Redis answers, beside what Redis and actix do by themselves.
async fn cached(plan: &Plan, rig: &Rig, data: &Data, table: &mut Table) -> Told<()> {
    // Few enough to be in Redis after the warming up, and for as long as they are kept there.
    let request = |n: u64| get(&format!("/v1/parties/{}", data.open.party(n % 500)), data.guest(n % 500));
    let row = ours(plan, rig, rig.cached, CACHED, CONNECTIONS, async |wire, n| wire.ask(&request(n)).await);
    table.add(row.await?.0);
    let path = format!("/v1/parties/{}", data.open.party(0));
    let request = |n: u64| get(&path, data.guest(n % 500));
    let row = ours(plan, rig, rig.cached, CACHED_HOT, CONNECTIONS, async |wire, n| wire.ask(&request(n)).await);
    table.add(row.await?.0);
    let request = get("/", "");
    let row = ours(plan, rig, rig.bare, BARE, CONNECTIONS, async |wire, _| wire.ask(&request).await);
    table.add(row.await?.0);
    say(REDIS);
    let (per_second, cpu) = (rig.redis_benchmark(CONNECTIONS)?, Cpu::default());
    table.add(Row { name: REDIS, per_second, took_us: None, cpu, refused: String::new() });
    Ok(())
}

/// One row of ours, after a short warming up.
async fn ours(
    plan: &Plan,
    rig: &Rig,
    server: Server,
    name: &'static str,
    connections: usize,
    work: impl AsyncFn(&mut Wire, u64) -> io::Result<u16>,
) -> Told<(Row, Run)> {
    say(name);
    let mut load = Load::connect(server.address, connections).await?;
    load.run(plan.span / 8, &work).await?;
    let before = rig.cpu(server);
    let run = load.run(plan.span, &work).await?;
    Ok((Row::of(name, &run, rig.cpu(server).since(before)), run))
}

/// Joins, and what follows from them: their news is passed on in the background.
async fn joins(plan: &Plan, rig: &Rig, data: &Data, table: &mut Table) -> Told<()> {
    settle(rig).await?;
    let body = json!({ "items": data::food() }).to_string();
    let request = |n: u64| {
        // Each round takes one seat of every party, by another guest in each.
        let (party, round) = (n % JOINED, n / JOINED);
        let path = format!("/v1/parties/{}/orders", data.open.party(party));
        post(&path, data.guest(party + round), &format!("join-{n}"), &body)
    };
    let (row, run) = ours(plan, rig, rig.api, JOIN, CONNECTIONS, async |wire, n| wire.ask(&request(n)).await).await?;
    table.add(row);
    let (left, began, before) = (waiting(rig)?, Instant::now(), rig.cpu(rig.api));
    settle(rig).await?;
    let Cpu { server, postgres, .. } = rig.cpu(rig.api).since(before).per(run.answers());
    table.note(format!(
        "news of joins: {left} of {} still to be passed on when the load ended; done {} ms later, for {server} µs of the \
         server and {postgres} µs of PostgreSQL more per join",
        run.answers(),
        began.elapsed().as_millis()
    ));
    if run.answers() >= JOINED * SEATS {
        table.note("joins: the parties were full before the time was up".to_owned());
    }
    Ok(())
}

/// Joins, authorizes in the provider's window and confirms: the status of the last request, or of the first that fails.
async fn pay(rig: &Rig, data: &Data, wire: &mut Wire, n: u64) -> io::Result<u16> {
    let (party, round) = (n % data.prepaid.count, n / data.prepaid.count);
    let guest = data.guest(party + round);
    let body = json!({ "items": data::food() }).to_string();
    let path = format!("/v1/parties/{}/orders", data.prepaid.party(party));
    let joined = wire.fetch(&post(&path, guest, &format!("paid-{n}"), &body)).await?;
    if joined.status != 201 {
        return Ok(joined.status);
    }
    let order: Value = serde_json::from_slice(&joined.body)?;
    let of_payment = |field: &str| order.get("payment").and_then(|payment| payment.get(field));
    let body = json!({"provider_order_id": of_payment("provider_order_id"), "amount_krw": of_payment("amount_krw")});
    let mut window = Wire::connect(rig.simulator).await?;
    let window = window.fetch(&post("/__sim/toss/authorize", "", "none", &body.to_string())).await?;
    let authorized: Value = serde_json::from_slice(&window.body)?;
    let body = json!({"payment_key": authorized.get("payment_key"), "amount_krw": of_payment("amount_krw")});
    let path = format!("/v1/payments/{}/confirmation", of_payment("id").and_then(Value::as_str).unwrap_or_default());
    wire.ask(&post(&path, guest, &format!("confirm-{n}"), &body.to_string())).await
}

fn waiting(rig: &Rig) -> Told<u64> {
    let mut sum = 0;
    for database in PARTIES {
        let count = rig.query(database, "select count(*) from outbox where relayed_at is null")?;
        sum += count.parse::<u64>().map_err(|error| error.to_string())?;
    }
    Ok(sum)
}

/// Until all news is passed on.
async fn settle(rig: &Rig) -> Told<()> {
    let began = Instant::now();
    while waiting(rig)? > 0 {
        if began.elapsed() > PATIENCE {
            return Err(format!("news is not passed on within {PATIENCE:?}."));
        }
        sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}

/// pgbench's arguments for a file of ours, on the first party database.
fn scripted(data: &Data, file: &str) -> Told<Vec<String>> {
    let (low, shards) = data.open.homes.first().copied().unwrap_or_default();
    let databases = PARTIES.len() as u64;
    let text = |time: time::OffsetDateTime| time.format(&Rfc3339).map_err(|error| error.to_string());
    let variables = [
        ("first", data.open.first.to_string()),
        ("copies", (OPEN / databases).to_string()),
        ("low", low.to_string()),
        ("shards", shards.to_string()),
        ("skip", (JOINED / databases).to_string()),
        ("n", "0".to_owned()),
        ("now", text(data::now())?),
        ("until", text(data::now() + time::Duration::minutes(5))?),
        ("food", "13000".to_owned()),
        ("items", data::food().to_string()),
        ("event", json!([{"kind": "joined", "user_id": "117440512000000001"}]).to_string()),
    ];
    let defined = variables.into_iter().flat_map(|(name, value)| ["-D".to_owned(), format!("{name}={value}")]);
    Ok(["-f".to_owned(), sql_file(file)].into_iter().chain(defined).collect())
}

fn pgbench(plan: &Plan, rig: &Rig, name: &'static str, database: &str, arguments: &[String]) -> Told<(Row, u64)> {
    say(name);
    let span = plan.span.as_secs().to_string();
    // A later -c counts.
    let mut all = vec!["-n", "-M", "prepared", "-c", "4", "-j", "2", "-T", &span];
    all.extend(arguments.iter().map(String::as_str));
    let before = rig.cpu(rig.api);
    let said = rig.pgbench(database, &all)?;
    let cpu = rig.cpu(rig.api).since(before);
    let after = |label: &str| {
        let line = said.lines().find_map(|line| line.strip_prefix(label))?;
        line.trim().split(['.', ' ', '/']).next()?.parse::<u64>().ok()
    };
    let transactions = after("number of transactions actually processed:").ok_or("pgbench counted nothing.")?;
    let failed = after("number of failed transactions:").unwrap_or_default();
    let row = Row {
        name,
        per_second: after("tps =").unwrap_or_default(),
        took_us: None,
        cpu: cpu.per(transactions),
        refused: if failed == 0 { String::new() } else { format!("{failed} failed") },
    };
    Ok((row, transactions))
}

/// Those of pgbench's joins that find their party full write nothing: the row says how many.
fn pgbench_joins(plan: &Plan, rig: &Rig, data: &Data, name: &'static str, clients: usize) -> Told<Row> {
    let seats = "select sum(seats_taken) from parties";
    let taken = || rig.query(PARTIES[0], seats)?.parse::<u64>().map_err(|error| error.to_string());
    let before = taken()?;
    let mut arguments = scripted(data, "join.sql")?;
    arguments.extend(["-c".to_owned(), clients.to_string(), "-D".to_owned(), format!("clients={clients}")]);
    let (mut row, transactions) = pgbench(plan, rig, name, PARTIES[0], &arguments)?;
    // Not for the server to pass on.
    rig.query(PARTIES[0], "update outbox set relayed_at = created_at where relayed_at is null")?;
    let in_vain = transactions.saturating_sub(taken()? - before);
    if in_vain > 0 {
        row.refused = format!("{in_vain} found no seat");
    }
    Ok(row)
}
