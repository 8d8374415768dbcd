using System.Text.Json.Nodes;
using EmbeddingFunctions.Cli.Status;
using EmbeddingFunctions.Cli.Tables;
using EmbeddingFunctions.Core.Tests.Storage;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Testing;
using Microsoft.Extensions.AI;
using DeclaredCorpus = EmbeddingFunctions.Core.Tests.Storage.DeclaredCorpus;

namespace EmbeddingFunctions.Core.Tests.Messy;

/// <summary>An owner's table with the corpus that <c>corpus init</c> proposes for it, and what must hold of both at any time.</summary>
internal sealed class MessyTable : IAsyncDisposable
{
    // All that is in a database, but for the schema of the engine and what extensions made.
    private const string FindObjects =
        """
        WITH theirs AS (
            SELECT oid FROM pg_namespace
            WHERE  nspname <> 'embedding' AND nspname <> 'information_schema' AND nspname NOT LIKE 'pg\_%'
        )
        SELECT string_agg(line, E'\n' ORDER BY line) FROM (
            SELECT concat_ws(' ', c.oid::regclass, a.attname, a.atttypid::regtype) AS line
            FROM   pg_class c JOIN theirs t ON t.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
            WHERE  a.attnum > 0 AND NOT a.attisdropped
            UNION ALL
            SELECT concat_ws(' ', c.oid::regclass, pg_get_triggerdef(g.oid))
            FROM   pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid JOIN theirs t ON t.oid = c.relnamespace WHERE NOT g.tgisinternal
            UNION ALL
            SELECT concat_ws(' ', k.conrelid::regclass, pg_get_constraintdef(k.oid))
            FROM   pg_constraint k JOIN theirs t ON t.oid = k.connamespace
            UNION ALL
            SELECT p.oid::regprocedure::text FROM pg_proc p JOIN theirs t ON t.oid = p.pronamespace
            WHERE  NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
        ) objects
        """;

    private readonly TestDatabase _database;
    private readonly string _text;
    private readonly string _where;
    private readonly DeclaredCorpus _corpus;

    private MessyTable(TestDatabase database, TableProposal proposal, string declaration, string text, string where)
    {
        (_database, _text, _where, Unsure) = (database, text, where, proposal.Unsure);
        _corpus = new DeclaredCorpus(database.Source, declaration);
    }

    /// <summary>What the proposal asks a person to look at.</summary>
    public IReadOnlyList<string> Unsure { get; }

    public DeclaredCorpus Corpus => _corpus;

    public Corpus Declared => _corpus.Corpus;

    /// <summary>Proposes a declaration; nothing but a change that the test makes is altered in it.</summary>
    /// <param name="database">The database.</param>
    /// <param name="table">The table's name as a person writes it.</param>
    /// <param name="text">What is embedded of a row <c>s</c>, as SQL: the oracle of the template.</param>
    /// <param name="where">Which rows <c>s</c> are items, as SQL: the oracle of the filter.</param>
    /// <param name="declare">Changes the proposed corpus.</param>
    public static async Task<MessyTable> Propose(
        TestDatabase database, string table, string text, string where = "true", Action<JsonObject>? declare = null)
    {
        await using var none = new DeclaredCorpus(database.Source, Declarations.Notes());
        var proposal = await none.Get<TableSurvey>().Propose(table, default);
        var file = JsonNode.Parse(proposal.Declaration)!;
        var corpus = file["corpora"]![0]!.AsObject();
        // Vectors of few numbers are made and indexed faster.
        corpus["dimensions"] = 64;
        corpus["startsPerMinute"] = 1_000;
        declare?.Invoke(corpus);
        return new MessyTable(database, proposal, file.ToJsonString(), text, where);
    }

    /// <summary><c>corpus check</c>: all faults, none if all is well.</summary>
    public async Task<IReadOnlyList<string>> Check()
    {
        var file = CorpusFile.Examine(_corpus.Get<EmbeddingSettings>().CorporaFile);
        return (await _corpus.Get<DeclaredCorpora>().Check(file, null, default)).Faults.Select(fault => fault.Message).ToList();
    }

    /// <summary>How many items a dry run predicts.</summary>
    public async Task<int> Predict() => (await _corpus.Get<DryRun>().Predict(new RunRequest(Declared.Name, []), default)).Items;

    /// <summary>Takes away all that was made for the corpus.</summary>
    public Task Remove() => _corpus.Get<CorpusRemoval>().Remove(Declared.Name, null, default);

    /// <summary>All objects of the owner's, to be the same before a migration and after the removal.</summary>
    public Task<string?> Objects() => _database.Ask<string>(FindObjects);

    /// <summary>The rows of the source and, of a table, where they are stored: an update of a row moves it.</summary>
    public async Task<string?> Rows()
    {
        var source = await Source();
        var place = source.Found.IsTable ? "tableoid, ctid, xmin, " : "";
        return await _database.Ask<string>(
            $"SELECT string_agg(ROW({place}s)::text, E'\\n' ORDER BY ROW({place}s)::text) FROM {source.Table} s");
    }

    /// <summary>Every item has the vector of its text, and no vector is of anything else.</summary>
    public async Task AssertTrue()
    {
        var source = await Source();
        var on = CompanionTable.SameKey(source, Sql.Of($"s."), Sql.Of($"v."));
        var rows = await _database.Rows(
            $"""
            SELECT {_text}, v.embedding::real[], v.embedding_state, s IS NULL
            FROM   (SELECT * FROM {source.Table} s WHERE {_where}) s FULL JOIN {source.Target} v ON {on}
            """);
        using var generator = new LexicalEmbeddingGenerator(Declared.Dimensions);
        foreach (var row in rows)
        {
            Assert.False((bool)row[3]!, "A vector has no row.");
            var text = ((string?)row[0])?.Trim() ?? "";
            Assert.Equal(text == "" ? "empty" : "embedded", row[2]);
            if (text != "")
            {
                Assert.Equal((await generator.GenerateVectorAsync(text)).ToArray(), (float[]?)row[1]);
            }
        }
    }

    /// <summary>Nothing of the corpus is left, in the engine's schema too.</summary>
    public async Task AssertGone()
    {
        Assert.Equal(0, await _database.Ask<long>("SELECT count(*) FROM embedding.objects WHERE corpus <> ''"));
        Assert.Null(await _database.Ask<string>(
            """
            SELECT string_agg(name, ', ') FROM (
                SELECT relname AS name FROM pg_class WHERE relnamespace = 'embedding'::regnamespace
                UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'embedding'::regnamespace) left_over
            WHERE name ~ '^(vectors|note|sees|expression)_'
            """));
    }

    public async ValueTask DisposeAsync() => await _corpus.DisposeAsync();

    private async Task<ResolvedTable> Source() =>
        (await _corpus.Get<ResolvedCorpora>().Resolve(Declared, default)).Tables[0];
}
