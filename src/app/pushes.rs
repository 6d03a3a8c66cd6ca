//! Telling people on their phones: the outbox's news become rows beside "my parties", and a job sends what is due, at least once
//! and under a name by which a phone shows it once.

use std::collections::HashMap;

use futures_util::StreamExt;
use jsonwebtoken::EncodingKey;
use secrecy::ExposeSecret;
use time::Duration;

use crate::app::{App, clock, parties};
use crate::config::{self, Config};
use crate::domain::Time;
use crate::domain::device::Platform;
use crate::domain::error::{Code, Error, Result};
use crate::domain::id::Id;
use crate::domain::party::Party;
use crate::domain::push::{self, Note, Push, WORTH, reminders};
use crate::domain::user::User;
use crate::stop_point;
use crate::storage::databases::Database;
use crate::storage::devices::{self, Device};
use crate::storage::messages;
use crate::storage::parties as stored_parties;
use crate::storage::pushes::{self, Outcome, Recipient, Waiting};
use crate::storage::using;
use crate::upstream::apns::{Apns, ApnsKey};
use crate::upstream::client::Deadline;
use crate::upstream::fcm::{Fcm, ServiceAccount};
use crate::upstream::{Fault, Receipt};

/// How many are sent at once.
const AT_ONCE: usize = 16;

/// The push services that are set up, one at least.
pub struct Pushers {
    apns: Option<Apns>,
    fcm: Option<Fcm>,
}

/// None when the settings name none.
pub fn open(config: &Config, keys: &config::keys::Keys) -> Result<Option<Pushers>> {
    let internal = |error| Error::internal(Code::Internal, error);
    let apns = match (&config.apns, &keys.apns) {
        (
            config::Apns {
                base_url: Some(base), key_id: Some(key_id), team_id: Some(team_id), topic: Some(topic), ..
            },
            Some(key),
        ) => {
            let key = EncodingKey::from_ec_pem(key.expose_secret()).map_err(internal)?;
            let key = ApnsKey { key_id: key_id.clone(), team_id: team_id.clone(), key };
            Some(Apns::new(base, topic, key, clock::real)?)
        }
        _ => None,
    };
    let fcm = match (&config.fcm.base_url, &keys.fcm) {
        (Some(base), Some(account)) => {
            let key = account.private_key.expose_secret().as_bytes();
            let account = ServiceAccount {
                project_id: account.project_id.clone(),
                client_email: account.client_email.clone(),
                key_id: account.private_key_id.clone(),
                key: EncodingKey::from_rsa_pem(key).map_err(internal)?,
                token_uri: account.token_uri.clone(),
            };
            Some(Fcm::new(base, account, clock::real)?)
        }
        _ => None,
    };
    for (platform, is_there) in [(Platform::Ios, apns.is_some()), (Platform::Android, fcm.is_some())] {
        if !is_there {
            tracing::info!(
                platform = platform.word(),
                "no push service is set up for this platform: its phones are told nothing"
            );
        }
    }
    Ok((apns.is_some() || fcm.is_some()).then_some(Pushers { apns, fcm }))
}

/// What the news of these parties tell people.
pub(super) async fn told(app: &App, database: &Database, parties: &[Id<Party>]) -> Result<Vec<Push>> {
    if app.pushers.is_none() {
        return Ok(Vec::new());
    }
    let (mut news, parties) = using(&database.pool(), async |conn| {
        let news = pushes::news(conn, parties).await?;
        Ok((news, stored_parties::find_all(conn, parties).await?))
    })
    .await?;
    let now = app.clock.now();
    let mut told = Vec::new();
    for party in &parties {
        let commits: Vec<_> = news.extract_if(.., |(of, _)| *of == party.id).map(|(_, commit)| commit).collect();
        told.extend(push::told(party, &commits, now));
    }
    Ok(told)
}

/// Has those told who have not read what was said in their parties; says how many messages that were.
pub async fn tell_messages(app: &App, limit: i64) -> Result<usize> {
    if app.pushers.is_none() {
        return Ok(0);
    }
    let mut count = 0;
    for database in app.databases.party_databases() {
        count += database.done(tell_messages_of(app, database, limit).await);
    }
    Ok(count)
}

