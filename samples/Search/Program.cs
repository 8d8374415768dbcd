using EmbeddingFunctions.Local;
using EmbeddingFunctions.Search;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

// The database and the declarations that it was migrated for.
static string Setting(string name) => Environment.GetEnvironmentVariable(name)
    ?? throw new InvalidOperationException($"{name} is not set.");

await using var services = new ServiceCollection()
    .AddSingleton(NpgsqlDataSource.Create(Setting("CONNECTION_STRING")))
    .AddSingleton<IEmbeddingGenerator<string, Embedding<float>>>(new MiniLmModel())
    .AddEmbeddings(o =>
    {
        o.AddCorporaFile(Setting("CORPORA_FILE"));
        // The first query loads the model.
        o.QueryTimeout = TimeSpan.FromSeconds(30);
    })
    .Services.BuildServiceProvider();

var search = services.GetRequiredService<ISearch>();
var answer = await search.SearchAsync(new SearchRequest { Corpus = "workspace", Query = args[0], Limit = 5 });
foreach (var found in answer.Results)
{
    Console.WriteLine($"{found.Similarity:0.00}  {found.Kind,-13} {found.Title}");
}

Console.WriteLine(answer.Degraded ?? $"{answer.Timings.Total:0} ms");
