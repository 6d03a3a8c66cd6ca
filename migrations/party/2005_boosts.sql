-- An open party that its host has lifted to the top of the search: when that was last, and until when it lasts.

alter table parties add column boosted_at timestamptz;
-- Null when it is over.
alter table parties add column boosted_until timestamptz;

-- There are few of them.
create index parties_boosted on parties using gist (area) where state = 'open' and boosted_at is not null;
