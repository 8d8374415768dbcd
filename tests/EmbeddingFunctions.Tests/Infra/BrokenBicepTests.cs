namespace EmbeddingFunctions.Tests.Infra;

/// <summary>Each rule of <see cref="BicepFolder"/> notices what it is there for.</summary>
public sealed class BrokenBicepTests
{
    private const string Main = "main.bicep";
    private const string Functions = "modules/functions.bicep";
    private const string Parameters = "main.parameters.json";

    [Theory]
    [InlineData(Functions, "output name string = app.name", "output name string = (app.name", "'(' is not closed")]
    [InlineData(Functions, "concat(settings", "concat((settings", "'}' closes nothing")]
    [InlineData(Functions, "kind: 'functionapp'\n", "kind: 'functionapp\n", "a string is not closed")]
    [InlineData(Functions, "  properties: { reserved: true }\n}", "  properties: { reserved: true ]\n}", "']' closes nothing")]
    [InlineData(Functions, "resource plan", "resouce plan", "is no statement")]
    [InlineData(Main, "module redis 'modules/redis.bicep' = {", "module redis 'modules/redis.bicep' {", "is no statement")]
    public void What_cannot_be_read(string file, string old, string broken, string problem) =>
        AssertFound(f => f.Unread(), file, old, broken, problem);

    [Theory]
    [InlineData(Main, "modules/scheduler.bicep", "modules/storage.bicep", "modules/scheduler.bicep is not called")]
    [InlineData(Main, "modules/scheduler.bicep", "modules/schedule.bicep", "modules/schedule.bicep does not exist")]
    public void A_module_that_is_not_called(string file, string old, string broken, string problem) =>
        AssertFound(f => f.Uncalled(), file, old, broken, problem);

    [Theory]
    [InlineData(Main, "    capacity: embeddingCapacity\n", "", "module openai: capacity is missing")]
    [InlineData(Main, "    redisHost:", "    redisServer:", "module functions: there is no parameter redisServer")]
    [InlineData(Main, "    redisHost:", "    redisHost: token\n    redisHost:", "module functions: redisHost is given twice")]
    [InlineData(Functions, "param taskHub string", "param hub string", "module functions: hub is missing")]
    public void A_call_that_passes_the_wrong(string file, string old, string broken, string problem) =>
        AssertFound(f => f.WronglyPassed(), file, old, broken, problem);

    [Theory]
    [InlineData(Parameters, "\"location\"", "\"region\"", "location is missing")]
    [InlineData(Parameters, "\"principalName\"", "\"principalAlias\"", "there is no parameter principalAlias")]
    public void A_parameters_file_that_sets_the_wrong(string file, string old, string broken, string problem) =>
        AssertFound(f => f.WronglySet(), file, old, broken, problem);

    [Theory]
    [InlineData(Main, "scheduler!.outputs.endpoint", "scheduler!.outputs.address", "there is no scheduler.outputs.address")]
    [InlineData(Main, "redis.outputs.host", "cache.outputs.host", "there is no cache.outputs.host")]
    [InlineData("modules/postgres.bicep", "output host ", "output server ", "there is no postgres.outputs.host")]
    public void An_output_that_does_not_exist(string file, string old, string broken, string problem) =>
        AssertFound(f => f.UnknownOutputs(), file, old, broken, problem);

    [Theory]
    [InlineData(Functions, "rediss://${redisHost}", "rediss://${cacheHost}", "cacheHost is not declared")]
    [InlineData(Functions, "serverFarmId: plan.id", "serverFarmId: farm.id", "farm is not declared")]
    [InlineData(Functions, "? [] : schedulerSettings", "? none : schedulerSettings", "none is not declared")]
    [InlineData("modules/redis.bicep", "parent: cluster", "parent: server", "server is not declared")]
    public void A_name_that_is_not_declared(string file, string old, string broken, string problem) =>
        AssertFound(f => f.Undeclared(), file, old, broken, problem);

    [Theory]
    [InlineData(Functions, "rediss://${redisHost}", "rediss://cache", "redisHost is not used")]
    [InlineData(Functions, ": schedulerSettings)", ": [])", "schedulerSettings is not used")]
    [InlineData("modules/redis.bicep", "  tags: tags\n", "", "tags is not used")]
    public void A_name_that_is_not_used(string file, string old, string broken, string problem) =>
        AssertFound(f => f.Unused(), file, old, broken, problem);

    [Theory]
    [InlineData(Functions, "value: storageName", "value: account.listKeys().keys[0].value", "listKeys")]
    [InlineData(Functions, "${identityName}@", "${identityName}:${token}@", "postgres://${}:${}@")]
    [InlineData(Functions, "Authorization=AAD", "AccountKey=1", "AccountKey=1")]
    [InlineData(Main, "@minLength(1)", "@secure()", "secure")]
    [InlineData("modules/postgres.bicep", "    version: '17'", "    administratorLoginPassword: name", "administratorLoginPassword")]
    public void A_secret(string file, string old, string broken, string problem) =>
        AssertFound(f => f.Secrets(), file, old, broken, problem);

    [Theory]
    [InlineData("modules/storage.bicep", "// Storage Queue Data Contributor", "// Storage Table Data Contributor", "974c5e8b")]
    [InlineData("modules/storage.bicep", " // Storage Blob Data Owner", "", "b7e6dc6d")]
    [InlineData("modules/openai.bicep", "5e0bd9bd", "5e0bd9be", "5e0bd9be")]
    public void A_role_of_another_name(string file, string old, string broken, string problem) =>
        AssertFound(f => f.WronglyNamedRoles(), file, old, broken, problem);

    private static void AssertFound(Func<BicepFolder, IEnumerable<string>> rule, string file, string old, string broken, string problem)
    {
        var sources = BicepFolder.ReadSources();
        Assert.Contains(old, sources[file], StringComparison.Ordinal);
        sources[file] = sources[file].Replace(old, broken, StringComparison.Ordinal);

        Assert.Contains(rule(new BicepFolder(sources)), found => found.Contains(problem, StringComparison.Ordinal));
    }
}
