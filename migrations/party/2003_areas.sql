-- What people call the neighbourhood of a party. A job asks the map for it, by the centre of the coarse cell.

alter table parties add column area_name text;
-- When the map is asked next; null when never: it has no name for this place.
alter table parties add column area_check_at timestamptz;

update parties set area_check_at = created_at where ended_at is null;

create index parties_unnamed on parties (area_check_at) where area_name is null and ended_at is null;
