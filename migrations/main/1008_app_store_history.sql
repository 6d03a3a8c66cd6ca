-- How far the app store's own list of the notifications that it sent was gone through, so that none is missed.

create table app_store_history (
    environment text primary key constraint app_store_history_environment check (environment in ('production', 'sandbox')),
    -- What was sent before it is known; null: nothing was looked at yet.
    reached_at timestamptz,
    next_at timestamptz not null,
    leased_until timestamptz
);
