-- What happens in a party's room, in order: each commit that changes it, and each message, has the next number of the party,
-- taken under the party's row lock, so that whoever sees a number has seen all before it.

-- Null: nothing has been numbered yet.
alter table parties add column last_seq bigint;
alter table outbox add column seq bigint;
-- Of none of the rows that there are, so it is made in a moment.
create unique index outbox_seq on outbox (party_id, seq) where seq is not null;

create table messages (
    id bigint primary key,
    party_id bigint not null references parties,
    seq bigint not null,
    user_id bigint not null,
    text text not null,
    -- The app's own name for it, which comes back with it.
    client_key text not null,
    -- The idempotency key; a message is its own answer.
    key text not null,
    fingerprint bytea not null,
    created_at timestamptz not null,
    -- When the others' phones were told.
    told_at timestamptz,
    constraint messages_seq unique (party_id, seq),
    constraint messages_client_key unique (party_id, user_id, client_key),
    constraint messages_key unique (party_id, user_id, key)
);

create index messages_created on messages (created_at);
create index messages_untold on messages (created_at) where told_at is null;
create index messages_user on messages (user_id);

-- How far each member has read, and when he was last there; written back in batches, so some seconds of it may be lost.
create table reads (
    party_id bigint not null references parties,
    user_id bigint not null,
    seq bigint not null,
    seen_at timestamptz not null,
    primary key (party_id, user_id)
);

create index reads_seen on reads (seen_at);
