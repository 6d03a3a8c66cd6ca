-- The daily comparison of the payment provider's transactions with the ledger.

-- One row a day (of Seoul). next_at: when it is to be compared, or compared again because something was under way or differed.
create table books_days (
    day date primary key,
    next_at timestamptz,
    leased_until timestamptz,
    compared_at timestamptz,
    waiting integer not null default 0
);

create index books_days_next on books_days (next_at) where next_at is not null;

-- What differed, each thing once, on the day on which it was seen first.
create table books_differences (
    id bigint generated always as identity primary key,
    day date not null,
    provider_order_id text not null,
    what text not null constraint books_differences_what check (
        what in (
            'capture_unknown', 'capture_missing', 'capture_amount', 'refund_unknown', 'refund_missing', 'refund_amount'
        )
    ),
    -- Of a refund: the provider's name for it.
    transaction_key text not null,
    ours_krw bigint not null,
    theirs_krw bigint not null,
    found_at timestamptz not null,
    -- When a later comparison did not find it any more, or an operator accepted it.
    settled_at timestamptz,
    note text,
    constraint books_differences_once unique (provider_order_id, what, transaction_key)
);

create index books_differences_open on books_differences (day) where settled_at is null;
