-- What a reported message said: it may be erased before an operator has read it.
alter table reports add column subject_text text;
