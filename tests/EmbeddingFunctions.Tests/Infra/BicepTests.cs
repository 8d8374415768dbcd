using System.Text.Json;
using System.Text.RegularExpressions;

namespace EmbeddingFunctions.Tests.Infra;

/// <summary>The deployment's files fit one another, and no secret is in them.</summary>
public sealed partial class BicepTests
{
    private static readonly BicepFolder _folder = new(BicepFolder.ReadSources());

    [Fact]
    public void Every_bracket_closes_and_every_statement_is_one() => Assert.Empty(_folder.Unread());

    [Fact]
    public void Every_module_is_called() => Assert.Empty(_folder.Uncalled());

    [Fact]
    public void Every_call_passes_the_parameters_that_there_are() => Assert.Empty(_folder.WronglyPassed());

    [Fact]
    public void The_parameters_file_sets_the_parameters_that_there_are() => Assert.Empty(_folder.WronglySet());

    [Fact]
    public void Every_output_that_is_read_exists() => Assert.Empty(_folder.UnknownOutputs());

    [Fact]
    public void Every_name_is_declared() => Assert.Empty(_folder.Undeclared());

    [Fact]
    public void Every_parameter_and_variable_is_used() => Assert.Empty(_folder.Unused());

    [Fact]
    public void Nothing_holds_a_secret() => Assert.Empty(_folder.Secrets());

    [Fact]
    public void Every_role_is_called_by_its_name() => Assert.Empty(_folder.WronglyNamedRoles());

    [Theory]
    [InlineData("storage", "allowSharedKeyAccess", "false")]
    [InlineData("storage", "allowBlobPublicAccess", "false")]
    [InlineData("packages", "allowSharedKeyAccess", "false")]
    [InlineData("packages", "allowBlobPublicAccess", "false")]
    [InlineData("monitoring", "DisableLocalAuth", "true")]
    [InlineData("monitoring", "disableLocalAuth", "true")]
    [InlineData("openai", "disableLocalAuth", "true")]
    [InlineData("redis", "accessKeysAuthentication", "Disabled")]
    [InlineData("postgres", "passwordAuth", "Disabled")]
    [InlineData("functions", "allow", "false")]
    [InlineData("functions", "httpsOnly", "true")]
    public void Only_Entra_opens_it(string module, string property, string value)
    {
        var values = _folder[$"modules/{module}.bicep"].ValuesOf(property).ToList();

        Assert.NotEmpty(values);
        Assert.All(values, found => Assert.Equal(value, found));
    }

    [Theory]
    [InlineData("postgres", "audit")]
    [InlineData("openai", "audit")]
    [InlineData("storage", "audit")]
    [InlineData("packages", "audit")]
    [InlineData("redis", "ConnectionEvents")]
    public void L6_Who_comes_in_is_noted(string module, string category) =>
        Assert.Contains(
            category,
            _folder[$"modules/{module}.bicep"].ValuesOf("categoryGroup").Concat(_folder[$"modules/{module}.bicep"].ValuesOf("category")));

    // Flex Consumption has no fixed addresses to name: who comes in is decided by Entra's tokens, and the page says what is public.
    [Fact]
    public void L6_The_database_lets_in_Azures_addresses_alone_and_the_page_says_what_is_public()
    {
        var sources = BicepFolder.ReadSources();
        var page = File.ReadAllText(Path.Combine(BicepFolder.Root(), "infra", "README.md")).ReplaceLineEndings(" ");

        Assert.Single(sources.Values.SelectMany(source => Regex.Matches(source, "/firewallRules@")));
        Assert.Equal("0.0.0.0", Assert.Single(_folder["modules/postgres.bicep"].ValuesOf("startIpAddress")));
        Assert.Equal("0.0.0.0", Assert.Single(_folder["modules/postgres.bicep"].ValuesOf("endIpAddress")));
        Assert.Contains("each service takes Entra tokens only. All have public addresses", page, StringComparison.Ordinal);
        Assert.Contains("Azure's of all customers", page, StringComparison.Ordinal);
    }

    [Fact]
    public void L6_Whoever_prepares_the_database_is_let_in_only_meanwhile()
    {
        var script = File.ReadAllText(Path.Combine(BicepFolder.Root(), "infra", "prepare-database.sh"));
        var (closing, opening) = (
            script.IndexOf("trap close_firewall EXIT", StringComparison.Ordinal),
            script.IndexOf("az resource create", StringComparison.Ordinal));

        Assert.InRange(closing, 0, opening);
        Assert.Contains("az resource delete --ids \"$rule\"", script, StringComparison.Ordinal);
    }

