using EmbeddingFunctions;
using EmbeddingFunctions.Local;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

var connectionString = Environment.GetEnvironmentVariable("CONNECTION_STRING")
    ?? throw new InvalidOperationException("CONNECTION_STRING is not set.");

// A model inside the process: no key, no network, 384 dimensions.
await using var services = new ServiceCollection()
    .AddSingleton(NpgsqlDataSource.Create(connectionString))
    .AddSingleton<IEmbeddingGenerator<string, Embedding<float>>>(new MiniLmModel())
    .AddEmbeddings(o => o.AddCorpus("articles", c => c
        .Dimensions(384)
        .Table("articles", t => t.Text("{title}. {body}"))))
    .Services.BuildServiceProvider();

var embeddings = services.GetRequiredService<IEmbeddings>();
await embeddings.MigrateAsync("articles", Console.WriteLine);
var outcome = await embeddings.RunAsync("articles");
Console.WriteLine($"{outcome.Status}: {outcome.Counts.Embedded} of {outcome.ItemsTotal} embedded, {outcome.Counts.Failed} failed.");
return outcome.Error is null ? 0 : 1;
