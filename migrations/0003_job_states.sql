-- What background jobs and operators' orders about them keep over a restart: a small text each, under the job's name.
CREATE TABLE job_states (
    name  TEXT PRIMARY KEY,
    state TEXT NOT NULL
) STRICT, WITHOUT ROWID;
