-- A party and everything that belongs to it. Every primary key begins with an id that carries the party's shard, so that a
-- move can filter rows by it.

create table parties (
    id bigint primary key,
    version bigint not null,
    host_id bigint not null,
    host_nickname text not null,
    host_trust smallint not null,
    state text not null
        constraint parties_state check (state in ('open', 'locked', 'placed', 'arrived', 'completed', 'cancelled')),
    title text not null,
    store jsonb not null,
    category text not null,
    -- The exact spot: for members alone, in no index.
    pickup jsonb not null,
    min_members smallint not null,
    capacity smallint not null,
    capacity_limit smallint not null,
    deadline_at timestamptz not null,
    -- Of a deadline that was moved under guests: how far it may ever go.
    latest_deadline_at timestamptz,
    auto_lock boolean not null,
    min_order_krw bigint not null,
    fee_tiers jsonb not null,
    discount_krw bigint not null,
    split text not null constraint parties_split check (split in ('even', 'proportional', 'host_pays', 'host_free')),
    settlement text not null constraint parties_settlement check (settlement in ('prepaid', 'transfer')),
    -- The host's account, encrypted.
    sealed_account text,
    quote jsonb,
    placement jsonb,
    reminders smallint not null,
    created_at timestamptz not null,
    locked_at timestamptz,
    arrived_at timestamptz,
    arrived_by text constraint parties_arrived_by check (arrived_by in ('host', 'guests', 'system')),
    ended_at timestamptz,
    cancel_reason text constraint parties_cancel_reason
        check (cancel_reason in ('host', 'deadline_unmet', 'placement_timeout', 'store', 'operator')),
    -- From here on derived from the above and from the orders, for the statements that do not load them.
    fee_max_krw bigint not null,
    -- A guest's cap; null where it depends on his food.
    fee_cap_krw bigint,
    member_ids bigint[] not null,
    kicked_ids bigint[] not null,
    seats_taken smallint not null,
    member_count smallint not null,
    food_total_krw bigint not null,
    -- The centre of the coarse cell: in degrees for people, on the plane for the index.
    area_lat double precision not null,
    area_lng double precision not null,
    area point not null,
    -- When the system has something to do with it.
    due_at timestamptz,
    constraint parties_seats check (seats_taken between 1 and capacity or state in ('completed', 'cancelled')),
    constraint parties_locked check (state in ('open', 'cancelled') or (locked_at is not null and quote is not null)),
    constraint parties_placed check (state in ('open', 'locked', 'cancelled') or placement is not null),
    constraint parties_ended check ((state in ('completed', 'cancelled')) = (ended_at is not null))
);

create index parties_due on parties (due_at) where due_at is not null;

-- Nearby search walks it in the order of distance.
create index parties_nearby on parties using gist (area) where state = 'open';

create table orders (
    id bigint primary key,
    party_id bigint not null references parties,
    user_id bigint not null,
    state text not null constraint orders_state check (
        state in ('held', 'joined', 'confirmed', 'picked_up', 'no_show', 'expired', 'left', 'kicked', 'cancelled')
    ),
    version bigint not null,
    items jsonb not null,
    food_krw bigint not null constraint orders_food check (food_krw >= 0),
    fee_cap_krw bigint constraint orders_fee_cap check (fee_cap_krw >= 0),
    owed_krw bigint constraint orders_owed check (owed_krw >= 0),
    held_until timestamptz,
    joined_at timestamptz,
    voted_at timestamptz,
    -- When the host said that he had not come, whatever was said after.
    no_show_at timestamptz,
    kick_reason text,
    transfer_state text constraint orders_transfer_state
        check (transfer_state in ('due', 'sent', 'received', 'disputed', 'unpaid')),
    transfer_sent_at timestamptz,
    -- When the host said that it had not come, whatever was said after.
    transfer_disputed_at timestamptz,
    created_at timestamptz not null
);

create index orders_party on orders (party_id);

-- One live order per member and party.
create unique index orders_live on orders (party_id, user_id)
where state in ('held', 'joined', 'confirmed', 'picked_up', 'no_show');

create table payments (
    id bigint primary key,
    party_id bigint not null references parties,
    order_id bigint not null references orders,
    kind text not null constraint payments_kind check (kind in ('join', 'top_up')),
    state text not null constraint payments_state check (
        state in (
            'ready', 'confirming', 'paid', 'declined', 'expired', 'cancelled', 'partially_refunded', 'refunded', 'review'
        )
    ),
    amount_krw bigint not null constraint payments_amount check (amount_krw > 0),
    captured_krw bigint not null constraint payments_captured check (captured_krw in (0, amount_krw)),
    attempt smallint not null,
    tries smallint not null,
    payment_key text,
    decline_code text,
    items jsonb,
    expires_at timestamptz not null,
    sent_at timestamptz,
    check_at timestamptz,
    checks smallint not null,
    paid_at timestamptz
);

create index payments_party on payments (party_id);
create index payments_due on payments (check_at) where check_at is not null;

create table refunds (
    id bigint primary key,
    party_id bigint not null references parties,
    payment_id bigint not null references payments,
    amount_krw bigint not null constraint refunds_amount check (amount_krw > 0),
    reason text not null,
    state text not null constraint refunds_state check (state in ('requested', 'sending', 'unknown', 'done', 'review')),
    tries smallint not null,
    send_at timestamptz,
    transaction_key text,
    requested_at timestamptz not null,
    done_at timestamptz
);

