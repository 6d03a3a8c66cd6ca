-- What keeps people safe from each other, and their data from everybody.

-- Staff.
create table operators (
    user_id bigint primary key constraint operators_user references users,
    added_at timestamptz not null
);

-- What operators have done, written before it is done; nobody changes what it says. Without personal data.
create table operator_acts (
    id bigint generated always as identity primary key,
    -- Null: by a command on one of our machines.
    operator_id bigint,
    act text not null,
    subject_type text not null,
    subject_id bigint not null,
    body jsonb not null,
    at timestamptz not null,
    -- `done`, or the code of the refusal; null: under way, or the process died of it.
    outcome text
);

create index operator_acts_subject on operator_acts (subject_type, subject_id);

-- What users report of others, each thing once.
create table reports (
    id bigint primary key,
    reporter_id bigint not null constraint reports_reporter references users,
    subject_type text not null constraint reports_subject_type check (subject_type in ('user', 'party', 'message')),
    subject_id bigint not null,
    -- Who answers for it: the user, the host of the party, the author of the message.
    accused_id bigint not null constraint reports_accused references users,
    reason text not null
        constraint reports_reason check (reason in ('spam', 'abuse', 'fraud', 'inappropriate', 'dangerous', 'other')),
    note text,
    key text not null,
    fingerprint bytea not null,
    created_at timestamptz not null,
    state text not null constraint reports_state check (state in ('open', 'upheld', 'dismissed')),
    decision_note text,
    decided_at timestamptz,
    constraint reports_once unique (reporter_id, subject_type, subject_id),
    constraint reports_key unique (reporter_id, key),
    constraint reports_decided check ((state = 'open') = (decided_at is null))
);

create index reports_open on reports (id) where state = 'open';
create index reports_accused_id on reports (accused_id);

-- Users who may not use the service for now. Every process reads all of it every two seconds.
create table suspensions (
    user_id bigint primary key constraint suspensions_user references users,
    note text not null,
    suspended_at timestamptz not null
);

-- Sessions that have ended while access tokens of theirs may still be good, by the real clock; read like the suspensions and
-- forgotten after an hour.
create table ended_sessions (
    session_id bigint primary key,
    ended_at timestamptz not null
);

-- Why somebody is trusted. A user's trust is 50 and the sum of his rows, of `completed` two a day at most, between 0 and 100.
create table trust_entries (
    user_id bigint not null constraint trust_entries_user references users,
    kind text not null constraint trust_entries_kind check (
        kind in ('completed', 'paid_promptly', 'received_promptly', 'no_show', 'host_abandoned', 'report_upheld', 'week')
    ),
    -- The order, party or report that it came from; of a week, its number.
    source_id bigint not null,
    points smallint not null,
    -- The day in Seoul.
    day date not null,
    at timestamptz not null,
    primary key (user_id, kind, source_id)
);

create function trust_is_append_only() returns trigger language plpgsql as $$
begin
    raise exception 'trust entries are append-only' using errcode = 'check_violation', constraint = 'trust_append_only';
end
$$;

create trigger trust_append_only before update or delete on trust_entries
for each row execute function trust_is_append_only();

create function trust_of(person bigint) returns smallint language sql stable as $$
    select greatest(0, least(100, 50 + coalesce(sum(points), 0)))::smallint
    from (
        select sum(points) as points from trust_entries where user_id = person and kind <> 'completed'
        union all
        select least(2, sum(points)) from trust_entries where user_id = person and kind = 'completed' group by day
    ) x
$$;

-- Users whose name or trust has changed and still stands as it was on parties of theirs.
create table host_copies (
    user_id bigint primary key constraint host_copies_user references users,
    -- Rises with each change.
    version bigint not null
);

alter table users add column erased_at timestamptz;

-- Users who have asked to be erased: a job finishes what a crash or a provider has held up.
create table erasures (
    user_id bigint primary key constraint erasures_user references users,
    asked_at timestamptz not null,
    -- When the job looks next; null when everything is done.
    next_at timestamptz,
    -- What is left to be withdrawn at the provider, encrypted.
    grants text[] not null default '{}',
    tries integer not null default 0
);

create index erasures_next on erasures (next_at) where next_at is not null;

-- The record of the use of location data that the law asks for: who, when and what for, and no position.
create table location_uses (
    user_id bigint not null,
    purpose text not null
        constraint location_uses_purpose check (purpose in ('nearby_parties', 'places', 'regions')),
    used_at timestamptz not null
);

create index location_uses_user on location_uses (user_id, used_at);
create index location_uses_time on location_uses using brin (used_at);
