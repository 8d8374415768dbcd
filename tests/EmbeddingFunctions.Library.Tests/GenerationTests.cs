using System.Net.Http.Json;
using System.Text.Json.Nodes;
using EmbeddingFunctions.Runs;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;

namespace EmbeddingFunctions.Library.Tests;

/// <summary>An app that declares another text follows the vectors that searches read, forward and back.</summary>
public sealed class GenerationTests : IAsyncLifetime
{
    private const int Articles = 12;

    private readonly OwnGenerator _generator = new();
    private Blog _blog = null!;

    public async Task InitializeAsync() => _blog = await Blog.Create(Articles);

    public async Task DisposeAsync() => await _blog.DisposeAsync();

    [Fact]
    public async Task Runs_and_status_are_of_the_live_generation_through_a_flip_and_a_rollback()
    {
        await using (var before = Build("{headline}"))
        {
            await before.Embeddings().MigrateAsync("articles");
            await before.Embeddings().RunAsync("articles");
        }

        await using var app = Build("{headline}. {body}");
        await app.StartAsync();
        var embeddings = app.Embeddings();
        using var client = app.GetTestClient();
        using var begun = await client.PostAsync(new Uri("/x/switches/articles/begin", UriKind.Relative), null);
        Assert.Equal(202, (int)begun.StatusCode);

        await Filled(client);
        await Follows(embeddings, "Before", "articles", number: 1, withBody: false);
        await Step(client, "flip?force=true");
        await Follows(embeddings, "Flipped", "articles@2", number: 2, withBody: true);
        await Step(client, "rollback");
        await Follows(embeddings, "Rolled back", "articles", number: 1, withBody: false);
        await Step(client, "flip?force=true");
        await Follows(embeddings, "Again", "articles@2", number: 2, withBody: true);
    }

    // An edit is embedded by the live generation's text; the other one still has the text before.
    private async Task Follows(IEmbeddings embeddings, string headline, string name, int number, bool withBody)
    {
        await _blog.Edit(3, headline);
        var outcome = await embeddings.RunAsync("articles");
        var status = await embeddings.GetStatusAsync("articles");

        Assert.Equal(RunStatus.Completed, outcome.Status);
        Assert.Equal((name, number), (status.Corpus, status.Switch!.LiveGeneration));
        Assert.Equal((Articles, 0), (status.Kinds[0].Embedded, status.Kinds[0].Pending));
        Assert.Equal(3 - number, status.Switch.Generation);
        Assert.Equal(_generator.VectorOf(withBody ? $"{headline}. Body 3" : headline), await Read());
    }

    private async Task<float[]> Read()
    {
        await using var command = _blog.Source.CreateCommand("SELECT embedding::real[] FROM embedding.live_articles_articles WHERE id = 3");
        return (float[])(await command.ExecuteScalarAsync())!;
    }

    private static async Task Filled(HttpClient client)
    {
        for (var end = DateTime.UtcNow.AddSeconds(60); ; await Task.Delay(100))
        {
            var state = (await client.GetFromJsonAsync<JsonNode>("/x/switches/articles"))!["switch"]!;
            if ((long)state["kinds"]![0]!["behind"]! == 0)
            {
                return;
            }

            Assert.True(DateTime.UtcNow < end, $"After a minute: {state}");
        }
    }

    private static async Task Step(HttpClient client, string step)
    {
        using var response = await client.PostAsync(new Uri($"/x/switches/articles/{step}", UriKind.Relative), null);
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
    }

    private WebApplication Build(string text)
    {
        var builder = App.Bare();
        builder.Services.AddSingleton(_blog.Source).AddEmbeddingGenerator(_generator);
        builder.Services.AddEmbeddings(o => o.AddCorpus("articles", c => c.Dimensions(32).Table("blog.articles", t => t.Text(text))));
        var app = builder.Build();
        app.MapEmbeddings("/x");
        return app;
    }
}
