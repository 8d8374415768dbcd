using System.Text.Json;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Settings;
using Microsoft.Extensions.Logging;

namespace EmbeddingFunctions.Core.Tests.Settings;

public sealed class SettingsReaderTests
{
    private const string Key = "sk-canary-0123456789";

    [Fact]
    public void Nothing_set_means_local_vectors_and_the_embedded_database()
    {
        var settings = Variables.Read();

        Assert.Equal(
            (ProviderChoice.Local, null, null, null), (settings.Provider, settings.Database, settings.RedisUrl, settings.CorporaFile));
        Assert.Equal(
            ("text-embedding-3-small", 500, 1_000_000, 8),
            (settings.Model, settings.RequestsPerMinute, settings.TokensPerMinute, settings.Concurrency));
    }

    [Fact]
    public void Every_setting_is_read()
    {
        var settings = Variables.Read(
            ("DATABASE_URL", "postgres://ann@db/shop"), ("REDIS_URL", "rediss://:secret@cache:6380/1"),
            ("OPENAI_API_KEY", Key), ("OPENAI_BASE_URL", "https://llm.example/v1"),
            ("EMBEDDING_PROVIDER", "openai"), ("EMBEDDING_MODEL", "text-embedding-3-large"), ("EMBEDDING_REQUESTS_PER_MINUTE", "10"),
            ("EMBEDDING_TOKENS_PER_MINUTE", "20"), ("EMBEDDING_CONCURRENCY", "3"), ("CORPORA_FILE", "my.json"));

        Assert.Equal(
            ("Host=db;Username=ann;Database=shop", "rediss://:secret@cache:6380/1", Key),
            (settings.Database, settings.RedisUrl, settings.ApiKey));
        Assert.Equal(new Uri("https://llm.example/v1/"), settings.BaseUrl);
        Assert.Equal((ProviderChoice.OpenAi, "text-embedding-3-large", 10, 20, 3, "my.json"),
            (
                settings.Provider, settings.Model, settings.RequestsPerMinute, settings.TokensPerMinute, settings.Concurrency,
                settings.CorporaFile));
    }

    [Theory]
    [InlineData(null, true)]
    [InlineData("true", true)]
    [InlineData("False", false)]
    [InlineData("0", false)]
    public void Embedding_is_enabled_unless_it_is_said_not_to_be(string? value, bool isEnabled) =>
        Assert.Equal(isEnabled, Variables.Read(("EMBEDDING_ENABLED", value)).IsEnabled);

    [Fact]
    public void What_is_neither_true_nor_false_enables_and_disables_nothing() =>
        Assert.Contains(
            "EMBEDDING_ENABLED is 'off'; it takes true or false.",
            Assert.Throws<SettingsException>(() => Variables.Read(("EMBEDDING_ENABLED", "off"))).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("EMBEDDINGS_READ_KEY")]
    [InlineData("EMBEDDINGS_API_KEY")]
    [InlineData("OPENAI_API_KEY")]
    [InlineData("EMBEDDINGS_ALERT_SECRET")]
    public void A_reference_to_a_vault_that_was_not_resolved_is_no_secret(string name) => Assert.Contains(
        $"{name} refers to a secret that is not in the Key Vault",
        Assert.Throws<SettingsException>(
            () => Variables.Read((name, "@Microsoft.KeyVault(SecretUri=https://kv.vault.azure.net/secrets/ONE)"))).Message,
        StringComparison.Ordinal);

    [Fact]
    public void Blanks_are_as_good_as_nothing()
    {
        var settings = Variables.Read(
            ("DATABASE_URL", ""), ("OPENAI_API_KEY", "  "), ("EMBEDDING_PROVIDER", ""), ("EMBEDDING_CONCURRENCY", " "),
            ("EMBEDDING_MODEL", ""));

        Assert.Equal(
            (ProviderChoice.Local, null, null, 8, "text-embedding-3-small"),
            (settings.Provider, settings.Database, settings.ApiKey, settings.Concurrency, settings.Model));
    }

