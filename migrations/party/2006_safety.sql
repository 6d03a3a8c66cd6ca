-- What has been passed on or followed up is forgotten after a while. Both tables grow at their end, so a tiny index does.
create index outbox_created on outbox using brin (created_at);
create index webhooks_received on webhooks using brin (received_at);
