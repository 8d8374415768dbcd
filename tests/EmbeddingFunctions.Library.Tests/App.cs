using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace EmbeddingFunctions.Library.Tests;

/// <summary>An app that has a database and a generator, and adds Embedding Functions to them.</summary>
internal static class App
{
    public static WebApplicationBuilder Builder(
        NpgsqlDataSource database, IEmbeddingGenerator<string, Embedding<float>> generator, int dimensions = 32)
    {
        var builder = Bare();
        builder.Services.AddSingleton(database);
        builder.Services.AddEmbeddingGenerator(generator);
        builder.Services.AddEmbeddings(o => o.AddCorpus("articles", c => c
            .Dimensions(dimensions)
            .EmbedOnEdit()
            .Table("blog.articles", t => t.Text("{headline}. {body}"))));
        return builder;
    }

    public static WebApplicationBuilder Bare()
    {
        var builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseTestServer();
        return builder;
    }

    public static IEmbeddings Embeddings(this WebApplication app) => app.Services.GetRequiredService<IEmbeddings>();
}