    [Theory]
    [InlineData("local", Key, "https://llm.example/v1", nameof(ProviderChoice.Local), "EMBEDDING_PROVIDER=local")]
    [InlineData("lexical", Key, null, nameof(ProviderChoice.Lexical), "EMBEDDING_PROVIDER=lexical")]
    [InlineData("OpenAI", Key, null, nameof(ProviderChoice.OpenAi), "EMBEDDING_PROVIDER=openai")]
    [InlineData(null, Key, null, nameof(ProviderChoice.OpenAi), "OPENAI_API_KEY is set")]
    [InlineData(null, null, "http://localhost:1234/v1", nameof(ProviderChoice.OpenAi), "a base URL is set")]
    [InlineData(null, null, null, nameof(ProviderChoice.Local), "neither a key nor a base URL is set")]
    public void The_provider_is_the_one_named_else_the_one_there_is_a_key_or_address_for_else_local(
        string? named, string? key, string? url, string provider, string reason)
    {
        var settings = Variables.Read(("EMBEDDING_PROVIDER", named), ("OPENAI_API_KEY", key), ("OPENAI_BASE_URL", url));

        Assert.Equal((provider, reason), ($"{settings.Provider}", settings.ProviderReason));
    }

    [Theory]
    [InlineData("EMBEDDING_CONCURRENCY", "1", true)]
    [InlineData("EMBEDDING_CONCURRENCY", "256", true)]
    [InlineData("EMBEDDING_CONCURRENCY", "257", false)]
    [InlineData("EMBEDDING_CONCURRENCY", "0", false)]
    [InlineData("EMBEDDING_CONCURRENCY", "-1", false)]
    [InlineData("EMBEDDING_CONCURRENCY", "8.0", false)]
    [InlineData("EMBEDDING_CONCURRENCY", "1e1", false)]
    [InlineData("EMBEDDING_CONCURRENCY", "0x8", false)]
    [InlineData("EMBEDDING_INPUTS_PER_REQUEST", "0", false)]
    [InlineData("EMBEDDING_INPUTS_PER_REQUEST", "1", true)]
    [InlineData("EMBEDDING_INPUTS_PER_REQUEST", "2048", true)]
    [InlineData("EMBEDDING_INPUTS_PER_REQUEST", "2049", false)]
    [InlineData("EMBEDDING_REQUESTS_PER_MINUTE", "10000000", true)]
    [InlineData("EMBEDDING_REQUESTS_PER_MINUTE", "10000001", false)]
    [InlineData("EMBEDDING_REQUESTS_PER_MINUTE", "99999999999999999999", false)]
    [InlineData("EMBEDDING_TOKENS_PER_MINUTE", "2000000000", true)]
    [InlineData("EMBEDDING_TOKENS_PER_MINUTE", "2000000001", false)]
    public void Numbers_have_bounds(string name, string value, bool isFine)
    {
        if (isFine)
        {
            Variables.Read((name, value));
            return;
        }

        Assert.StartsWith(
            $"{name} is '{value}'; it takes a whole number from 1 to ",
            Assert.Single(Assert.Throws<SettingsException>(() => Variables.Read((name, value))).Errors), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, 2_048)]
    [InlineData("16", 16)]
    public void L4_how_many_texts_a_request_may_have_is_a_setting(string? value, int inputs) =>
        Assert.Equal(inputs, (value is null ? Variables.Read() : Variables.Read(("EMBEDDING_INPUTS_PER_REQUEST", value))).InputsPerRequest);

