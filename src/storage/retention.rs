//! What is kept for how long, as one table: each row is a thing, its time, and the statement that forgets what has had it.
//! `docs/OPERATIONS.md` shows the same table, and a test compares them. When it is done is the app's to say.

use std::future::Future;
use std::pin::Pin;

use sqlx::PgConnection;
use time::Duration;

use crate::domain::Time;
use crate::domain::error::Result;
use crate::storage::migrate::Set;

/// How many rows one statement deletes, so that none takes long or holds many locks.
pub const BATCH: i64 = 1000;

/// How long a thing is kept.
pub struct Rule {
    /// As in the sentence "… is kept for 7 days after it was passed on".
    pub what: &'static str,
    pub period: Duration,
    pub since: &'static str,
    /// Where its rows are.
    pub set: Set,
    pub clock: Clock,
    pub sql: &'static str,
    forget: Forget,
}

/// By which clock its rows are dated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    Rules,
    /// Of tokens and sessions.
    Real,
}

type Forget = for<'a> fn(&'a mut PgConnection, Time) -> Pin<Box<dyn Future<Output = sqlx::Result<u64>> + Send + 'a>>;

impl Rule {
    /// Deletes up to [`BATCH`] of what had its time before `now`, and says how many rows that were. What another process is just
    /// deleting is left to it.
    pub async fn forget(&self, conn: &mut PgConnection, now: Time) -> Result<u64> {
        Ok((self.forget)(conn, now - self.period).await?)
    }
}

/// `set, thing: time since when, by which clock; the statement`, of which `$1` is the moment before which it began and `$2` the
/// most that it deletes.
macro_rules! kept {
    ($($set:ident, $what:literal: $period:expr, $since:literal, $clock:ident; $sql:literal)*) => {
        pub const RULES: &[Rule] = &[$(Rule {
            what: $what,
            period: $period,
            since: $since,
            set: Set::$set,
            clock: Clock::$clock,
            sql: $sql,
            forget: |conn, before| Box::pin(async move {
                sqlx::query!($sql, before, BATCH).execute(conn).await.map(|done| done.rows_affected())
            }),
        }),*];
    };
}

// Of a party database no statement passes the fence: what is copied to another one during a move has its time there too.
kept! {
    Party, "idempotency keys of parties, with their answers": Duration::hours(24), "the command", Rules;
    "delete from idempotency where ctid = any (array(
         select ctid from idempotency where created_at < $1 order by created_at limit $2 for update skip locked))"

    // They are lines of the chat as well.
    Party, "events in the outbox": Duration::days(90), "they were passed on, and the end of the party", Rules;
    "delete from outbox where ctid = any (array(
         select ctid from outbox o
         where relayed_at < $1 and (select p.ended_at from parties p where p.id = o.party_id) < $1
         order by relayed_at limit $2 for update skip locked))"

    Party, "messages": Duration::days(90), "the end of the party", Rules;
    "delete from messages where ctid = any (array(
         select ctid from messages m
         where created_at < $1 and (select p.ended_at from parties p where p.id = m.party_id) < $1
         order by created_at limit $2 for update skip locked))"

    Party, "how far members have read": Duration::days(90), "the end of the party, and they were last there", Rules;
    "delete from reads where ctid = any (array(
         select ctid from reads r
         where seen_at < $1 and (select p.ended_at from parties p where p.id = r.party_id) < $1
         order by seen_at limit $2 for update skip locked))"

    // Toss repeats a hint for four days.
    Party, "hints of Toss": Duration::days(30), "they were followed up", Rules;
    "delete from webhooks where ctid = any (array(
         select ctid from webhooks where handled_at < $1 order by handled_at limit $2 for update skip locked))"

    Main, "idempotency keys of parties that were opened": Duration::hours(24), "the command", Rules;
    "delete from creations where ctid = any (array(
         select ctid from creations where created_at < $1 order by created_at limit $2 for update skip locked))"

    Main, "idempotency keys outside of parties, with their answers": Duration::hours(24), "the command", Rules;
    "delete from main_idempotency where ctid = any (array(
         select ctid from main_idempotency where created_at < $1 order by created_at limit $2 for update skip locked))"

    // Sessions go with their last token. The day is for a refresh that began in time.
    Main, "refresh tokens, and sessions without one": Duration::days(1), "they expired", Real;
    "with gone as (
         delete from refresh_tokens where ctid = any (array(
             select ctid from refresh_tokens where expires_at < $1 order by expires_at limit $2 for update skip locked))
         returning hash, session_id
     ), over as (
         delete from sessions where id = any (array(
             select id from sessions s where id in (select session_id from gone) and not exists (
                 select from refresh_tokens t where t.session_id = s.id and t.hash not in (select hash from gone))
             for update skip locked))
     )
     select from gone"

    // Access tokens live for 15 minutes.
    Main, "ends of sessions, for the access tokens that are left": Duration::hours(1), "the end", Real;
    "delete from ended_sessions where ctid = any (array(
         select ctid from ended_sessions where ended_at < $1 order by ended_at limit $2 for update skip locked))"

    // As long as the events that they came from: news that is passed on twice must find them.
    Main, "pushes": Duration::days(7), "they were worth nothing any more", Rules;
    "delete from pushes where ctid = any (array(
         select ctid from pushes where expires_at < $1 order by expires_at limit $2 for update skip locked))"

    // At least six months by article 16(2) of the Location Information Act; no six months are longer than 184 days.
    Main, "the record of the use of positions, without the positions": Duration::days(184), "the use", Rules;
    "delete from location_uses where ctid = any (array(
         select ctid from location_uses where used_at < $1 order by used_at limit $2 for update skip locked))"

    // Complaints of consumers: three years by article 6 of the Enforcement Decree of the E-Commerce Act.
    Main, "reports of users": Duration::days(3 * 365 + 1), "the decision", Rules;
    "delete from reports where ctid = any (array(
         select ctid from reports where decided_at < $1 order by decided_at limit $2 for update skip locked))"

    // A while longer than they are good, so that whoever follows one late hears that it is over, and not that it never was.
    Main, "invitations": Duration::days(7), "they expired", Rules;
    "delete from invitations where ctid = any (array(
         select ctid from invitations where expires_at < $1 order by expires_at limit $2 for update skip locked))"

    // Decisions about complaints as above; access of staff to personal data, which they record as well, two years.
    Main, "the record of what operators did": Duration::days(3 * 365 + 1), "the act", Real;
    "delete from operator_acts where ctid = any (array(
         select ctid from operator_acts where at < $1 order by at limit $2 for update skip locked))"
}
