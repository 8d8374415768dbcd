using EmbeddingFunctions;
using Microsoft.Extensions.AI;
using Npgsql;
using OpenAI;

var builder = WebApplication.CreateBuilder(args);
var connectionString = builder.Configuration.GetConnectionString("Blog")
    ?? throw new InvalidOperationException("ConnectionStrings:Blog is not set.");
var key = builder.Configuration["OpenAI:Key"] ?? throw new InvalidOperationException("OpenAI:Key is not set.");

// The app's own services, as it has them anyway.
builder.Services.AddNpgsqlDataSource(connectionString);
builder.Services.AddEmbeddingGenerator(
    new OpenAIClient(key).GetEmbeddingClient("text-embedding-3-small").AsIEmbeddingGenerator(512));
builder.Services.AddAuthentication().AddBearerToken();
builder.Services.AddAuthorization();

builder.Services
    .AddEmbeddings(o => o.AddCorpus("articles", c => c
        .Dimensions(512)
        .EmbedOnEdit()
        .Table("blog.articles", t => t.Text("{headline}. {body}"))))
    .AddOpenAIFaults()
    .AddWorker();

var app = builder.Build();
app.UseAuthentication();
app.UseAuthorization();
app.MapEmbeddings("/api/embeddings").RequireAuthorization();

app.MapGet("/search", async (string text, IEmbeddingGenerator<string, Embedding<float>> generator, NpgsqlDataSource database) =>
{
    var vector = await generator.GenerateVectorAsync(text);
    await using var search = database.CreateCommand(
        """
        SELECT headline FROM blog.articles JOIN embedding.live_articles_articles v USING (id)
        WHERE  v.embedding IS NOT NULL ORDER BY v.embedding <=> $1::real[]::vector LIMIT 10
        """);
    search.Parameters.Add(new() { Value = vector.ToArray() });
    await using var rows = await search.ExecuteReaderAsync();
    var headlines = new List<string>();
    while (await rows.ReadAsync())
    {
        headlines.Add(rows.GetString(0));
    }

    return headlines;
});

// Where the app's role may create tables and triggers; else call it from a deployment step.
await app.Services.GetRequiredService<IEmbeddings>().MigrateAsync("articles");
await app.RunAsync();