    [Theory]
    [InlineData("sk-two words-s3cr")]
    [InlineData("sk-line\nbreak-s3cr")]
    [InlineData("sk-kéy-s3cr")]
    public void A_key_that_no_header_could_carry_is_refused_without_repeating_it(string key)
    {
        var error = Assert.Throws<SettingsException>(() => Variables.Read(("OPENAI_API_KEY", key)));

        Assert.Contains("OPENAI_API_KEY holds", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cr", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, null)]
    [InlineData("debug", LogLevel.Debug)]
    [InlineData("Warning", LogLevel.Warning)]
    public void The_log_level_is_a_setting(string? value, LogLevel? level) =>
        Assert.Equal(level, Variables.Read(("EMBEDDINGS_LOG_LEVEL", value)).LogLevel);

    [Theory]
    [InlineData("loud")]
    [InlineData("3")]
    public void A_log_level_that_is_none_is_reported_with_those_there_are(string value) => Assert.Equal(
        [$"EMBEDDINGS_LOG_LEVEL is '{value}'; it takes trace, debug, information, warning, error, critical, none."],
        Assert.Throws<SettingsException>(() => Variables.Read(("EMBEDDINGS_LOG_LEVEL", value))).Errors);

    [Fact]
    public void All_that_is_wrong_is_reported_in_one_message_that_holds_no_secret()
    {
        var error = Assert.Throws<SettingsException>(() => Variables.Read(
            ("DATABASE_URL", "postgres://ann:s3cr?t@db/shop"), ("REDIS_URL", "s3cr"), ("OPENAI_BASE_URL", "http://llm.example"),
            ("AZURE_OPENAI_ENDPOINT", "https://a:s3cr@b"),
            ("OPENAI_API_KEY", "sk s3cr"), ("EMBEDDING_PROVIDER", "openia"), ("EMBEDDING_REQUESTS_PER_MINUTE", "x"),
            ("EMBEDDING_TOKENS_PER_MINUTE", "y"), ("EMBEDDING_CONCURRENCY", "z")));

        Assert.Equal(
            [
                "AZURE_OPENAI_ENDPOINT", "DATABASE_URL", "EMBEDDING_CONCURRENCY", "EMBEDDING_PROVIDER", "EMBEDDING_REQUESTS_PER_MINUTE",
                "EMBEDDING_TOKENS_PER_MINUTE", "OPENAI_API_KEY", "OPENAI_BASE_URL", "REDIS_URL"],
            error.Errors.Select(e => e.Split(' ')[0]).Order());
        Assert.All(error.Errors, e => Assert.Contains($"\n  - {e}", error.Message, StringComparison.Ordinal));
        Assert.DoesNotContain("s3cr", error.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("openai", null)]
    [InlineData("openai", "https://llm.example/v1")]
    [InlineData(null, "https://llm.example/v1")]
    public void A_provider_elsewhere_wants_a_key(string? provider, string? url)
    {
        var error = Assert.Throws<SettingsException>(() => Variables.Read(("EMBEDDING_PROVIDER", provider), ("OPENAI_BASE_URL", url)));

        Assert.StartsWith("OPENAI_API_KEY is not set", Assert.Single(error.Errors), StringComparison.Ordinal);
    }

    [Fact]
    public void Vectors_that_are_made_in_the_process_go_by_their_own_model_whatever_is_set()
    {
        var corpus = new Corpus { Name = "notes", Dimensions = 16, Tables = [], Model = "the-corpus-s-own" };

        Assert.Equal("all-MiniLM-L6-v2", Variables.Read(("EMBEDDING_MODEL", "m")).ModelFor(corpus));
        Assert.Equal("lexical-1", Variables.Read(("EMBEDDING_MODEL", "m"), ("EMBEDDING_PROVIDER", "lexical")).ModelFor(corpus));
        Assert.Equal("the-corpus-s-own", Variables.Read(("OPENAI_API_KEY", Key), ("EMBEDDING_MODEL", "m")).ModelFor(corpus));
        Assert.Equal("m", Variables.Read(("OPENAI_API_KEY", Key), ("EMBEDDING_MODEL", "m")).ModelFor(corpus with { Model = null }));
    }

    [Fact]
    public void Printed_or_serialized_settings_hold_no_secret()
    {
        var settings = Variables.Read(
            ("OPENAI_API_KEY", Key), ("DATABASE_URL", "postgres://ann:s3cr@db/shop"), ("REDIS_URL", "rediss://:s3cr@cache"));

        Assert.All([settings.ToString(), JsonSerializer.Serialize(settings)], text =>
        {
            Assert.DoesNotContain(Key, text, StringComparison.Ordinal);
            Assert.DoesNotContain("s3cr", text, StringComparison.Ordinal);
        });
    }
}
