//! What clients have asked for, counted in Redis for all processes: the one thing that lives there alone. Losing it forgives.

use std::sync::LazyLock;

use redis::Script;

use crate::domain::limit::{Class, Quota, Standing};
use crate::storage::cache::Cache;
use crate::storage::cache::link::Away;

/// The debt of one client, kept as the time at which it is paid, in µs by Redis's clock. ARGV: interval, window, whether to charge.
/// More than a window is owed only by a clock that was set back, and forgiven.
static TAKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local t = redis.call('time')
local now = tonumber(t[1]) * 1000000 + tonumber(t[2])
local paid = tonumber(redis.call('get', KEYS[1]) or 0)
if paid < now or paid - now > tonumber(ARGV[2]) then paid = now end
local after = paid + tonumber(ARGV[1])
if after - now > tonumber(ARGV[2]) then return {0, paid - now} end
if ARGV[3] == '0' then return {1, paid - now} end
redis.call('set', KEYS[1], string.format('%.0f', after), 'px', math.ceil((after - now) / 1000))
return {1, after - now}",
    )
});

impl Cache {
    /// Counts one request of `who`, or only looks whether it would be allowed. Err: there is no Redis to ask.
    pub async fn take(&self, class: Class, who: &str, quota: Quota, charge: bool) -> Result<Standing, Away> {
        let link = self.0.link.as_ref().ok_or(Away)?;
        let mut take = TAKE.key(format!("l:{}:{who}", class.word()));
        take.arg(quota.interval_us()).arg(quota.window_us()).arg(u8::from(charge));
        let (is_allowed, debt_us) = link.run(&take).await?;
        Ok(quota.standing(is_allowed, debt_us))
    }
}
