-- What has been passed on or followed up is forgotten after a while; each batch finds its rows by an index.

create index outbox_relayed on outbox (relayed_at) where relayed_at is not null;
create index webhooks_handled on webhooks (handled_at) where handled_at is not null;
drop index outbox_created;
drop index webhooks_received;
