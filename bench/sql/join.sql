-- pgbench: the statement of `join` in src/storage/orders.rs. All clients together go through the copies of
-- this database, from :skip on, a new user each time.
\set n :n + 1
\set i :skip + (:n * :clients + :client_id) % (:copies - :skip)
\set shard :low + :i % :shards
\set party (:first + :i) * 8388608 + :shard * 1024 + 1023
\set user random(1, 1000000000000000)
\set order random(1, 500000000000) * 8388608 + :shard * 1024
with fence as materialized (select :party::bigint as party from shard_fence(:shard::int)),
seat as (
    update parties p set
        version = p.version + 1,
        last_seq = coalesce(p.last_seq, 0) + 1,
        seats_taken = p.seats_taken + 1,
        member_ids = p.member_ids || :user::bigint,
        member_count = p.member_count + case when p.settlement = 'prepaid' then 0 else 1 end,
        food_total_krw = p.food_total_krw + case when p.settlement = 'prepaid' then 0 else :food::bigint end,
        due_at = case
            when p.settlement = 'prepaid' then least(p.due_at, :until::timestamptz)
            when p.auto_lock and p.member_count + 1 >= p.min_members
                and p.food_total_krw + :food::bigint >= p.min_order_krw then :now::timestamptz
            else p.due_at
        end
    from fence
    where p.id = fence.party and p.state = 'open' and p.deadline_at > :now::timestamptz and p.seats_taken < p.capacity
        and :user::bigint <> all (p.member_ids) and :user::bigint <> all (p.kicked_ids)
        and not p.member_ids && '{}'::bigint[]
        and (
            p.settlement <> 'prepaid'
            or :food::bigint + coalesce(p.fee_cap_krw, p.fee_max_krw * :food::bigint / greatest(p.min_order_krw, :food::bigint)) >= 200::bigint
        )
        and 3::bigint > (
            select count(*) from orders o
            where o.party_id = :party::bigint and o.user_id = :user::bigint and o.state = 'expired'
        )
        and not exists (
            select from idempotency i
            where i.party_id = :party::bigint and i.user_id = :user::bigint and i.route = 'POST /v1/parties/{id}/orders'
                and i.key = :order::text
        )
    returning
        p.id, p.version, p.last_seq, p.settlement = 'prepaid' as prepaid, p.store ->> 'name' as order_name,
        coalesce(p.fee_cap_krw, p.fee_max_krw * :food::bigint / greatest(p.min_order_krw, :food::bigint)) as cap, p.due_at <= :now::timestamptz as lock
),
seated as (
    insert into orders (
        id, party_id, user_id, state, version, items, food_krw, fee_cap_krw, held_until, joined_at, created_at
    )
    select
        :order::bigint, id, :user::bigint, case when prepaid then 'held' else 'joined' end, version, :items::jsonb,
        :food::bigint, cap, case when prepaid then :until::timestamptz end,
        case when prepaid then null else :now::timestamptz end, :now::timestamptz
    from seat
    returning *
),
to_pay as (
    insert into payments (
        id, party_id, order_id, kind, state, amount_krw, captured_krw, attempt, tries, expires_at, checks
    )
    select
        :order::bigint, id, :order::bigint, 'join', 'ready', :food::bigint + cap, 0, 1, 0, :until::timestamptz, 0
    from seat where prepaid
    returning *
),
told as (
    insert into outbox (party_id, version, seq, events, created_at)
    select
        id, version, last_seq, case when prepaid then :event::jsonb else :event::jsonb end, :now::timestamptz
    from seat
),
answer as (
    select json_build_object(
        'order', (select row_to_json(seated) from seated), 'payment', (select row_to_json(to_pay) from to_pay),
        'order_name', (select order_name from seat)
    ) as seat
),
kept as (
    insert into idempotency (party_id, user_id, route, key, fingerprint, answer, created_at)
    select
        seat.id, :user::bigint, 'POST /v1/parties/{id}/orders', :order::text,
        '\x9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'::bytea, answer.seat, :now::timestamptz
    from seat, answer
)
select answer.seat as "seat!: Json<Seat>", coalesce(seat.lock, false) as "lock!" from seat, answer;
