using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Seeds;

/// <summary>The counters that stand in the place of the clips pipeline's.</summary>
public sealed class MetricsTests
{
    // Of no other test: the counters are the whole process's.
    private const string Corpus = "metered";

    [Fact]
    public async Task What_was_embedded_what_failed_and_what_the_cache_found_is_counted()
    {
        await using var fake = await FakeOpenAi.StartAsync();
        await using var database = await TestDatabase.Empty();
        await database.Execute(
            "CREATE TABLE notes (id bigint PRIMARY KEY, title text); INSERT INTO notes VALUES (1, 'one'), (2, 'two'), (3, 'poison')");
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, $$"""{ "corpora": [{ "name": "{{Corpus}}", "dimensions": 16, "store": "column", "tables": [{ "kind": "note", "table": "notes", "text": "{title}" }] }] }""");
        await using var engine = new TestEngine(database, fake, settings => settings with { CorporaFile = file });
        await engine.Get<Migrator>().Migrate(engine.Get<CorpusSet>().Get(Corpus), withSampleTables: false, null, default);
        _ = fake.Script(Requests.WithInput(text => text == "poison"), Fault.BadInput());
        var counted = new ConcurrentDictionary<string, long>();
        using var listener = Listen(counted);

        await engine.Run(new RunRequest(Corpus, []));
        await database.Execute("UPDATE notes SET embedding = NULL, embedding_rule = NULL WHERE id < 3");
        await engine.Run(new RunRequest(Corpus, []));

        Assert.Equal(
            (4, 1, 2, 2),
            (
                counted["embedding.items.embedded"], counted["embedding.items.failed"], counted["embedding.cache.hits"],
                counted["embedding.cache.misses"]));
        Assert.Equal(fake.RequestCount, counted["embedding.requests"]);
        Assert.True(counted["embedding.tokens"] > 0 && counted["embedding.tokens.saved"] > 0);
        File.Delete(file);
    }

    private static MeterListener Listen(ConcurrentDictionary<string, long> counted)
    {
        var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == "EmbeddingFunctions")
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
        {
            if (tags.ToArray().Any(tag => tag is { Key: "corpus", Value: Corpus }))
            {
                counted.AddOrUpdate(instrument.Name, value, (_, sum) => sum + value);
            }
        });
        listener.Start();
        return listener;
    }
}
