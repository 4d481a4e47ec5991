-- Groups change their members: one leaves, another takes its place and gets what it lacks.

-- Nodes that left and may still hold copies (16 bytes each): sources until every member is whole, then cleared.
ALTER TABLE placement_groups ADD COLUMN former BLOB NOT NULL DEFAULT x'';
-- The member that is not whole yet, if there is one.
ALTER TABLE placement_groups ADD COLUMN arriving BLOB;
-- Whether all that the arriving member lacks is on the repair list.
ALTER TABLE placement_groups ADD COLUMN is_listed INTEGER NOT NULL DEFAULT 0;

-- What the operator wants of a node: 1 serve, 2 drain, 3 removed.
ALTER TABLE nodes ADD COLUMN duty INTEGER NOT NULL DEFAULT 1;

-- What members lack because they have only just arrived: tells at once whether something is left.
CREATE INDEX arriving_copies ON under_replicated (node) WHERE reason = 5;
