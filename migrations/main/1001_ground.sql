-- Which party database each logical shard lives in. The epoch grows with every change of the map.
create table shard_map (
    shard    integer primary key constraint shard_map_shard_range check (shard between 0 and 8191),
    database text not null
);

create table shard_map_epoch (
    one   boolean primary key default true constraint shard_map_epoch_one_row check (one),
    epoch bigint not null
);
insert into shard_map_epoch (epoch) values (0);

-- Leases of the 32 id slots. No id with this slot has a time at or past ts_upper (milliseconds since 2026) yet.
create table id_slots (
    slot     smallint primary key constraint id_slots_slot_range check (slot between 0 and 31),
    holder   uuid,
    ts_upper bigint not null default 0
);
insert into id_slots (slot) select generate_series(0, 31);

-- How far the rules' clock is ahead of the real one; moved in dev mode only.
create table dev_clock (
    one      boolean primary key default true constraint dev_clock_one_row check (one),
    ahead_ms bigint not null
);
insert into dev_clock (ahead_ms) values (0);
