using System.Diagnostics;
using System.IO.Compression;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Library.Tests;

/// <summary>The packages as a stranger gets them: packed into a folder, installed from there into a new project.</summary>
public sealed class PackageTests : IAsyncLifetime
{
    private const string Program =
        """
        using EmbeddingFunctions;
        using Microsoft.Extensions.AI;
        using Microsoft.Extensions.DependencyInjection;
        using Npgsql;

        await using var services = new ServiceCollection()
            .AddSingleton(NpgsqlDataSource.Create(args[0]))
            .AddSingleton<IEmbeddingGenerator<string, Embedding<float>>>(new Lengths())
            .AddEmbeddings(o => o.AddCorpus("articles", c => c.Dimensions(3).Table("blog.articles", t => t.Text("{headline}. {body}"))))
            .Services.BuildServiceProvider();
        var embeddings = services.GetRequiredService<IEmbeddings>();
        await embeddings.MigrateAsync("articles");
        var outcome = await embeddings.RunAsync("articles");
        Console.WriteLine($"{outcome.Status} {outcome.Counts.Embedded} of {outcome.ItemsTotal}");

        sealed class Lengths : IEmbeddingGenerator<string, Embedding<float>>
        {
            public Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
                IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default) =>
                Task.FromResult(new GeneratedEmbeddings<Embedding<float>>(
                    values.Select(text => new Embedding<float>(new float[] { text.Length, text[^1], 1 }))));

            public object? GetService(Type serviceType, object? serviceKey = null) =>
                serviceType == typeof(EmbeddingGeneratorMetadata) ? new EmbeddingGeneratorMetadata("test", null, "lengths") : null;

            public void Dispose()
            {
            }
        }
        """;

    private static readonly string[] _packages =
    [
        "EmbeddingFunctions", "EmbeddingFunctions.AspNetCore", "EmbeddingFunctions.Local", "EmbeddingFunctions.OpenAI",
        "EmbeddingFunctions.Redis", "EmbeddingFunctions.VectorData",
    ];

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("embeddings-package-");
    private Blog _blog = null!;

    public async Task InitializeAsync() => _blog = await Blog.Create(articles: 12);

    public async Task DisposeAsync()
    {
        _folder.Delete(recursive: true);
        await _blog.DisposeAsync();
    }

    [Fact]
    public async Task A_new_project_that_installs_the_package_embeds_a_table()
    {
        var feed = _folder.CreateSubdirectory("feed").FullName;
        foreach (var package in _packages)
        {
            await Dotnet(
                Repository.Root, "pack", $"src/{Project(package)}", "-c", "Release", "--no-build", "-o", feed);
        }

        var version = Version(feed);
        Assert.All(_packages, package => AssertWhole(Path.Combine(feed, $"{package}.{version}.nupkg")));

        var app = _folder.CreateSubdirectory("app").FullName;
        await File.WriteAllTextAsync(Path.Combine(app, "Program.cs"), Program);
        await File.WriteAllTextAsync(
            Path.Combine(app, "App.csproj"),
            $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>net10.0</TargetFramework>
                <ImplicitUsings>enable</ImplicitUsings>
                <Nullable>enable</Nullable>
              </PropertyGroup>
              <ItemGroup>
                <PackageReference Include="EmbeddingFunctions" Version="{version}" />
                <PackageReference Include="EmbeddingFunctions.Redis" Version="{version}" />
              </ItemGroup>
            </Project>
            """);
        // A cache of its own for our packages: this version may have been packed before, with other contents.
        await File.WriteAllTextAsync(
            Path.Combine(app, "NuGet.config"),
            $"""<configuration><packageSources><add key="packed" value="{feed}" /></packageSources></configuration>""");
        await Dotnet(app, "build", "-o", Path.Combine(app, "out"), $"-p:RestorePackagesPath={Path.Combine(app, "packages")}",
            $"-p:RestoreFallbackFolders={GlobalPackages()}");

        var printed = await Dotnet(app, Path.Combine(app, "out", "App.dll"), _blog.ConnectionString);

        Assert.Equal("Completed 12 of 12", printed.Trim());
        Assert.Equal(12, (await _blog.Embedded(text => [text.Length, text[^1], 1])).Count);
    }

    private static string Project(string package) => package == "EmbeddingFunctions" ? "EmbeddingFunctions.Core" : package;

    private static string Version(string feed)
    {
        const string Package = "EmbeddingFunctions.Redis.";
        return Path.GetFileNameWithoutExtension(Directory.GetFiles(feed, $"{Package}*.nupkg").Single())[Package.Length..];
    }

    // What a stranger needs to judge it: readme, licence, documentation, and symbols beside it.
    private static void AssertWhole(string package)
    {
        using var zip = ZipFile.OpenRead(package);
        var files = zip.Entries.Select(entry => entry.FullName).ToList();
        Assert.Contains("README.md", files);
        Assert.Contains(
            files, file => file.StartsWith("lib/net10.0/", StringComparison.Ordinal) && file.EndsWith(".xml", StringComparison.Ordinal));
        using var reader = new StreamReader(zip.Entries.Single(entry => entry.Name.EndsWith(".nuspec", StringComparison.Ordinal)).Open());
        Assert.Contains("<license type=\"expression\">MIT</license>", reader.ReadToEnd(), StringComparison.Ordinal);
        Assert.True(File.Exists(Path.ChangeExtension(package, "snupkg")), $"{package} has no symbols.");
    }

    private static string GlobalPackages() => Environment.GetEnvironmentVariable("NUGET_PACKAGES")
        ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");

    private static async Task<string> Dotnet(string folder, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1";
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, $"dotnet {string.Join(' ', arguments)}\n{await output}{await error}");
        return await output;
    }
}
