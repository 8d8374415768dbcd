using System.Diagnostics;
using EmbeddingFunctions.Cli.Imports;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Imports;

public sealed class GitHistoryTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("history ü").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_commit_is_a_pull_request_of_its_subject_and_body()
    {
        await Init();
        await Commit(
            "Fix the naïve 日本語 case 😀\n\nFirst line.\n\nSecond \u001f paragraph, with a field separator of others.\n",
            "2026-01-02T03:04:05Z");
        await Commit("Only a subject", "2026-01-03T00:00:00Z");

        var items = await GitHistory.Read(_folder).ToListAsync();

        var hash = (await Git("log", "-1", "--format=%H", "HEAD~1")).Trim();
        Assert.Equal(["Only a subject", "Fix the naïve 日本語 case 😀"], items.Select(item => item.Title));
        Assert.Equal(["", "First line.\n\nSecond \u001f paragraph, with a field separator of others."], items.Select(item => item.Body));
        Assert.Equal(new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero), items[1].UpdatedAt);
        Assert.Equal(("pull_request", hash[..12], null), (items[1].Kind, items[1].Key, items[1].Number));
        Assert.Equal($"local/{Path.GetFileName(_folder)}", items[0].Repository);
    }

    [Fact]
    public async Task The_users_git_settings_do_not_change_what_is_read()
    {
        await Init();
        await Git("config", "log.showSignature", "true");
        await Git("config", "i18n.logOutputEncoding", "ISO-8859-1");
        await Git("config", "log.date", "relative");
        await Commit("naïve", "2026-01-02T03:04:05Z");

        Assert.Equal("naïve", Assert.Single(await GitHistory.Read(_folder).ToListAsync()).Title);
    }

    [Theory]
    [InlineData("https://github.com/acme/shop.git", "acme/shop")]
    [InlineData("https://github.com/acme/shop.github.io", "acme/shop.github.io")]
    [InlineData("https://github.com/acme/shop.github.io.git", "acme/shop.github.io")]
    [InlineData("https://ann:s3cr@host.example:8443/group/acme/shop.git/", "acme/shop")]
    [InlineData("https://s3cr@host.example/shop.git", "shop")]
    [InlineData("ssh://git@host.example:22/acme/shop", "acme/shop")]
    [InlineData("git@github.com:acme/shop.git", "acme/shop")]
    [InlineData("/srv/git/shop.git", null)]
    [InlineData("../shop", null)]
    [InlineData("https://host.example", null)]
    [InlineData("", null)]
    public void A_remotes_address_names_the_repository_and_none_of_its_secrets(string url, string? name) =>
        Assert.Equal(name, GitHistory.NameOf(url));

    [Fact]
    public async Task A_repository_with_a_remote_goes_by_its_name()
    {
        await Init();
        await Git("remote", "add", "origin", "https://token@github.com/acme/shop.git");
        await Commit("One", "2026-01-02T03:04:05Z");

        Assert.Equal("acme/shop", Assert.Single(await GitHistory.Read(_folder).ToListAsync()).Repository);
    }

    [Theory]
    [InlineData(".")]
    [InlineData("missing")]
    public async Task A_folder_that_is_no_repository_is_a_clear_error(string folder)
    {
        var path = Path.Combine(_folder, folder);

        var error = await Assert.ThrowsAsync<ImportException>(async () => await GitHistory.Read(path).ToListAsync());

        Assert.StartsWith($"'{path}' has no readable git history: fatal: ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_repository_without_commits_is_a_clear_error()
    {
        await Init();

        var error = await Assert.ThrowsAsync<ImportException>(async () => await GitHistory.Read(_folder).ToListAsync());

        Assert.Contains("does not have any commits yet", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Git_that_ends_in_the_middle_is_an_error_and_its_earlier_lines_is_read()
    {
        await Init();
        await Commit("One", "2026-01-02T03:04:05Z");
        await Commit("Two", "2026-01-03T03:04:05Z");
        await Commit("Three", "2026-01-04T03:04:05Z");
        // The oldest commit cannot be read: git tells the newest one, and dies on its way to the others.
        var hash = (await Git("rev-parse", "HEAD~2")).Trim();
        var file = Path.Combine(_folder, ".git", "objects", hash[..2], hash[2..]);
        File.SetAttributes(file, FileAttributes.Normal);
        File.WriteAllText(file, "damaged");
        var read = new List<string>();

        var error = await Assert.ThrowsAsync<ImportException>(async () =>
        {
            await foreach (var item in GitHistory.Read(_folder))
            {
                read.Add(item.Title);
            }
        });

        Assert.Equal(["Three"], read);
        Assert.Contains("git ended with", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Whoever_stops_reading_leaves_no_git_behind()
    {
        await Init();
        // More than a pipe holds, so that git waits for its reader.
        await Commit("Two\n\n" + new string('x', 400_000), "2026-01-03T03:04:05Z");
        await Commit("One\n\n" + new string('x', 400_000), "2026-01-02T03:04:05Z");

        await foreach (var item in GitHistory.Read(_folder))
        {
            Assert.Equal("One", item.Title);
            break;
        }

        Assert.True(SpinWait.SpinUntil(() => !IsGitAtWork(), TimeSpan.FromSeconds(10)));
    }

    [Fact]
    public async Task An_import_of_the_history_is_idempotent()
    {
        await using var database = await TestDatabase.Migrated();
        await Init();
        await Commit("One", "2026-01-02T03:04:05Z");
        await Commit("Two\n\nBody", "2026-01-03T03:04:05Z");
        var import = new WorkspaceImport(database.Source);

        var first = await import.ImportGit(_folder, "team", default);
        var second = await import.ImportGit(_folder, "team", default);

        Assert.Equal((2, 2, 0), (first.Read, first.Written, first.Bad));
        Assert.Equal((2, 0), (second.Read, second.Written));
        Assert.Equal(
            ["Two Body", "One "],
            (await database.Rows("SELECT title || ' ' || body FROM items_needing_embeddings_priority WHERE item_type = 'pull_request'"))
                .Select(row => row[0]));
    }

    private bool IsGitAtWork() => Directory.EnumerateDirectories("/proc").Any(process =>
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, "cmdline")).Contains($"-C\0{_folder}\0", StringComparison.Ordinal)
                && !File.ReadAllText(Path.Combine(process, "stat")).Contains(") Z ", StringComparison.Ordinal);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    });

    private Task<string> Init() => Git("init", "-q", "-b", "main");

    private Task<string> Commit(string message, string date)
    {
        var file = Path.Combine(_folder, ".git", "message");
        File.WriteAllText(file, message);
        return Git(
            "-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgSign=false", "commit", "-q", "--allow-empty", "-F",
            file, "--date", date, "--cleanup=verbatim");
    }

    private async Task<string> Git(params string[] arguments)
    {
        var start = new ProcessStartInfo("git", ["-C", _folder, .. arguments]) { RedirectStandardOutput = true };
        start.Environment["GIT_COMMITTER_DATE"] = arguments.SkipWhile(argument => argument != "--date").Skip(1).FirstOrDefault();
        using var git = Process.Start(start)!;
        var output = await git.StandardOutput.ReadToEndAsync();
        await git.WaitForExitAsync();
        Assert.Equal(0, git.ExitCode);
        return output;
    }
}
