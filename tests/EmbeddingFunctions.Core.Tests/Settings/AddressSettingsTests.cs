using EmbeddingFunctions.Settings;

namespace EmbeddingFunctions.Core.Tests.Settings;

/// <summary>Addresses of providers and of Redis.</summary>
public sealed class AddressSettingsTests
{
    private const string Key = "sk-canary-0123456789";

    [Theory]
    [InlineData("https://me.openai.azure.com", Key, false)]
    [InlineData("https://me.openai.azure.com/openai/v1/", null, true)]
    public void An_azure_endpoint_is_its_resource_by_key_or_by_entra(string endpoint, string? key, bool useEntra)
    {
        var settings = Variables.Read(("AZURE_OPENAI_ENDPOINT", endpoint), ("OPENAI_API_KEY", key));

        Assert.Equal(
            (ProviderChoice.OpenAi, true, new Uri("https://me.openai.azure.com"), useEntra),
            (settings.Provider, settings.IsAzure, settings.BaseUrl, settings.UseEntra));
    }

    [Theory]
    [InlineData("http://localhost:1234/v1", "http://localhost:1234/v1/")]
    [InlineData("http://127.0.0.1/v1/", "http://127.0.0.1/v1/")]
    [InlineData("http://127.1/v1", "http://127.0.0.1/v1/")]
    [InlineData("http://[::1]:8080", "http://[::1]:8080/")]
    [InlineData("https://llm.example", "https://llm.example/")]
    public void An_address_is_https_or_of_this_machine(string url, string read) =>
        Assert.Equal(read, Variables.Read(("OPENAI_BASE_URL", url), ("OPENAI_API_KEY", Key)).BaseUrl!.AbsoluteUri);

    [Theory]
    [InlineData("http://llm.example/v1", "is http on another machine")]
    [InlineData("http://127.0.0.1.evil.example/", "is http on another machine")]
    [InlineData("http://localhost.evil.example/", "is http on another machine")]
    [InlineData("http://169.254.169.254/latest", "is http on another machine")]
    [InlineData("http://2852039166/latest", "is http on another machine")]
    [InlineData("http://[::ffff:169.254.169.254]/", "is http on another machine")]
    [InlineData("http://0.0.0.0/", "is http on another machine")]
    [InlineData("https://ann:s3cr@llm.example/v1", "carries a user or password")]
    [InlineData("http://localhost@evil.example/", "carries a user or password")]
    [InlineData("https://s3cr@llm.example/v1", "carries a user or password")]
    [InlineData("https://llm.example/v1?api-key=s3cr", "carries a ? or #")]
    [InlineData("https://llm.example/v1#s3cr", "carries a ? or #")]
    [InlineData("llm.example/v1", "is no http or https address")]
    [InlineData("ftp://llm.example/v1", "is no http or https address")]
    [InlineData("https://", "is no http or https address")]
    [InlineData("file:///etc/passwd", "is no http or https address")]
    public void Any_other_address_is_refused_without_repeating_secrets(string url, string told)
    {
        foreach (var name in new[] { "OPENAI_BASE_URL", "AZURE_OPENAI_ENDPOINT" })
        {
            var error = Assert.Throws<SettingsException>(() => Variables.Read((name, url), ("OPENAI_API_KEY", Key)));

            Assert.StartsWith(name, Assert.Single(error.Errors), StringComparison.Ordinal);
            Assert.Contains(told, error.Message, StringComparison.Ordinal);
            Assert.DoesNotContain("s3cr", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Two_endpoints_are_one_too_many()
    {
        var error = Assert.Throws<SettingsException>(() => Variables.Read(
            ("OPENAI_BASE_URL", "https://llm.example/v1"), ("AZURE_OPENAI_ENDPOINT", "https://me.openai.azure.com"),
            ("OPENAI_API_KEY", Key)));

        Assert.Equal(
            ["AZURE_OPENAI_ENDPOINT (me.openai.azure.com) and OPENAI_BASE_URL (llm.example) are both set: keep one."], error.Errors);
    }

    [Theory]
    [InlineData("redis://cache", true)]
    [InlineData("rediss://ann:s3cr@cache:6380/2", true)]
    [InlineData("cache:6379,password=s3cr", false)]
    [InlineData("https://s3cr", false)]
    [InlineData("redis://", false)]
    public void A_redis_address_is_a_url(string url, bool isFine)
    {
        if (isFine)
        {
            Assert.Equal(url, Variables.Read(("REDIS_URL", url)).RedisUrl);
            return;
        }

        Assert.Equal(
            ["REDIS_URL is not a Redis address: write it like redis://host:6379."],
            Assert.Throws<SettingsException>(() => Variables.Read(("REDIS_URL", url))).Errors);
    }

    [Theory]
    [InlineData("redis://:s3cr@cache:6379", false)]
    [InlineData("redis://ann:s3cr@10.0.0.7:6379", false)]
    [InlineData("rediss://:s3cr@cache:6380", true)]
    [InlineData("redis://:s3cr@localhost:6379", true)]
    [InlineData("redis://:s3cr@127.0.0.1:6379", true)]
    [InlineData("redis://cache:6379", true)]
    public void A_password_goes_to_another_machine_over_tls_only(string url, bool isFine)
    {
        if (isFine)
        {
            Assert.Equal(url, Variables.Read(("REDIS_URL", url)).RedisUrl);
            return;
        }

        var error = Assert.Single(Assert.Throws<SettingsException>(() => Variables.Read(("REDIS_URL", url))).Errors);
        Assert.Equal(
            $"REDIS_URL would send its password unencrypted to {new Uri(url).Host}: write it with rediss://, so that TLS is used.", error);
    }
}
