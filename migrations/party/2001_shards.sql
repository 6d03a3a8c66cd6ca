-- The logical shards that this database holds, held, or is about to hold.
create table shard_owner (
    shard integer primary key constraint shard_owner_shard_range check (shard between 0 and 8191),
    state text not null constraint shard_owner_state_known check (state in ('active', 'importing', 'moved')),
    epoch bigint not null
);

-- Every write passes here first, in READ COMMITTED. A move takes the same lock exclusively and changes the owner under
-- it. One SQL statement would not do: its snapshot is older than its lock. A volatile function reads with a new one.
create function shard_fence(wanted integer) returns void language plpgsql volatile as $$
begin
    perform pg_advisory_xact_lock_shared(7013, wanted);
    perform 1 from shard_owner where shard = wanted and state = 'active';
    if not found then
        raise exception 'shard % is not active here', wanted using errcode = 'SH001';
    end if;
end
$$;
