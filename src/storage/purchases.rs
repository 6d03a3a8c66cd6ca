//! SQL of purchases in app stores: whose they are, what is known of them, what they gave; every notification, once.

use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use crate::domain::Time;
use crate::domain::error::{Code, Error, Result};
use crate::domain::id::Id;
use crate::domain::purchase::grant::Grant;
use crate::domain::purchase::{Effect, Environment, Subscription};
use crate::domain::user::User;

/// What a purchase is known by: its first transaction, in one environment.
#[derive(Clone, Copy, Debug)]
pub struct Original<'a> {
    pub environment: Environment,
    pub transaction_id: &'a str,
}

/// What is known of a purchase.
pub struct Known {
    pub owner: Option<Id<User>>,
    pub subscription: Option<Subscription>,
}

/// The purchase, made if it is new: nobody else changes it until the transaction ends.
pub async fn lock(conn: &mut PgConnection, of: Original<'_>, product_id: &str, now: Time) -> Result<Known> {
    let row = sqlx::query!(
        r#"
        insert into purchases (environment, original_transaction_id, product_id, first_seen_at) values ($1, $2, $3, $4)
        on conflict (environment, original_transaction_id) do update set product_id = purchases.product_id
        returning user_id, subscription as "subscription: Json<Subscription>"
        "#,
        of.environment.word(),
        of.transaction_id,
        product_id,
        now,
    );
    let row = row.fetch_one(conn).await?;
    Ok(Known { owner: row.user_id.map(Id::from_raw), subscription: row.subscription.map(|Json(it)| it) })
}

/// Gives the purchase to a user, if it is nobody's.
pub async fn bind(conn: &mut PgConnection, of: Original<'_>, user: Id<User>) -> Result<()> {
    sqlx::query!(
        "update purchases set user_id = $3
         where environment = $1 and original_transaction_id = $2 and user_id is null",
        of.environment.word(),
        of.transaction_id,
        user.raw(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The user who made a purchase with this account token.
pub async fn buyer(conn: &mut PgConnection, account_token: Uuid) -> Result<Option<Id<User>>> {
    let id = sqlx::query_scalar!("select id from users where app_account_token = $1", account_token);
    Ok(id.fetch_optional(conn).await?.map(Id::from_raw))
}

pub async fn save_subscription(
    conn: &mut PgConnection,
    of: Original<'_>,
    product_id: &str,
    subscription: &Subscription,
) -> Result<()> {
    sqlx::query!(
        "update purchases set subscription = $3, product_id = $4
         where environment = $1 and original_transaction_id = $2",
        of.environment.word(),
        of.transaction_id,
        Json(subscription) as Json<&Subscription>,
        product_id,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What a single transaction has given.
pub async fn grant(conn: &mut PgConnection, environment: Environment, transaction_id: &str) -> Result<Option<Grant>> {
    let row = sqlx::query!(
        "select boosts, revoked_at, signed_at from grants where environment = $1 and transaction_id = $2",
        environment.word(),
        transaction_id,
    );
    row.fetch_optional(conn).await?.map(|row| granted(row.boosts, row.revoked_at, row.signed_at)).transpose()
}

pub async fn save_grant(
    conn: &mut PgConnection,
    of: Original<'_>,
    transaction_id: &str,
    product_id: &str,
    grant: &Grant,
    now: Time,
) -> Result<()> {
    sqlx::query!(
        "insert into grants (environment, transaction_id, original_transaction_id, product_id, boosts, revoked_at, signed_at,
             granted_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (environment, transaction_id) do update set
             revoked_at = excluded.revoked_at, signed_at = excluded.signed_at",
        of.environment.word(),
        transaction_id,
        of.transaction_id,
        product_id,
        i64::from(grant.boosts),
        grant.revoked_at,
        grant.signed_at,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The subscriptions of a user.
pub async fn subscriptions(conn: &mut PgConnection, user: Id<User>) -> Result<Vec<(Environment, Subscription)>> {
    let rows = sqlx::query!(
        r#"select environment, subscription as "subscription!: Json<Subscription>" from purchases
           where user_id = $1 and subscription is not null"#,
        user.raw(),
    );
    let rows = rows.fetch_all(conn).await?.into_iter();
    rows.map(|row| Ok((environment(&row.environment)?, row.subscription.0))).collect()
}

/// What the single purchases of a user have given.
pub async fn grants(conn: &mut PgConnection, user: Id<User>) -> Result<Vec<(Environment, Grant)>> {
    let rows = sqlx::query!(
        "select g.environment, g.boosts, g.revoked_at, g.signed_at
         from purchases p join grants g using (environment, original_transaction_id) where p.user_id = $1",
        user.raw(),
    );
    let rows = rows.fetch_all(conn).await?.into_iter();
    rows.map(|row| Ok((environment(&row.environment)?, granted(row.boosts, row.revoked_at, row.signed_at)?))).collect()
}

/// A notification as it is kept.
pub struct Notice<'a> {
    pub uuid: Uuid,
    pub environment: Environment,
    pub kind: &'a str,
    pub subtype: Option<&'a str>,
    pub effect: Effect,
    pub original_transaction_id: Option<&'a str>,
    pub transaction_id: Option<&'a str>,
    pub payload: &'a str,
    pub signed_at: Time,
}

/// Keeps a notification; false if it is known already.
pub async fn keep(conn: &mut PgConnection, notice: &Notice<'_>, now: Time) -> Result<bool> {
    let kept = sqlx::query!(
        "insert into app_store_notifications (notification_uuid, environment, kind, subtype, effect, original_transaction_id,
             transaction_id, changed, payload, signed_at, received_at)
         values ($1, $2, $3, $4, $5, $6, $7, false, $8, $9, $10)
         on conflict (notification_uuid) do nothing",
        notice.uuid,
        notice.environment.word(),
        notice.kind,
        notice.subtype,
        notice.effect.word(),
        notice.original_transaction_id,
        notice.transaction_id,
        notice.payload,
        notice.signed_at,
        now,
    );
    Ok(kept.execute(conn).await?.rows_affected() > 0)
}

/// Notes that a notification has changed something.
pub async fn changed(conn: &mut PgConnection, uuid: Uuid) -> Result<()> {
    sqlx::query!("update app_store_notifications set changed = true where notification_uuid = $1", uuid)
        .execute(conn)
        .await?;
    Ok(())
}

fn environment(word: &str) -> Result<Environment> {
    Environment::from_word(word)
        .ok_or_else(|| Error::internal(Code::Internal, "a purchase's row holds an unknown word"))
}

fn granted(boosts: i64, revoked_at: Option<Time>, signed_at: Time) -> Result<Grant> {
    let boosts = u32::try_from(boosts).map_err(|error| Error::internal(Code::Internal, error))?;
    Ok(Grant { boosts, revoked_at, signed_at })
}
