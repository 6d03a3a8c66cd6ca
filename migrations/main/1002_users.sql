-- Who people are, how they stay signed in, and whom they keep away from.

create table users (
    id bigint primary key,
    nickname text not null,
    trust smallint not null,
    language text not null,
    app_account_token uuid not null constraint users_app_account_token_unique unique,
    created_at timestamptz not null,
    constraint users_nickname_length check (char_length(nickname) between 1 and 30),
    constraint users_trust_range check (trust between 0 and 100),
    constraint users_language_word check (language in ('ko', 'en'))
);

-- How each provider knows a user.
create table identities (
    provider text not null,
    subject text not null,
    user_id bigint not null constraint identities_user references users,
    created_at timestamptz not null,
    primary key (provider, subject),
    constraint identities_provider_word check (provider in ('dev', 'apple', 'kakao'))
);

create index identities_user_id on identities (user_id);

-- One device that is signed in. chain_key and a refresh token together make the token's successor.
create table sessions (
    id bigint generated always as identity primary key,
    user_id bigint not null constraint sessions_user references users,
    chain_key bytea not null,
    created_at timestamptz not null,
    revoked_at timestamptz,
    constraint sessions_chain_key_length check (octet_length(chain_key) = 32)
);

create index sessions_user_id on sessions (user_id);

-- Tokens are kept as their SHA-256, and used ones until they expire, so that a second use is noticed.
create table refresh_tokens (
    hash bytea primary key,
    session_id bigint not null constraint refresh_tokens_session references sessions on delete cascade,
    issued_at timestamptz not null,
    expires_at timestamptz not null,
    used_at timestamptz,
    constraint refresh_tokens_hash_length check (octet_length(hash) = 32)
);

create index refresh_tokens_session_id on refresh_tokens (session_id);
create index refresh_tokens_expires_at on refresh_tokens (expires_at);

create table blocks (
    user_id bigint not null constraint blocks_user references users,
    blocked_id bigint not null constraint blocks_blocked references users,
    created_at timestamptz not null,
    primary key (user_id, blocked_id),
    constraint blocks_not_oneself check (user_id <> blocked_id)
);

create index blocks_blocked_id on blocks (blocked_id);
