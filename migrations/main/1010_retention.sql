-- What has had its time is forgotten in batches; each finds its rows by an index. Not BRIN: walks along an index in order do not
-- use it, and it grows vague where rows are deleted and their places used again.

create index ended_sessions_ended on ended_sessions (ended_at);
create index reports_decided on reports (decided_at) where decided_at is not null;
create index operator_acts_at on operator_acts (at);
create index location_uses_used on location_uses (used_at);
drop index location_uses_time;

-- The law's record names how we came by a position as well: so far always by what the user's app sent with his request.
alter table location_uses add column acquired_from text not null default 'app'
    constraint location_uses_acquired_from check (acquired_from in ('app'));