async fn tell_messages_of(app: &App, database: &Database, limit: i64) -> Result<usize> {
    let now = app.clock.now();
    let (untold, parties) = using(&database.pool(), async |conn| {
        let untold = messages::untold(conn, now - WORTH, limit).await?;
        let mut parties: Vec<Id<Party>> = untold.iter().map(|message| message.party_id).collect();
        parties.sort_unstable();
        parties.dedup();
        Ok((untold, stored_parties::find_all(conn, &parties).await?))
    })
    .await?;
    let of = |message: &messages::Untold| {
        let party = parties.iter().find(|party| party.id == message.party_id);
        party.map(|party| push::told_of_message(party, message.user_id, message.created_at, &message.read_by))
    };
    let told: Vec<Push> = untold.iter().filter_map(of).flatten().collect();
    using(&app.databases.main(), async |main| pushes::insert(main, &told, now).await).await?;
    stop_point!("messages.told");
    let ids: Vec<_> = untold.iter().map(|message| message.id).collect();
    if !ids.is_empty() {
        using(&database.pool(), async |conn| messages::told(conn, &ids, now).await).await?;
        app.news.pushes.ring();
    }
    Ok(ids.len())
}

/// Sends what is due; says how many were looked at.
pub async fn send_due(app: &App, limit: i64) -> Result<usize> {
    let Some(pushers) = &app.pushers else { return Ok(0) };
    let now = app.clock.now();
    let due = using(&app.databases.main(), async |main| pushes::due(main, now, limit).await).await?;
    let count = due.len();
    let mut of_users: HashMap<Id<User>, Vec<Waiting>> = HashMap::new();
    for push in due {
        of_users.entry(push.user_id).or_default().push(push);
    }
    // Each hears his own in the order in which it happened.
    futures_util::stream::iter(of_users.into_values())
        .for_each_concurrent(AT_ONCE, async |own| {
            for push in own {
                see_to_one(app, pushers, &push).await;
            }
        })
        .await;
    Ok(count)
}

async fn see_to_one(app: &App, pushers: &Pushers, push: &Waiting) {
    let outcome = match see_to(app, pushers, push).await {
        Ok(seen) => seen.word(),
        Err(error) => {
            tracing::warn!(?error, push = push.id, "a push was not seen to; it is tried again");
            "failed"
        }
    };
    metrics::counter!("nbbang_pushes_total", "kind" => push.kind.word(), "outcome" => outcome).increment(1);
}

/// What one look at a push comes to.
enum Seen {
    Ended(Outcome),
    Deferred,
    Later,
}

impl Seen {
    const fn word(&self) -> &'static str {
        match self {
            Self::Ended(outcome) => outcome.word(),
            Self::Deferred => "deferred",
            Self::Later => "later",
        }
    }
}

async fn see_to(app: &App, pushers: &Pushers, push: &Waiting) -> Result<Seen> {
    let now = app.clock.now();
    let main = app.databases.main();
    let recipient = using(&main, async |main| pushes::recipient(main, push).await).await?;
    let verdict = match &recipient {
        None => Verdict::End(Outcome::NoDevice),
        Some(recipient) => judge(app, push, recipient, now).await?,
    };
    let (recipient, facts) = match (verdict, recipient) {
        (Verdict::Tell(facts), Some(recipient)) => (recipient, facts),
        (Verdict::Defer(until), _) => {
            let expires_at = until + WORTH;
            using(&main, async |main| pushes::defer(main, push, until, expires_at, now).await).await?;
            return Ok(Seen::Deferred);
        }
        (Verdict::End(outcome), _) => return end(app, push, &push.reached, outcome, now).await,
        (Verdict::Tell(_), None) => return end(app, push, &push.reached, Outcome::NoDevice, now).await,
    };
    let (title, body) = push.kind.words(&facts, recipient.language);
    let note = Note {
        title,
        body,
        kind: push.kind,
        party_id: push.party_id,
        order_id: facts.order_id,
        collapse_id: format!("{}-{}", push.subject_id, push.kind.word()),
        is_urgent: push.kind.is_urgent(),
        lives_for: push.expires_at - now,
    };
    let delivery = deliver(app, pushers, push, &recipient.devices, &note).await?;
    stop_point!("push.sent");
    if delivery.is_unfinished {
        let next_at = now + push::pause(push.tries).max(delivery.wait.unwrap_or_default());
        using(&main, async |main| pushes::later(main, push, &delivery.reached, next_at).await).await?;
        return Ok(Seen::Later);
    }
    let outcome = if !delivery.reached.is_empty() {
        Outcome::Sent
    } else if delivery.is_refused {
        Outcome::Refused
    } else {
        Outcome::NoDevice
    };
    end(app, push, &delivery.reached, outcome, now).await
}

