using System.Diagnostics;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Library.Tests;

/// <summary>The sample that needs no key, run as a process.</summary>
public sealed class SampleTests
{
    [Fact]
    public async Task The_console_sample_embeds_the_articles_with_the_local_model()
    {
        await using var database = await TestDatabase.Empty();
        await database.Execute(
            """
            CREATE TABLE articles (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, title text NOT NULL, body text NOT NULL);
            INSERT INTO articles (title, body) SELECT 'Article ' || n, 'Its text' FROM generate_series(1, 3) n;
            """);
        var program = Path.Combine(Repository.Root, "artifacts", "bin", "Console", "release", "EmbedArticles.dll");
        using var process = Process.Start(new ProcessStartInfo("dotnet", program)
        {
            RedirectStandardOutput = true,
            Environment = { ["CONNECTION_STRING"] = database.ConnectionString },
        })!;

        var printed = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();

        Assert.EndsWith("Completed: 3 of 3 embedded, 0 failed.", printed.TrimEnd(), StringComparison.Ordinal);
        Assert.Equal(3L, await database.Ask<long>("SELECT count(embedding) FROM embedding.vectors_articles_articles"));
    }
}
