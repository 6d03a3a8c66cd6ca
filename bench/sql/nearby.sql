-- pgbench: the statement of `nearest` in src/storage/listings.rs, for the first 20 within 1 km of any place; the box as
-- `plane_box` in src/domain/geo.rs makes it at that latitude.
\set north random(0, 100000)
\set east random(0, 150000)
\set y 37.48 + :north / 1000000.0
\set x (126.9 + :east / 1000000.0) * 0.8038568606172173
\set left :x - 0.00912
\set right :x + 0.00912
\set low :y - 0.00900
\set high :y + 0.00900
select * from (
    select id, version, title, store as "store: Json<Store>", area_lat, area_lng, state, host_id, host_nickname,
        host_trust, member_count, seats_taken, capacity, min_members, min_order_krw, food_total_krw, fee_max_krw,
        fee_cap_krw, fee_tiers as "fee_tiers: Json<Vec<FeeTier>>", deadline_at, settlement, split, created_at,
        area <-> point(:x, :y) as distance
    from parties
    where state = 'open' and area <@ box(point(:left, :low), point(:right, :high))
        and deadline_at > :now::timestamptz and (null::text is null or category = null::text)
        and not member_ids && '{}'::bigint[]
        and (
            null::float8 is null or area <-> point(:x, :y) > null::float8
            or (area <-> point(:x, :y) = null::float8 and id > null::bigint)
        )
    order by area <-> point(:x, :y)
    fetch first 21 rows with ties
) nearest
order by distance, id
limit 21;
