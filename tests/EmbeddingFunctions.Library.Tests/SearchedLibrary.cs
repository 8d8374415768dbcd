using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace EmbeddingFunctions.Library.Tests;

/// <summary>An app whose books of two branches are embedded, each branch a partition.</summary>
public sealed class SearchedLibrary : IAsyncLifetime
{
    private TestDatabase _database = null!;
    private NpgsqlDataSource _source = null!;

    public const string North = "north";

    internal OwnGenerator Generator { get; } = new();

    public async Task InitializeAsync()
    {
        _database = await TestDatabase.Empty();
        _source = NpgsqlDataSource.Create(_database.ConnectionString);
        await _database.Execute(
            """
            CREATE TABLE branches (name text PRIMARY KEY);
            INSERT INTO branches VALUES ('north'), ('south');
            CREATE TABLE books (
                id bigint PRIMARY KEY, title text NOT NULL, body text NOT NULL, branch text NOT NULL, author text, pages int NOT NULL,
                is_lent boolean NOT NULL, bought_at timestamptz NOT NULL DEFAULT now());
            INSERT INTO books SELECT
                n, 'Volume ' || n, (ARRAY['zebra quartz', 'bread butter honey', 'ships sails harbour'])[1 + n % 3] || ' ' || n,
                CASE WHEN n % 4 = 0 THEN 'south' ELSE 'north' END, CASE WHEN n % 5 = 0 THEN NULL ELSE 'Author ' || n % 2 END, n * 10,
                n % 2 = 0, timestamptz '2026-01-01' + n * interval '1 day'
            FROM generate_series(1, 250) n;
            """);
        await using var app = Builder().Build();
        await app.Embeddings().MigrateAsync("books");
        var outcome = await app.Embeddings().RunAsync("books");
        Assert.Equal((250, null), (outcome.Counts.Embedded, outcome.Error));
    }

    public async Task DisposeAsync()
    {
        await _source.DisposeAsync();
        await _database.DisposeAsync();
    }

    internal WebApplicationBuilder Builder(Action<EmbeddingsBuilder>? add = null)
    {
        var builder = App.Bare();
        builder.Services.AddSingleton(_source).AddEmbeddingGenerator(Generator);
        add ??= _ => { };
        add(builder.Services.AddEmbeddings(o =>
        {
            // However busy the machine is.
            o.QueryTimeout = TimeSpan.FromSeconds(20);
            o.AddCorpus("books", c => c
                .Dimensions(32)
                .With(corpus => corpus with { Partitions = new ActivePartitions { Table = "branches", Column = "name" } })
                .Table("books", t => t.Text("{title}. {body}").With(table => table with
                {
                    Partition = "branch",
                    Search = new TableSearch { Language = "english", Columns = ["author", "pages", "is_lent", "bought_at"] },
                })));
        }));
        return builder;
    }
}
