using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Faults;

/// <summary>
/// Triggers that put down who took and ended which claim, and who wrote a vector: what no worker can talk its way out of.
/// </summary>
internal static class ClaimAudit
{
    private static readonly string[] _tables = ["issues", "pull_requests", "discussions"];

    private const string Install =
        """
        CREATE TABLE audit (
            id      bigserial PRIMARY KEY,
            txid    bigint    NOT NULL DEFAULT txid_current(),
            worker  text      NOT NULL DEFAULT current_setting('application_name'),
            event   text      NOT NULL,
            item_id text      NOT NULL,
            token   uuid
        );
        CREATE INDEX ON audit (item_id, event);
        CREATE INDEX ON audit (txid);

        CREATE FUNCTION audit_claim() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP <> 'INSERT' AND OLD.token IS NOT NULL AND (TG_OP = 'DELETE' OR NEW.token IS NULL) THEN
                INSERT INTO audit (event, item_id, token) VALUES ('ended', OLD.item_id, OLD.token);
            END IF;
            IF TG_OP <> 'DELETE' AND NEW.token IS NOT NULL AND (TG_OP = 'INSERT' OR NEW.token IS DISTINCT FROM OLD.token) THEN
                INSERT INTO audit (event, item_id, token) VALUES ('taken', NEW.item_id, NEW.token);
            END IF;
            RETURN NULL;
        END $$;
        CREATE TRIGGER audit_claim AFTER INSERT OR UPDATE OR DELETE ON embedding.claims FOR EACH ROW EXECUTE FUNCTION audit_claim();

        CREATE FUNCTION audit_write() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO audit (event, item_id) VALUES ('written', NEW.id);
            RETURN NULL;
        END $$;
        """;

    // In the write's own transaction the writer ended a claim that it had taken itself and that no other took since.
    private const string FindUnfenced =
        """
        SELECT w.worker || ' wrote ' || w.item_id
        FROM   audit w
        WHERE  w.event = 'written'
        AND    NOT EXISTS (
            SELECT FROM audit e
            JOIN   audit t ON t.item_id = e.item_id AND t.event = 'taken' AND t.token = e.token AND t.worker = w.worker
            WHERE  e.txid = w.txid AND e.event = 'ended' AND e.item_id = w.item_id
            AND    NOT EXISTS (SELECT FROM audit l WHERE l.item_id = e.item_id AND l.event = 'taken' AND l.id > t.id AND l.id < e.id))
        """;

    public static Task Begin(TestDatabase database) => database.Execute(Install + string.Concat(_tables.Select(table =>
        $"\nCREATE TRIGGER audit_write AFTER UPDATE OF embedding ON {table} FOR EACH ROW EXECUTE FUNCTION audit_write();")));

    /// <returns>Each write by a worker that did not hold the item's claim.</returns>
    public static async Task<IReadOnlyList<string>> Unfenced(TestDatabase database) =>
        (await database.Rows(FindUnfenced)).Select(row => (string)row[0]!).ToList();

    /// <returns>How often each item was taken by a worker that never ended its claim, for items where that happened.</returns>
    public static async Task<IReadOnlyDictionary<string, long>> Lost(TestDatabase database) =>
        (await database.Rows(
            """
            SELECT t.item_id, count(*)
            FROM   audit t
            WHERE  t.event = 'taken'
            AND    NOT EXISTS (SELECT FROM audit e WHERE e.event = 'ended' AND e.item_id = t.item_id AND e.token = t.token)
            GROUP  BY t.item_id
            """)).ToDictionary(row => (string)row[0]!, row => (long)row[1]!);

    public static Task<long> Writes(TestDatabase database, string worker) =>
        database.Ask<long>("SELECT count(*) FROM audit WHERE event = 'written' AND worker = $1", worker);
}
