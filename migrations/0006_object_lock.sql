-- Object Lock. Of a bucket: its configuration as JSON, once it is on, which is for good. Of a version, and of an upload for
-- the version that comes of it: the mode of its retention (1 governance, 2 compliance) and its end in milliseconds since
-- 1970, both or neither, and its legal hold (0 off, 1 on) once it was set.
ALTER TABLE buckets ADD COLUMN object_lock TEXT;
ALTER TABLE versions ADD COLUMN retention_mode INTEGER;
ALTER TABLE versions ADD COLUMN retain_until INTEGER;
ALTER TABLE versions ADD COLUMN legal_hold INTEGER;
ALTER TABLE uploads ADD COLUMN retention_mode INTEGER;
ALTER TABLE uploads ADD COLUMN retain_until INTEGER;
ALTER TABLE uploads ADD COLUMN legal_hold INTEGER;