create index refunds_party on refunds (party_id);
create index refunds_due on refunds (send_at) where send_at is not null;

-- At most one of a payment is under way.
create unique index refunds_in_flight on refunds (payment_id) where state in ('sending', 'unknown');

create table disputes (
    id bigint primary key,
    party_id bigint not null references parties,
    order_id bigint not null references orders,
    kind text not null constraint disputes_kind check (kind in ('item_missing', 'not_handed_over', 'quality', 'other')),
    note text,
    amount_krw bigint,
    state text not null constraint disputes_state check (state in ('open', 'decided')),
    frozen_krw bigint not null constraint disputes_frozen check (frozen_krw >= 0),
    refund_krw bigint,
    decision_note text,
    opened_at timestamptz not null,
    decided_at timestamptz
);

create index disputes_party on disputes (party_id);
create unique index disputes_order on disputes (order_id);

create table payouts (
    id bigint primary key,
    party_id bigint not null references parties,
    amount_krw bigint not null constraint payouts_amount check (amount_krw >= 0),
    due_at timestamptz not null,
    paid_at timestamptz,
    note text
);

create index payouts_party on payouts (party_id);
create index payouts_unpaid on payouts (due_at) where paid_at is null;

-- Double entry, one row a leg: debits are positive, credits negative, and each transaction's legs sum to zero.
create table ledger (
    id bigint primary key,
    transaction_id bigint not null,
    party_id bigint not null references parties,
    account text not null constraint ledger_account
        check (account in ('provider', 'order', 'refunding', 'dispute', 'host', 'bank')),
    order_id bigint,
    kind text not null,
    source_id bigint not null,
    amount_krw bigint not null constraint ledger_amount check (amount_krw <> 0),
    created_at timestamptz not null
);

create index ledger_party on ledger (party_id);
create index ledger_transaction on ledger (transaction_id);

-- Nothing is booked twice.
create unique index ledger_source on ledger (source_id, kind, account);

create function ledger_balances() returns trigger language plpgsql as $$
begin
    if (select sum(amount_krw) from ledger where transaction_id = new.transaction_id) <> 0 then
        raise exception 'ledger transaction % does not sum to zero', new.transaction_id
            using errcode = 'check_violation', constraint = 'ledger_balanced';
    end if;
    return null;
end
$$;

create constraint trigger ledger_balanced after insert on ledger
deferrable initially deferred for each row execute function ledger_balances();

create function ledger_is_append_only() returns trigger language plpgsql as $$
begin
    raise exception 'the ledger is append-only' using errcode = 'check_violation', constraint = 'ledger_append_only';
end
$$;

create trigger ledger_append_only before update or delete on ledger
for each row execute function ledger_is_append_only();

-- What happened, one row a commit, for those who are told of it later.
create table outbox (
    party_id bigint not null references parties,
    version bigint not null,
    events jsonb not null,
    created_at timestamptz not null,
    relayed_at timestamptz,
    primary key (party_id, version)
);

create index outbox_pending on outbox (created_at) where relayed_at is null;

-- Answers to commands that must act once.
create table idempotency (
    party_id bigint not null,
    user_id bigint not null,
    route text not null,
    key text not null,
    fingerprint bytea not null,
    answer jsonb not null,
    created_at timestamptz not null,
    primary key (party_id, user_id, route, key)
);

create index idempotency_created on idempotency (created_at);

-- Hints of the payment provider, each once.
create table webhooks (
    payment_id bigint not null references payments,
    transmission_id text not null,
    -- Which of the payment's attempts it is about.
    attempt smallint not null,
    received_at timestamptz not null,
    handled_at timestamptz,
    primary key (payment_id, transmission_id)
);

create index webhooks_pending on webhooks (received_at) where handled_at is null;

-- The party with all that belongs to it, as one document. In PL/pgSQL, whose plans are kept: a function in SQL is planned
-- anew at each call, which takes four times as long as the work itself.
create function party_document(party bigint) returns json language plpgsql stable as $$
begin
    return (
        select json_build_object(
            'party', row_to_json(p),
            'orders', coalesce((
                select json_agg(o order by o.joined_at nulls last, o.id) from orders o where o.party_id = p.id
            ), '[]'),
            'payments', coalesce((select json_agg(x order by x.id) from payments x where x.party_id = p.id), '[]'),
            'refunds', coalesce((select json_agg(x order by x.id) from refunds x where x.party_id = p.id), '[]'),
            'disputes', coalesce((select json_agg(x order by x.id) from disputes x where x.party_id = p.id), '[]'),
            'payouts', coalesce((select json_agg(x order by x.id) from payouts x where x.party_id = p.id), '[]')
        )
        from parties p where p.id = party
    );
end
$$;

-- As above for one who is about to change it: nobody else does until the transaction ends. Each statement of a volatile
-- function sees what was committed before it, so the document is as new as the lock.
create function lock_party(party bigint) returns json language plpgsql volatile as $$
begin
    perform shard_fence(((party >> 10) & 8191)::int);
    perform from parties where id = party for update;
    return party_document(party);
end
$$;
