-- The daily comparison of the books asks for the entries of one day. The ledger only grows at its end, so a tiny index does.
create index ledger_created on ledger using brin (created_at);
