-- What all processes share of a provider's model: its minute's budgets, its pauses and stops. Unlogged: it is found out anew after a crash of the server.
CREATE UNLOGGED TABLE embedding_provider_flow (
    provider text  PRIMARY KEY,
    state    jsonb NOT NULL
);
