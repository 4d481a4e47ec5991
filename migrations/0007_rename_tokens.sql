-- What clients renamed under which token, so that a request that is sent again is not carried out again.
CREATE TABLE rename_tokens (
    bucket      INTEGER NOT NULL,
    token       TEXT NOT NULL,
    source      BLOB NOT NULL,
    destination BLOB NOT NULL,
    renamed     INTEGER NOT NULL,
    PRIMARY KEY (bucket, token)
) STRICT, WITHOUT ROWID;

CREATE INDEX rename_tokens_by_time ON rename_tokens (renamed);