async fn end(app: &App, push: &Waiting, reached: &[String], outcome: Outcome, now: Time) -> Result<Seen> {
    using(&app.databases.main(), async |main| pushes::end(main, push, reached, outcome, now).await).await?;
    Ok(Seen::Ended(outcome))
}

enum Verdict {
    Tell(push::Facts),
    Defer(Time),
    End(Outcome),
}

async fn judge(app: &App, push: &Waiting, recipient: &Recipient, now: Time) -> Result<Verdict> {
    if now >= push.expires_at {
        // What has reached one of two phones was sent.
        return Ok(Verdict::End(if push.reached.is_empty() { Outcome::Late } else { Outcome::Sent }));
    }
    if !recipient.chosen.wants(push.kind.topic()) {
        return Ok(Verdict::End(Outcome::Unwanted));
    }
    if recipient.is_apart {
        return Ok(Verdict::End(Outcome::Apart));
    }
    if recipient.devices.is_empty() {
        return Ok(Verdict::End(Outcome::NoDevice));
    }
    let quiet_until = recipient.chosen.quiet_hours.and_then(|hours| hours.end(now));
    if let Some(until) = quiet_until.filter(|_| !push.kind.is_urgent()) {
        // A reminder does not keep, and nothing waits for two nights.
        let keeps = !push.kind.is_planned() && !push.deferred;
        return Ok(if keeps { Verdict::Defer(until) } else { Verdict::End(Outcome::Quiet) });
    }
    if !push.kind.is_planned() {
        return Ok(Verdict::Tell(push.facts.clone()));
    }
    let still = match parties::find(app, push.party_id).await {
        Ok(party) => reminders::still(&party, push.kind, push.subject_id, push.edition),
        Err(error) if error.code == Code::NotFound => None,
        Err(error) => return Err(error),
    };
    Ok(still.map_or(Verdict::End(Outcome::Moot), Verdict::Tell))
}

/// What came of sending a note to all phones of a user.
struct Delivery {
    /// Those that have it, from earlier tries too.
    reached: Vec<String>,
    /// Some have to be tried again, after this at the earliest.
    is_unfinished: bool,
    wait: Option<Duration>,
    is_refused: bool,
}

async fn deliver(app: &App, pushers: &Pushers, push: &Waiting, to: &[Device], note: &Note) -> Result<Delivery> {
    let mut delivery = Delivery { reached: push.reached.clone(), is_unfinished: false, wait: None, is_refused: false };
    for device in to.iter().filter(|device| !push.reached.contains(&device.device_id)) {
        let deadline = Deadline::within(app.config.patience.background);
        let sent = match (device.platform, &pushers.apns, &pushers.fcm) {
            (Platform::Ios, Some(apns), _) => apns.send(&device.push_token, note, deadline).await,
            (Platform::Android, _, Some(fcm)) => fcm.send(&device.push_token, note, deadline).await,
            _ => continue,
        };
        match sent {
            Ok(Receipt::Taken) => delivery.reached.push(device.device_id.clone()),
            Ok(Receipt::Gone { since }) => {
                using(&app.databases.main(), async |main| devices::forget(main, device, since).await).await?;
            }
            Ok(Receipt::Unfit(code)) => {
                tracing::warn!(platform = device.platform.word(), code, "a push service cannot use a push");
                delivery.is_refused = true;
            }
            Err(fault) => {
                if let Fault::Refused(code) = &fault {
                    tracing::error!(platform = device.platform.word(), code, "a push service refuses us");
                }
                let wait = match fault {
                    Fault::Busy { retry_after_ms: Some(ms) } => {
                        Some(Duration::milliseconds(i64::try_from(ms).unwrap_or(i64::MAX)))
                    }
                    _ => None,
                };
                delivery.is_unfinished = true;
                delivery.wait = delivery.wait.max(wait);
            }
        }
    }
    Ok(delivery)
}
