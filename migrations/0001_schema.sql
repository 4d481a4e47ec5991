-- The first schema. Numbers that the metadata gives out (bucket, content, sequence) are commit sequences; times are
-- milliseconds since 1970; ids are 16 bytes; keys are bytes and compared as bytes.

CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE buckets (
    bucket  INTEGER PRIMARY KEY,
    name    TEXT NOT NULL UNIQUE,
    region  TEXT NOT NULL,
    owner   TEXT NOT NULL,
    created INTEGER NOT NULL,
    tags    TEXT
) STRICT;

-- One row per version or delete marker. The newest of a key stands first.
CREATE TABLE versions (
    bucket             INTEGER NOT NULL,
    key                BLOB NOT NULL,
    sequence           INTEGER NOT NULL,
    version            BLOB NOT NULL,
    is_null            INTEGER NOT NULL,
    is_latest          INTEGER NOT NULL,
    is_delete_marker   INTEGER NOT NULL,
    created            INTEGER NOT NULL,
    owner              TEXT NOT NULL,
    size               INTEGER NOT NULL,
    etag               TEXT NOT NULL,
    checksum_algorithm INTEGER,
    checksum_kind      INTEGER,
    checksum           BLOB,
    content_type       TEXT,
    headers            TEXT,    -- the other headers as JSON, when there are any
    tags               TEXT,    -- as JSON, when there are any
    part_count         INTEGER, -- of a multipart object
    content            INTEGER, -- none for a delete marker
    PRIMARY KEY (bucket, key, sequence DESC)
) STRICT, WITHOUT ROWID;

-- Current rows that are no delete markers, with all that a list shows: ListObjects reads nothing else.
CREATE INDEX current_objects ON versions
    (bucket, key, size, etag, created, owner, checksum_algorithm, checksum_kind)
    WHERE is_latest = 1 AND is_delete_marker = 0;

-- At most one version of a key was written while versioning was off.
CREATE UNIQUE INDEX null_versions ON versions (bucket, key) WHERE is_null = 1;

-- Empty while versioning is off.
CREATE UNIQUE INDEX versions_by_id ON versions (bucket, key, version) WHERE is_null = 0;

-- `count` is the number of versions and parts that name the content. At 0 it is unrolled, and never rises again.
CREATE TABLE contents (
    content INTEGER PRIMARY KEY,
    count   INTEGER NOT NULL CHECK (count >= 0),
    size    INTEGER NOT NULL
) STRICT;

CREATE INDEX dead_contents ON contents (content) WHERE count = 0;

CREATE TABLE extents (
    content        INTEGER NOT NULL,
    content_offset INTEGER NOT NULL,
    blob           BLOB NOT NULL,
    blob_offset    INTEGER NOT NULL,
    length         INTEGER NOT NULL CHECK (length > 0),
    PRIMARY KEY (content, content_offset)
) STRICT, WITHOUT ROWID;

-- `extent_count` is the number of extents that name the blob. At 0 the row moves to `deletions`.
CREATE TABLE blobs (
    blob            BLOB PRIMARY KEY,
    placement_group INTEGER NOT NULL,
    size            INTEGER NOT NULL,
    chunk_size      INTEGER NOT NULL,
    extent_count    INTEGER NOT NULL CHECK (extent_count >= 0),
    roots           BLOB NOT NULL -- 32 bytes a chunk, in order
) STRICT, WITHOUT ROWID;

CREATE INDEX dead_blobs ON blobs (blob) WHERE extent_count = 0;

-- Parts of a completed object: they belong to the content, so that a copy shares them.
CREATE TABLE version_parts (
    content            INTEGER NOT NULL,
    part_number        INTEGER NOT NULL,
    content_offset     INTEGER NOT NULL,
    size               INTEGER NOT NULL,
    checksum_algorithm INTEGER,
    checksum           BLOB,
    PRIMARY KEY (content, part_number)
) STRICT, WITHOUT ROWID;

CREATE TABLE uploads (
    bucket             INTEGER NOT NULL,
    key                BLOB NOT NULL,
    upload             BLOB NOT NULL,
    initiated          INTEGER NOT NULL,
    owner              TEXT NOT NULL,
    content_type       TEXT,
    headers            TEXT,
    tags               TEXT,
    checksum_algorithm INTEGER,
    checksum_kind      INTEGER,
    PRIMARY KEY (bucket, key, upload)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX uploads_by_id ON uploads (upload);

CREATE TABLE parts (
    upload             BLOB NOT NULL,
    part_number        INTEGER NOT NULL,
    modified           INTEGER NOT NULL,
    size               INTEGER NOT NULL,
    etag               TEXT NOT NULL,
    checksum_algorithm INTEGER,
    checksum           BLOB,
    content            INTEGER NOT NULL,
    PRIMARY KEY (upload, part_number)
) STRICT, WITHOUT ROWID;

-- Uploads that were completed or aborted and whose parts are still to be released, in bounded steps.
CREATE TABLE ended_uploads (
    upload   BLOB PRIMARY KEY,
    sequence INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Buckets that were deleted while uploads were open in them: these end in bounded steps.
CREATE TABLE ended_buckets (
    bucket INTEGER PRIMARY KEY
) STRICT;

-- Outcomes, kept so that a repeated CompleteMultipartUpload gets the same answer.
CREATE TABLE completed_uploads (
    upload    BLOB PRIMARY KEY,
    bucket    INTEGER NOT NULL,
    key       BLOB NOT NULL,
    completed INTEGER NOT NULL,
    outcome   TEXT NOT NULL -- WrittenVersion as JSON
) STRICT, WITHOUT ROWID;

CREATE INDEX completed_uploads_by_time ON completed_uploads (completed);

CREATE TABLE nodes (
    node       BLOB PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    address    TEXT,
    zone       TEXT NOT NULL,
    capacity   INTEGER NOT NULL,
    device     TEXT,
    volumes    BLOB NOT NULL, -- 16 bytes a volume
    state      INTEGER NOT NULL,
    registered INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE placement_groups (
    placement_group INTEGER PRIMARY KEY,
    epoch           INTEGER NOT NULL,
    members         BLOB NOT NULL, -- 16 bytes a node
    scheme          TEXT NOT NULL
) STRICT;

-- The repair list: members that lack a blob or hold a bad copy of it.
CREATE TABLE under_replicated (
    blob     BLOB NOT NULL,
    node     BLOB NOT NULL,
    reason   INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    PRIMARY KEY (blob, node)
) STRICT, WITHOUT ROWID;

CREATE INDEX under_replicated_by_node ON under_replicated (node, blob);

-- Blobs that no extent names any more and that members of their group may still hold.
CREATE TABLE deletions (
    blob            BLOB PRIMARY KEY,
    placement_group INTEGER NOT NULL,
    chunk_count     INTEGER NOT NULL,
    size            INTEGER NOT NULL,
    deleted_at      INTEGER NOT NULL -- commit sequence
) STRICT, WITHOUT ROWID;

-- In the order in which they become due.
CREATE INDEX deletions_by_time ON deletions (deleted_at, blob);

CREATE TABLE access_keys (
    access_key    TEXT PRIMARY KEY,
    sealed_secret BLOB NOT NULL,
    name          TEXT NOT NULL,
    is_enabled    INTEGER NOT NULL,
    created       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
