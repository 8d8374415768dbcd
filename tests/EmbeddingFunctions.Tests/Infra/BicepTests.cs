using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace EmbeddingFunctions.Tests.Infra;

/// <summary>The deployment compiles, its parts fit one another, and no secret is in it.</summary>
public sealed partial class BicepTests
{
    // As https://learn.microsoft.com/azure/role-based-access-control/built-in-roles has them.
    private static readonly Dictionary<string, string> _roles = new()
    {
        ["b7e6dc6d-f1e8-4753-8033-0f276bb0955b"] = "Storage Blob Data Owner",
        ["ba92f5b4-2d11-453d-a403-e96b0029c9fe"] = "Storage Blob Data Contributor",
        ["974c5e8b-45b9-4653-ba55-5f855dd0fb88"] = "Storage Queue Data Contributor",
        ["0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3"] = "Storage Table Data Contributor",
        ["3913510d-42f4-4e42-8a64-420c390055eb"] = "Monitoring Metrics Publisher",
        ["5e0bd9bd-7b93-4f28-af87-19fc36ad61bd"] = "Cognitive Services OpenAI User",
        ["0ad04412-c4d5-4796-b79c-f76d14c8d402"] = "Durable Task Data Contributor",
        ["4633458b-17de-408a-b874-0445c86b69e6"] = "Key Vault Secrets User",
        ["b86a8fe4-44ce-4948-aee5-eccb2c155cd7"] = "Key Vault Secrets Officer",
    };

    [Fact]
    public void It_compiles_without_an_error_and_without_a_warning() => Assert.Equal("", Deployment.Diagnostics);

    [Fact]
    public void Every_module_is_deployed()
    {
        var main = Deployment.Sources["main.bicep"];

        Assert.DoesNotContain(
            Deployment.Sources.Keys, path => path != "main.bicep" && !main.Contains($"'{path}'", StringComparison.Ordinal));
    }

    [Fact]
    public void The_parameters_file_sets_the_parameters_that_there_are()
    {
        using var file = JsonDocument.Parse(File.ReadAllText(Path.Combine(Deployment.Root(), "infra", "main.parameters.json")));
        var set = file.RootElement.GetProperty("parameters").EnumerateObject().Select(parameter => parameter.Name).ToList();
        var declared = Deployment.Template["parameters"]!.AsObject();

        Assert.Empty(set.Except(declared.Select(parameter => parameter.Key)));
        Assert.Empty(declared.Where(parameter => parameter.Value!["defaultValue"] is null).Select(parameter => parameter.Key).Except(set));
    }

    [Fact]
    public void Nothing_holds_a_secret() => Assert.Empty(
        from file in Deployment.Sources
        from line in file.Value.Split('\n')
        where !line.TrimStart().StartsWith("//", StringComparison.Ordinal) && SecretPattern().IsMatch(line)
        select $"{file.Key}: {line}");

    [Theory]
    [InlineData("account.listKeys().keys[0].value")]
    [InlineData("postgres://${identityName}:${token}@${databaseHost}")]
    [InlineData("AccountKey=1")]
    [InlineData("@secure()")]
    [InlineData("administratorLoginPassword: name")]
    public void A_secret_would_be_found(string secret) => Assert.Matches(SecretPattern(), secret);

