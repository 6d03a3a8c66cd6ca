-- Codes by which somebody outside is led to a party. Here, and not with the party: whoever follows one knows nothing else.

create table invitations (
    code text primary key,
    party_id bigint not null,
    created_by bigint not null constraint invitations_user references users,
    -- Of the request that made it.
    key text not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    revoked_at timestamptz,
    constraint invitations_key unique (created_by, party_id, key)
);

create index invitations_expires on invitations (expires_at);
