using System.Text.Json;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Hosting;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Search;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace EmbeddingFunctions.Bench.Search;

/// <summary>Rows with vectors near hundreds of centres, and with texts of words as unequally frequent as those of a language.</summary>
internal sealed class SearchData : IAsyncDisposable
{
    private const int Centres = 500;

    private static readonly string[] _columns = ["half", "twentieth", "thousandth", "tenant"];

    private readonly string _file = Path.GetTempFileName();
    private readonly ServiceProvider _services;

    private SearchData(TestDatabase database, SearchSize size)
    {
        Database = database;
        File.WriteAllText(_file, JsonSerializer.Serialize(new
        {
            corpora = new[]
            {
                new
                {
                    name = "notes",
                    dimensions = size.Dimensions,
                    vectorType = size.Type,
                    index = new { build = "manual" },
                    tables = new[]
                    {
                        new
                        {
                            kind = "note",
                            table = "notes",
                            text = "{title} {body}",
                            search = new { language = "english", columns = _columns },
                        },
                    },
                },
            },
        }));
        var settings = new EmbeddingSettings
        {
            Provider = ProviderChoice.Lexical,
            ProviderReason = "bench",
            CorporaFile = _file,
        };
        _services = new ServiceCollection().AddEmbeddings(settings, database.Source).BuildServiceProvider();
    }

    public TestDatabase Database { get; }

    public ISearch Search => _services.GetRequiredService<ISearch>();

    public static async Task<SearchData> Create(SearchSize size)
    {
        var data = new SearchData(await TestDatabase.Empty(), size);
        await data.Fill(size);
        return data;
    }

    private async Task Fill(SearchSize size)
    {
        // One of a thousand words, the first of them a hundred times as frequent as the last.
        static string Words(int count) =>
            $"(SELECT string_agg('word' || floor(1000 * power(random(), 3))::int, ' ') FROM generate_series(1, {count}) w WHERE n > 0)";
        await Run(
            $"""
            CREATE TABLE notes (
                id int PRIMARY KEY, title text, body text, half int, twentieth int, thousandth int, tenant int);
            INSERT INTO notes
            SELECT n, {Words(6)}, {Words(60)}, n % 2, n % 20, n % 1000,
                   CASE WHEN n <= 10 THEN 0 ELSE 1 + n % 50 END
            FROM   generate_series(1, {size.Rows}) n;
            CREATE INDEX ON notes (tenant);
            ANALYZE notes;
            """);
        await _services.GetRequiredService<Migrator>().Migrate(
            _services.GetRequiredService<CorpusSet>().Get("notes"), new MigrationOptions(), null, CancellationToken.None);
        var corpus = await _services.GetRequiredService<ResolvedCorpora>().Get("notes", CancellationToken.None);
        await Run(
            $"""
            CREATE TABLE directions AS
            SELECT n, (SELECT array_agg(random() - 0.5) FROM generate_series(1, {size.Dimensions}) d WHERE n >= 0)::vector AS v
            FROM   generate_series(0, {(2 * Centres) - 1}) n;
            CREATE UNIQUE INDEX ON directions (n);
            UPDATE embedding.vectors_notes_note t
            SET    embedding = (a.v + b.v)::{size.Type}({size.Dimensions}), embedding_rule = '{corpus.Tables[0].Rule.Id}',
                   embedding_model = '{corpus.Model}', embedding_state = 'embedded', content_hash = md5(t.id::text),
                   embedding_generated_at = now()
            FROM   directions a, directions b
            WHERE  a.n = hashint4(t.id) & 255 AND b.n = {Centres} + (hashint4(t.id + 7) & 255);
            """);
        await Run("VACUUM ANALYZE embedding.vectors_notes_note; ");
        await _services.GetRequiredService<ISearchIndexes>().BuildNow(corpus, CancellationToken.None);
        await Run("VACUUM ANALYZE embedding.words_notes_note");
    }

    private async Task Run(string sql)
    {
        await using var command = Database.Source.CreateCommand(sql);
        command.CommandTimeout = 0;
        await command.ExecuteNonQueryAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        await Database.DisposeAsync();
        File.Delete(_file);
    }
}

/// <param name="Type">vector or halfvec.</param>
internal sealed record SearchSize(int Rows, int Dimensions, string Type);
