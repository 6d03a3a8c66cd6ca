-- no-transaction
create unique index concurrently if not exists outbox_seq on outbox (party_id, seq);
