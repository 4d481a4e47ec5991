-- What else the request asked for that renamed under a token: a JSON array of the conditions on the source and on the
-- destination. NULL in rows from before: there the keys alone are compared.
ALTER TABLE rename_tokens ADD COLUMN conditions TEXT;
