//! The leases of id slots in the main database; what they promise is in `domain/id.rs`.

use sqlx::PgPool;
use uuid::Uuid;

use crate::domain::error::{Code, Error, Result};
use crate::domain::id::Lease;
use crate::storage::bounded;

/// How far ahead of the holder's clock a lease reaches.
pub const LEASE_MS: u64 = 10_000;

/// A slot whose lease ended this long ago, by the taker's clock, is thought to be without a holder.
const DEAD_AFTER_MS: i64 = 2_000;

pub struct Taken {
    pub lease: Lease,
    /// All slots had holders, so that one of them, alive or dead, has to take another.
    pub from_holder: bool,
}

/// Takes the free slot with the smallest `ts_upper` (released, or not renewed); when none is free, the smallest of all.
/// After 32 crashes within a lease there is none, and taking one from a living holder is safe: it sees at its next
/// renewal that the slot has gone.
pub async fn take(main: &PgPool, holder: Uuid, now_ms: u64) -> Result<Taken> {
    let now = signed(now_ms)?;
    let row = bounded(
        sqlx::query!(
            r#"
            with candidate as (
                select slot, ts_upper, holder is not null and ts_upper + $4 >= $2 as held from id_slots
                order by held, ts_upper, slot
                limit 1
                for update skip locked
            )
            update id_slots set holder = $1, ts_upper = greatest(candidate.ts_upper, $2) + $3
            from candidate where id_slots.slot = candidate.slot
            returning id_slots.slot, candidate.ts_upper as floor, id_slots.ts_upper as upper, candidate.held as "held!"
            "#,
            holder,
            now,
            signed(LEASE_MS)?,
            DEAD_AFTER_MS,
        )
        .fetch_optional(main),
    )
    .await?
    .ok_or_else(|| Error::internal(Code::Busy, "all id slots are being changed at this moment"))?;
    let lease = Lease {
        slot: u8::try_from(row.slot).map_err(broken)?,
        floor_ms: u64::try_from(row.floor).map_err(broken)?,
        upper_ms: u64::try_from(row.upper).map_err(broken)?,
    };
    Ok(Taken { lease, from_holder: row.held })
}

/// Moves the end of the lease to `upper_ms`, never back; none if the slot has another holder by now.
pub async fn renew(main: &PgPool, slot: u8, holder: Uuid, upper_ms: u64) -> Result<Option<u64>> {
    let upper = bounded(
        sqlx::query_scalar!(
            "update id_slots set ts_upper = greatest(ts_upper, $3) where slot = $1 and holder = $2 returning ts_upper",
            i16::from(slot),
            holder,
            signed(upper_ms)?,
        )
        .fetch_optional(main),
    )
    .await?;
    upper.map(u64::try_from).transpose().map_err(broken)
}

/// Lets others have the slot; its `ts_upper` stays.
pub async fn release(main: &PgPool, slot: u8, holder: Uuid) -> Result<()> {
    bounded(
        sqlx::query!("update id_slots set holder = null where slot = $1 and holder = $2", i16::from(slot), holder)
            .execute(main),
    )
    .await
    .map(drop)
}

fn signed(ms: u64) -> Result<i64> {
    i64::try_from(ms).map_err(broken)
}

fn broken(error: std::num::TryFromIntError) -> Error {
    Error::internal(Code::Internal, format_args!("a time or number in id_slots is out of range: {error}"))
}
