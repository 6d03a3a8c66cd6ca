-- What a provider lets us do for a user until he withdraws it: for Apple the refresh token that is revoked when the account
-- is deleted. Encrypted like other personal data.

alter table identities add column grant_sealed text;
