-- pgbench: the statement of `find` in src/storage/listings.rs, for any of the copies in this database.
\set i random(0, :copies - 1)
\set party (:first + :i) * 8388608 + (:low + :i % :shards) * 1024 + 1023
select id, version, title, store as "store: Json<Store>", area_lat, area_lng, state, host_id, host_nickname,
    host_trust, member_count, seats_taken, capacity, min_members, min_order_krw, food_total_krw, fee_max_krw,
    fee_cap_krw, fee_tiers as "fee_tiers: Json<Vec<FeeTier>>", deadline_at, settlement, split, created_at,
    null::float8 as distance
from parties where id = :party and not member_ids && '{}'::bigint[];
