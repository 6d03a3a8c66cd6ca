-- psql: copies the parties of one settlement, with their hosts' orders, to places around them. Ids as in `data.rs`.

select setseed(0.5);

create temp table copies as
select
    t.party, t.host_order, (random() - 0.5) * 0.022 as north, (random() - 0.5) * 0.028 as east,
    ((:first + i) << 23) | ((:low + i % :shards) << 10) | 1023 as id
from generate_series(0, :copies::bigint - 1) i
join (
    select
        p as party, row_number() over (order by p.id) - 1 as number, count(*) over () as parties,
        (select o from orders o where o.party_id = p.id) as host_order
    from parties p
    where p.settlement = :'settlement' and p.id & 1023 <> 1023
) t on t.number = i % t.parties;

insert into parties
select (jsonb_populate_record(party, jsonb_build_object(
    'id', id,
    'version', 1,
    'pickup', (party).pickup || jsonb_build_object(
        'lat', ((party).pickup ->> 'lat')::float8 + north, 'lng', ((party).pickup ->> 'lng')::float8 + east
    ),
    'area_lat', (party).area_lat + north,
    'area_lng', (party).area_lng + east,
    -- A degree east is shorter on the index's plane, as in `domain/geo.rs`.
    'area', (party).area + point(east * ((party).area)[0] / (party).area_lng, north)
))).*
from copies;

insert into orders
select (jsonb_populate_record(host_order, jsonb_build_object('id', id - 1, 'party_id', id))).* from copies;