    [Fact]
    public void Every_role_is_called_by_its_name()
    {
        var lines = Deployment.Sources.Values.SelectMany(source => source.Split('\n'))
            .SelectMany(line => IdPattern().Matches(line).Select(id => (Line: line, Id: id.Value))).ToList();

        Assert.NotEmpty(lines);
        Assert.All(lines, found => Assert.EndsWith($"// {_roles[found.Id]}", found.Line, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("storage", "allowSharedKeyAccess", "false")]
    [InlineData("storage", "allowBlobPublicAccess", "false")]
    [InlineData("packages", "allowSharedKeyAccess", "false")]
    [InlineData("packages", "allowBlobPublicAccess", "false")]
    [InlineData("monitoring", "DisableLocalAuth", "true")]
    [InlineData("monitoring", "disableLocalAuth", "true")]
    [InlineData("openai", "disableLocalAuth", "true")]
    [InlineData("redis", "accessKeysAuthentication", "Disabled")]
    [InlineData("vault", "enableRbacAuthorization", "true")]
    [InlineData("postgres", "passwordAuth", "Disabled")]
    [InlineData("functions", "allow", "false")]
    [InlineData("functions", "httpsOnly", "true")]
    public void Only_Entra_opens_it(string module, string property, string value)
    {
        var values = Deployment.ValuesOf(Deployment.Module(module), property).ToList();

        Assert.NotEmpty(values);
        Assert.All(values, found => Assert.Equal(value, found, ignoreCase: true));
    }

    [Theory]
    [InlineData("postgres", "audit")]
    [InlineData("openai", "audit")]
    [InlineData("storage", "audit")]
    [InlineData("packages", "audit")]
    [InlineData("vault", "audit")]
    [InlineData("redis", "ConnectionEvents")]
    public void L6_Who_comes_in_is_noted(string module, string category) =>
        Assert.Contains(
            category,
            Deployment.ValuesOf(Deployment.Module(module), "categoryGroup")
                .Concat(Deployment.ValuesOf(Deployment.Module(module), "category")));

    // Flex Consumption has no fixed addresses to name: who comes in is decided by Entra's tokens, and the page says what is public.
    [Fact]
    public void L6_The_database_lets_in_Azures_addresses_alone_and_the_page_says_what_is_public()
    {
        var page = File.ReadAllText(Path.Combine(Deployment.Root(), "infra", "README.md")).ReplaceLineEndings(" ");

        Assert.Equal("0.0.0.0", Assert.Single(Deployment.ValuesOf(Deployment.Template, "startIpAddress")));
        Assert.Equal("0.0.0.0", Assert.Single(Deployment.ValuesOf(Deployment.Template, "endIpAddress")));
        Assert.Contains("each service takes Entra tokens only. All have public addresses", page, StringComparison.Ordinal);
        Assert.Contains("Azure's of all customers", page, StringComparison.Ordinal);
    }

    [Fact]
    public void L6_Whoever_prepares_the_database_is_let_in_only_meanwhile()
    {
        var script = File.ReadAllText(Path.Combine(Deployment.Root(), "infra", "prepare-database.sh"));
        var (closing, opening) = (
            script.IndexOf("trap close_firewall EXIT", StringComparison.Ordinal),
            script.IndexOf("az resource create", StringComparison.Ordinal));

        Assert.InRange(closing, 0, opening);
        Assert.Contains("az resource delete --ids \"$rule\"", script, StringComparison.Ordinal);
    }

    [Fact]
    public void L6_The_identity_that_the_app_signs_in_with_has_no_role_over_its_package()
    {
        var storage = Deployment.ValuesOf(Deployment.Module("functions"), "userAssignedIdentityResourceId");

        Assert.Contains("'deployer'", Deployment.Passed("packages", "principalId"), StringComparison.Ordinal);
        Assert.Contains("'identity'", Deployment.Passed("storage", "principalId"), StringComparison.Ordinal);
        Assert.Contains("'packages'", Deployment.Passed("functions", "deploymentContainer"), StringComparison.Ordinal);
        Assert.Contains("'deployer'", Deployment.Passed("functions", "deployerId"), StringComparison.Ordinal);
        Assert.Equal("[parameters('identityClientId')]", Setting("AZURE_CLIENT_ID"));
        Assert.Equal("[parameters('deployerId')]", Assert.Single(storage));
    }

    // The pools of as many instances as there may be, and a person at work.
    [Fact]
    public void M8_The_instances_that_there_may_be_fit_into_the_connections_that_the_server_admits()
    {
        const int Groups = 3;
        const int Kept = 5;
        var functions = Deployment.Module("functions")["template"]!;
        var instances = Deployment.Template["parameters"]!["maximumInstances"]!;
        var admitted = (int)Deployment.Module("postgres")["template"]!["outputs"]!["connections"]!["value"]!;

        Assert.Contains("Standard_B1ms", Deployment.ValuesOf(Deployment.Module("postgres"), "name"));
        Assert.Equal(35, admitted);
        Assert.Equal(Groups, (int)functions["variables"]!["groups"]!);
        Assert.Equal(
            $"[div(sub(parameters('databaseConnections'), {Kept}), mul(variables('groups'), parameters('maximumInstances')))]",
            (string?)functions["variables"]!["poolSize"]);
        Assert.Contains("Maximum%20Pool%20Size={3}', ", Setting("DATABASE_URL"), StringComparison.Ordinal);
        Assert.Equal("[parameters('maximumInstances')]", Assert.Single(Deployment.ValuesOf(functions, "maximumInstanceCount")));
        Assert.True(
            (admitted - Kept) / (Groups * (int)instances["defaultValue"]!) >= 8, "An instance has eight requests in flight.");
        Assert.True(admitted - Kept >= Groups * (int)instances["maxValue"]!, "Every instance needs a connection.");
    }

    public static TheoryData<string> Settings => [.. AllSettings().Select(setting => (string)setting["name"]!)];

    [Theory]
    [MemberData(nameof(Settings))]
    public void A_setting_is_one_that_is_read(string name)
    {
        using var sample = JsonDocument.Parse(File.ReadAllText(Path.Combine(Deployment.Root(), "local.settings.sample.json")));

        Assert.True(
            sample.RootElement.GetProperty("Values").TryGetProperty(name, out _) || HostSetting().IsMatch(name),
            $"no program reads {name}");
        Assert.Single(AllSettings(), setting => (string?)setting["name"] == name);
    }

    [Theory]
    [InlineData("EMBEDDINGS_READ_KEY")]
    [InlineData("EMBEDDINGS_ALERT_URL")]
    [InlineData("EMBEDDINGS_ALERT_SECRET")]
    [InlineData("OTEL_EXPORTER_OTLP_HEADERS")]
    public void A_secret_stays_in_the_vault_and_the_setting_refers_to_it(string name)
    {
        Assert.Contains(
            $"'@Microsoft.KeyVault(SecretUri={{0}}secrets/{name.Replace('_', '-')})', parameters('vaultUri')", Setting(name),
            StringComparison.Ordinal);
        Assert.Equal(
            "[parameters('identityId')]",
            Assert.Single(Deployment.ValuesOf(Deployment.Module("functions"), "keyVaultReferenceIdentity")));
    }

    [Fact]
    public void A_setting_that_was_not_asked_for_is_left_out()
    {
        Assert.Contains(
            "filter(variables('optionalSettings'), lambda('setting', not(empty(lambdaVariables('setting').value))))",
            Assert.Single(Deployment.ValuesOf(Deployment.Module("functions"), "appSettings")), StringComparison.Ordinal);
        Assert.All(
            Deployment.Template["parameters"]!.AsObject().Where(parameter => parameter.Key.StartsWith("has", StringComparison.Ordinal)),
            parameter => Assert.False((bool)parameter.Value!["defaultValue"]!));
    }

    [Fact]
    public void The_database_script_needs_only_what_main_puts_out()
    {
        var script = File.ReadAllText(Path.Combine(Deployment.Root(), "infra", "prepare-database.sh"));
        var needed = NeededSettings().Match(script).Groups[1].Value.Split([' ', '\\', '\n'], StringSplitOptions.RemoveEmptyEntries);

        Assert.NotEmpty(needed);
        Assert.Empty(needed.Except(Deployment.Template["outputs"]!.AsObject().Select(output => output.Key)));
    }

    [Fact]
    public void The_function_app_has_the_tag_by_which_azd_finds_it()
    {
        var azure = File.ReadAllText(Path.Combine(Deployment.Root(), "azure.yaml"));
        var service = Service().Match(azure).Groups[1].Value;

        Assert.Contains(
            $"createObject('azd-service-name', '{service}')", Assert.Single(Deployment.ValuesOf(Deployment.Module("functions"), "tags"),
                tags => tags.Contains("azd-service-name", StringComparison.Ordinal)), StringComparison.Ordinal);
    }

    // What the Functions host, Durable Functions, Application Insights and Azure.Identity read by themselves, and the timer's binding.
    [GeneratedRegex("^(AzureWebJobsStorage__(accountName|credential|clientId)|AzureFunctionsJobHost__extensions__durableTask__.+"
        + "|APPLICATIONINSIGHTS_(CONNECTION|AUTHENTICATION)_STRING|AZURE_CLIENT_ID|EMBEDDINGS_SCHEDULE"
        + "|DURABLE_TASK_SCHEDULER_CONNECTION_STRING|OTEL_EXPORTER_OTLP_HEADERS|AzureFunctionsJobHost__telemetryMode)$")]
    private static partial Regex HostSetting();

    private static string? Setting(string name) =>
        (string?)Assert.Single(AllSettings(), setting => (string?)setting["name"] == name)["value"];

    private static IEnumerable<JsonNode> AllSettings()
    {
        var variables = Deployment.Module("functions")["template"]!["variables"]!;
        return variables["settings"]!.AsArray().Concat(variables["schedulerSettings"]!.AsArray())
            .Concat(variables["optionalSettings"]!.AsArray()).OfType<JsonNode>();
    }

    // Functions that hand out keys, a password in any form, a key in a connection string, user:password@ in an address.
    [GeneratedRegex(
        @"\blist[A-Z]\w*\(|\bgetSecret\b|\bsecure\b|[Pp]assword(?!Auth)|(Account|Access|Shared|Api)\w*Key=|://[^/@'\s]*:[^/@'\s]*@")]
    private static partial Regex SecretPattern();

    [GeneratedRegex("[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}")]
    private static partial Regex IdPattern();

    [GeneratedRegex(@"for name in ([A-Z_\s\\]+); do")]
    private static partial Regex NeededSettings();

    [GeneratedRegex(@"^services:\n  (\w+):$", RegexOptions.Multiline)]
    private static partial Regex Service();
}
