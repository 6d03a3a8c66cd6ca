-- What spans users and parties. The truth about a party is on its shard; here is what has to be unique across shards, and copies.

-- Which party a command was to make: fixed before it is made, so that a repeated command makes the same one.
create table creations (
    user_id bigint not null constraint creations_user references users,
    key text not null,
    fingerprint bytea not null,
    party_id bigint not null,
    created_at timestamptz not null,
    primary key (user_id, key)
);

create index creations_created on creations (created_at);

-- Who hosts which party: one slot, two with Plus. A reservation has an end until the party is made.
create table hosting (
    user_id bigint not null constraint hosting_user references users,
    slot smallint not null,
    party_id bigint not null constraint hosting_party unique,
    expires_at timestamptz,
    primary key (user_id, slot)
);

create index hosting_expires on hosting (expires_at) where expires_at is not null;

-- Copies of what a user's parties are, written from the outboxes; the newest version wins, whatever the order.
create table my_parties (
    user_id bigint not null constraint my_parties_user references users,
    party_id bigint not null,
    version bigint not null,
    -- Whether the user is in it now.
    live boolean not null,
    state text not null,
    summary jsonb not null,
    primary key (user_id, party_id)
);
