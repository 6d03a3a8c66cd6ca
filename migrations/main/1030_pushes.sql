-- Telling people on their phones: where that is, whether they want to be told, and what waits to be told.

-- A phone of a user, under a name that the app gave it, and the token by which its maker finds it.
create table devices (
    user_id bigint not null constraint devices_user references users,
    device_id text not null,
    -- Where it is signed in; it goes with the session.
    session_id bigint not null constraint devices_session references sessions on delete cascade,
    platform text not null constraint devices_platform check (platform in ('ios', 'android')),
    push_token text not null,
    -- When the app last said so, by the real clock: Apple tells since when a token has been worth nothing.
    registered_at timestamptz not null,
    primary key (user_id, device_id),
    -- A phone has one owner at a time.
    constraint devices_push_token unique (platform, push_token),
    constraint devices_device_id_length check (char_length(device_id) between 1 and 64),
    constraint devices_push_token_length check (char_length(push_token) between 1 and 2048)
);

create index devices_session_id on devices (session_id);

-- What users have chosen, as a document; what is absent is as usual.
create table preferences (
    user_id bigint primary key constraint preferences_user references users,
    document jsonb not null
);

-- What is to be told to whom, each thing once.
create table pushes (
    id bigint generated always as identity primary key,
    user_id bigint not null constraint pushes_user references users,
    party_id bigint not null,
    kind text not null,
    -- What it is about: the party, or an order of it. With the kind it is the name under which a phone shows it once.
    subject_id bigint not null,
    -- Which of them: the party's version that told it, or the moment of a reminder.
    edition bigint not null,
    -- Whom it tells about, if it does: people who keep away from each other are not told.
    about_id bigint,
    -- What its words need.
    facts jsonb not null,
    created_at timestamptz not null,
    -- When the job looks at it next; null: it is done with.
    next_at timestamptz,
    -- When it is worth nothing any more.
    expires_at timestamptz not null,
    tries integer not null default 0,
    -- It waits for the end of its user's quiet hours.
    deferred boolean not null default false,
    -- Devices that have it.
    reached text[] not null default '{}',
    ended_at timestamptz,
    outcome text constraint pushes_outcome check (
        outcome in ('sent', 'unwanted', 'apart', 'no_device', 'quiet', 'superseded', 'moot', 'late', 'refused')
    ),
    constraint pushes_once unique (user_id, party_id, kind, subject_id, edition),
    constraint pushes_ended check ((next_at is null) = (ended_at is not null) and (ended_at is null) = (outcome is null))
);

create index pushes_next on pushes (next_at) where next_at is not null;
create index pushes_deferred on pushes (user_id, party_id) where deferred and ended_at is null;
create index pushes_expires_at on pushes (expires_at);
