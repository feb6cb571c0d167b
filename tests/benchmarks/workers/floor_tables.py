"""The floor's tables: the rows that this project writes for an event, with their history."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS floor_run (id bigserial PRIMARY KEY, workflow int, phase text,
    status text, prepare_result jsonb, started_at timestamptz);
CREATE TABLE IF NOT EXISTS floor_event (id bigserial PRIMARY KEY, workflow int, message_id text,
    payload jsonb, status text, reserved_by bigint REFERENCES floor_run);
CREATE INDEX IF NOT EXISTS floor_pending ON floor_event (id) WHERE status = 'pending';
CREATE TABLE IF NOT EXISTS floor_reservation (id bigserial PRIMARY KEY,
    run bigint REFERENCES floor_run, event bigint REFERENCES floor_event, at timestamptz,
    UNIQUE (run, event));
CREATE INDEX IF NOT EXISTS floor_reservation_event ON floor_reservation (event);
CREATE TABLE IF NOT EXISTS floor_mutation (id bigserial PRIMARY KEY,
    run bigint UNIQUE REFERENCES floor_run, params jsonb, key text, status text, result jsonb);
CREATE TABLE IF NOT EXISTS floor_evidence (id bigserial PRIMARY KEY,
    mutation bigint REFERENCES floor_mutation, kind text, verdict text, at timestamptz);
CREATE INDEX IF NOT EXISTS floor_evidence_mutation ON floor_evidence (mutation);
CREATE TABLE IF NOT EXISTS floor_run_history (history_id bigserial PRIMARY KEY, id bigint,
    workflow int, phase text, status text, prepare_result jsonb, started_at timestamptz,
    at timestamptz, why text);
CREATE INDEX IF NOT EXISTS floor_run_history_id ON floor_run_history (id);
CREATE TABLE IF NOT EXISTS floor_event_history (history_id bigserial PRIMARY KEY, id bigint,
    workflow int, message_id text, payload jsonb, status text, reserved_by bigint, at timestamptz,
    why text);
CREATE INDEX IF NOT EXISTS floor_event_history_id ON floor_event_history (id);
CREATE TABLE IF NOT EXISTS floor_mutation_history (history_id bigserial PRIMARY KEY, id bigint,
    run bigint, params jsonb, key text, status text, result jsonb, at timestamptz, why text);
CREATE INDEX IF NOT EXISTS floor_mutation_history_id ON floor_mutation_history (id);
"""
