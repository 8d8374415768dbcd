using System.Text.Json;
using EmbeddingFunctions.Hosting;
using EmbeddingFunctions.Testing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Primitives;

namespace EmbeddingFunctions.Core.Tests.Settings;

/// <summary>The files at the top of the repository that a person copies or a host reads.</summary>
public sealed class SettingsFilesTests
{
    // What the Functions host itself wants to know.
    private static readonly string[] _ofTheHost = ["AzureWebJobsStorage", "FUNCTIONS_WORKER_RUNTIME"];

    [Fact]
    public void The_sample_lists_exactly_the_settings_that_are_read()
    {
        var asked = new Spy();
        SettingsReader.Read(asked);

        Assert.Equal(asked.Names.Concat(_ofTheHost).Order(), Sample().Keys.Order());
    }

    [Fact]
    public void The_sample_holds_what_counts_without_it()
    {
        var sample = Sample();
        var read = SettingsReader.Read(new ConfigurationBuilder().AddInMemoryCollection(sample).Build());

        Assert.Equal(SettingsReader.Read(new ConfigurationBuilder().Build()), read);
        Assert.Equal((read.Model, $"{read.RequestsPerMinute}", $"{read.TokensPerMinute}", $"{read.Concurrency}"),
            (
                sample["EMBEDDING_MODEL"], sample["EMBEDDING_REQUESTS_PER_MINUTE"], sample["EMBEDDING_TOKENS_PER_MINUTE"],
                sample["EMBEDDING_CONCURRENCY"]));
    }

    [Fact]
    public void The_sample_has_the_shape_of_local_settings()
    {
        using var json = Json("local.settings.sample.json");

        Assert.Equal(["IsEncrypted", "Values"], json.RootElement.EnumerateObject().Select(property => property.Name));
        Assert.False(json.RootElement.GetProperty("IsEncrypted").GetBoolean());
    }

    [Fact]
    public void The_host_file_is_of_the_current_version()
    {
        using var json = Json("host.json");

        Assert.Equal("2.0", json.RootElement.GetProperty("version").GetString());
        Assert.Equal("Information", json.RootElement.GetProperty("logging").GetProperty("logLevel").GetProperty("default").GetString());
    }

    [Fact]
    public void The_host_takes_up_what_a_killed_instance_held_within_a_minute_and_has_room_for_all_batches_of_a_run()
    {
        using var json = Json("host.json");
        var durable = json.RootElement.GetProperty("extensions").GetProperty("durableTask");
        var storage = durable.GetProperty("storageProvider");

        Assert.Equal(
            ("00:01:00", "00:01:00"),
            (
                storage.GetProperty("controlQueueVisibilityTimeout").GetString(),
                storage.GetProperty("workItemQueueVisibilityTimeout").GetString()));
        Assert.True(
            durable.GetProperty("maxConcurrentActivityFunctions").GetInt32() > SettingsReader.Read(new ConfigurationBuilder().Build())
                .BatchesInFlight);
    }

    private static Dictionary<string, string?> Sample()
    {
        using var json = Json("local.settings.sample.json");
        return json.RootElement.GetProperty("Values").Deserialize<Dictionary<string, string?>>()!;
    }

    private static JsonDocument Json(string name) => JsonDocument.Parse(File.ReadAllText(Path.Combine(Repository.Root, name)));

    private sealed class Spy : IConfiguration
    {
        public HashSet<string> Names { get; } = [];

        public string? this[string key]
        {
            get
            {
                Names.Add(key);
                return null;
            }
            set => throw new NotSupportedException();
        }

        public IEnumerable<IConfigurationSection> GetChildren() => throw new NotSupportedException();

        public IChangeToken GetReloadToken() => throw new NotSupportedException();

        public IConfigurationSection GetSection(string key) => throw new NotSupportedException();
    }
}
