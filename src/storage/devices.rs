//! SQL of users' phones.

use sqlx::PgConnection;

use crate::domain::Time;
use crate::domain::device::{DeviceId, MOST, Platform};
use crate::domain::error::{Code, Error, Result};
use crate::domain::id::Id;
use crate::domain::user::User;
use crate::storage::auth::Session;
use crate::storage::{bounded, tx::Tx};

/// A phone and how it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    pub device_id: String,
    pub platform: Platform,
    pub push_token: String,
    /// By the real clock.
    pub registered_at: Time,
}

/// Registers a phone of a user, which whoever had it before loses. False when the session is over.
pub async fn put(
    tx: &mut Tx,
    (user, session): (Id<User>, Id<Session>),
    device: &DeviceId,
    (platform, push_token): (Platform, &str),
    now: Time,
) -> Result<bool> {
    // A sign-out at the same moment comes before or after; so does the same phone in another's hand.
    let signed_in = sqlx::query!(
        "select from sessions where id = $1 and user_id = $2 and revoked_at is null for share",
        session.raw(),
        user.raw(),
    );
    if bounded(signed_in.fetch_optional(&mut **tx)).await?.is_none() {
        return Ok(false);
    }
    let one_by_one = sqlx::query!("select from users where id = $1 for no key update", user.raw());
    bounded(one_by_one.execute(&mut **tx)).await?;
    let alone = sqlx::query!("select pg_advisory_xact_lock(hashtextextended($1, 1030))", push_token);
    bounded(alone.execute(&mut **tx)).await?;
    let taken_over = sqlx::query!(
        "delete from devices where platform = $1 and push_token = $2 and (user_id, device_id) <> ($3, $4)",
        platform.word(),
        push_token,
        user.raw(),
        device.as_str(),
    );
    bounded(taken_over.execute(&mut **tx)).await?;
    let put = sqlx::query!(
        "insert into devices (user_id, device_id, session_id, platform, push_token, registered_at)
         values ($1, $2, $3, $4, $5, $6)
         on conflict (user_id, device_id) do update set
             session_id = excluded.session_id, platform = excluded.platform, push_token = excluded.push_token,
             registered_at = excluded.registered_at",
        user.raw(),
        device.as_str(),
        session.raw(),
        platform.word(),
        push_token,
        now,
    );
    bounded(put.execute(&mut **tx)).await?;
    let too_many = sqlx::query!(
        "delete from devices where user_id = $1 and device_id in (
             select device_id from devices where user_id = $1 order by registered_at desc, device_id offset $2)",
        user.raw(),
        MOST,
    );
    bounded(too_many.execute(&mut **tx)).await?;
    Ok(true)
}

pub async fn delete(conn: &mut PgConnection, user: Id<User>, device: &DeviceId) -> Result<()> {
    let delete = sqlx::query!("delete from devices where user_id = $1 and device_id = $2", user.raw(), device.as_str());
    bounded(delete.execute(conn)).await?;
    Ok(())
}

/// Forgets a phone that its push service does not know any more, unless it was registered again after that became so.
pub async fn forget(conn: &mut PgConnection, device: &Device, gone_since: Option<Time>) -> Result<bool> {
    let forget = sqlx::query!(
        "delete from devices
         where platform = $1 and push_token = $2 and registered_at = $3 and registered_at <= coalesce($4, registered_at)",
        device.platform.word(),
        device.push_token,
        device.registered_at,
        gone_since,
    );
    Ok(bounded(forget.execute(conn)).await?.rows_affected() == 1)
}

/// Those of a user that are signed in, in the order of their names.
pub async fn of(conn: &mut PgConnection, user: Id<User>) -> Result<Vec<Device>> {
    let rows = sqlx::query!(
        "select d.device_id, d.platform, d.push_token, d.registered_at
         from devices d join sessions s on s.id = d.session_id
         where d.user_id = $1 and s.revoked_at is null
         order by d.device_id",
        user.raw(),
    );
    let unknown = || Error::internal(Code::Internal, "a device of an unknown platform");
    let rows = bounded(rows.fetch_all(conn)).await?.into_iter();
    rows.map(|row| {
        Ok(Device {
            device_id: row.device_id,
            platform: Platform::from_word(&row.platform).ok_or_else(unknown)?,
            push_token: row.push_token,
            registered_at: row.registered_at,
        })
    })
    .collect()
}
