-- What users bought in app stores, and what they spent of it. A purchase counts by its row alone, never by the token that told
-- of it: the same one comes in many tokens.

-- Answers to commands outside of parties that must act once; null while the command is under way.
create table main_idempotency (
    user_id bigint not null constraint main_idempotency_user references users,
    route text not null,
    key text not null,
    fingerprint bytea not null,
    answer jsonb,
    created_at timestamptz not null,
    primary key (user_id, route, key)
);

create index main_idempotency_created on main_idempotency (created_at);

-- One original transaction: a subscription with all its renewals, or a single purchase.
create table purchases (
    environment text not null constraint purchases_environment check (environment in ('production', 'sandbox')),
    original_transaction_id text not null,
    product_id text not null,
    -- Whose it is, for ever; null while nobody has claimed it.
    user_id bigint constraint purchases_user references users,
    -- Of a subscription: the newest that the store has said of it.
    subscription jsonb,
    first_seen_at timestamptz not null,
    primary key (environment, original_transaction_id)
);

create index purchases_user on purchases (user_id) where user_id is not null;

-- What single purchases gave, each transaction once. Revoked: its money went back.
create table grants (
    environment text not null,
    transaction_id text not null,
    original_transaction_id text not null,
    product_id text not null,
    boosts bigint not null constraint grants_boosts check (boosts between 1 and 4294967295),
    revoked_at timestamptz,
    -- When the store signed the newest that is known of it.
    signed_at timestamptz not null,
    granted_at timestamptz not null,
    primary key (environment, transaction_id),
    constraint grants_purchase foreign key (environment, original_transaction_id) references purchases
);

create index grants_purchase on grants (environment, original_transaction_id);

-- Every notification of the store that was verified, once, with what it asked of us and as it came.
create table app_store_notifications (
    notification_uuid uuid primary key,
    environment text not null,
    kind text not null,
    subtype text,
    effect text not null,
    original_transaction_id text,
    transaction_id text,
    -- Whether it changed anything: what is older than what is known does not.
    changed boolean not null,
    payload text not null,
    signed_at timestamptz not null,
    received_at timestamptz not null
);

create index app_store_notifications_purchase on app_store_notifications (environment, original_transaction_id)
where original_transaction_id is not null;

-- Boosts that were spent, each before its party was lifted. Two of one party that follow one another begin in different half
-- hours.
create table boosts (
    party_id bigint not null,
    half_hour bigint not null,
    user_id bigint not null constraint boosts_user references users,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    -- When the party was known to be lifted, or, if it could not be, when the boost was given back.
    applied_at timestamptz,
    returned_at timestamptz,
    primary key (party_id, half_hour),
    constraint boosts_outcome check (applied_at is null or returned_at is null)
);

create index boosts_user on boosts (user_id);
create index boosts_pending on boosts (starts_at) where applied_at is null and returned_at is null;

-- For whom purchases in the sandbox count: App Review, and whoever tries things out.
create table testers (
    user_id bigint primary key constraint testers_user references users,
    added_at timestamptz not null
);