    [Fact]
    public void L6_The_identity_that_the_app_signs_in_with_has_no_role_over_its_package()
    {
        var main = BicepFolder.ReadSources()["main.bicep"];
        var functions = BicepFolder.ReadSources()["modules/functions.bicep"];

        Assert.Contains("principalId: deployer.outputs.principalId", Module(main, "packages"), StringComparison.Ordinal);
        Assert.Contains("principalId: identity.outputs.principalId", Module(main, "storage"), StringComparison.Ordinal);
        Assert.Contains("deploymentContainer: packages.outputs.deploymentContainer", Module(main, "functions"), StringComparison.Ordinal);
        Assert.Contains("{ name: 'AZURE_CLIENT_ID', value: identityClientId }", functions, StringComparison.Ordinal);
        Assert.Contains("userAssignedIdentityResourceId: deployerId", functions, StringComparison.Ordinal);
    }

    // The pools of as many instances as there may be, and a person at work.
    [Fact]
    public void M8_The_instances_that_there_may_be_fit_into_the_connections_that_the_server_admits()
    {
        var sources = BicepFolder.ReadSources();
        int Number(string file, string pattern) => int.Parse(Assert.Single(Regex.Matches(sources[file], pattern)).Groups[1].Value, null);
        var admitted = Number("modules/postgres.bicep", @"output connections int = (\d+)");
        var instances = Number("main.bicep", @"param maximumInstances int = (\d+)");
        var groups = Number("modules/functions.bicep", @"var groups = (\d+)");
        var kept = Number("modules/functions.bicep", @"var poolSize = \(databaseConnections - (\d+)\) / \(groups \* maximumInstances\)");
        var pool = (admitted - kept) / (groups * instances);

        Assert.Contains("'Standard_B1ms'", sources["modules/postgres.bicep"], StringComparison.Ordinal);
        Assert.Equal(35, admitted);
        Assert.Contains("Maximum%20Pool%20Size=${poolSize}", sources["modules/functions.bicep"], StringComparison.Ordinal);
        Assert.Contains("maximumInstanceCount: maximumInstances", sources["modules/functions.bicep"], StringComparison.Ordinal);
        Assert.True(pool >= 8, "An instance has eight requests in flight.");
        Assert.InRange(groups * instances * pool, 1, admitted - 5);
        Assert.True(
            admitted - kept >= groups * Number("main.bicep", @"@maxValue\((\d+)\)\nparam maximumInstances"),
            "Every instance needs a connection.");
    }

    public static TheoryData<string> Settings => [.. _folder.Settings()];

    [Theory]
    [MemberData(nameof(Settings))]
    public void A_setting_is_one_that_is_read(string name)
    {
        using var sample = JsonDocument.Parse(File.ReadAllText(Path.Combine(BicepFolder.Root(), "local.settings.sample.json")));

        Assert.True(
            sample.RootElement.GetProperty("Values").TryGetProperty(name, out _) || HostSetting().IsMatch(name),
            $"no program reads {name}");
        Assert.Single(_folder.Settings(), name);
    }

    [Fact]
    public void The_database_script_needs_only_what_main_puts_out()
    {
        var script = File.ReadAllText(Path.Combine(BicepFolder.Root(), "infra", "prepare-database.sh"));
        var needed = NeededSettings().Match(script).Groups[1].Value.Split([' ', '\\', '\n'], StringSplitOptions.RemoveEmptyEntries);

        Assert.NotEmpty(needed);
        Assert.Empty(needed.Except(_folder["main.bicep"].Outputs));
    }

    [Fact]
    public void The_function_app_has_the_tag_by_which_azd_finds_it()
    {
        var azure = File.ReadAllText(Path.Combine(BicepFolder.Root(), "azure.yaml"));
        var service = Service().Match(azure).Groups[1].Value;

        Assert.Contains($"'azd-service-name': '{service}'", BicepFolder.ReadSources()["modules/functions.bicep"], StringComparison.Ordinal);
    }

    // What the Functions host, Durable Functions, Application Insights and Azure.Identity read by themselves, and the timer's binding.
    [GeneratedRegex("^(AzureWebJobsStorage__(accountName|credential|clientId)|AzureFunctionsJobHost__extensions__durableTask__.+"
        + "|APPLICATIONINSIGHTS_(CONNECTION|AUTHENTICATION)_STRING|AZURE_CLIENT_ID|EMBEDDINGS_SCHEDULE"
        + "|DURABLE_TASK_SCHEDULER_CONNECTION_STRING)$")]
    private static partial Regex HostSetting();

    private static string Module(string main, string name) =>
        Regex.Match(main, $@"^module {name} .*?^\}}", RegexOptions.Multiline | RegexOptions.Singleline).Value;

    [GeneratedRegex(@"for name in ([A-Z_\s\\]+); do")]
    private static partial Regex NeededSettings();

    [GeneratedRegex(@"^services:\n  (\w+):$", RegexOptions.Multiline)]
    private static partial Regex Service();
}
