using System.Reflection;
using EmbeddingFunctions.App;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Extensions.DependencyInjection;

namespace EmbeddingFunctions.Tests.Functions;

/// <summary>The app's functions, found as the host finds them.</summary>
internal static class AppFunctions
{
    public static IReadOnlyDictionary<string, MethodInfo> All { get; } = typeof(RunOrchestrator).Assembly.GetTypes()
        .SelectMany(type => type.GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly))
        .Where(method => method.IsDefined(typeof(FunctionAttribute)))
        .ToDictionary(method => method.GetCustomAttribute<FunctionAttribute>()!.Name);

    /// <summary>What the app registers, on a database that is never asked.</summary>
    public static ServiceProvider Services()
    {
        var settings = new EmbeddingSettings { Provider = ProviderChoice.Lexical, ProviderReason = "test" };
        return new ServiceCollection().AddEmbeddings(settings, Database.Open("Host=127.0.0.1;Port=1")).BuildServiceProvider();
    }

    public static object Create(MethodInfo function, IServiceProvider services) => ActivatorUtilities.CreateInstance(services, function.DeclaringType!);
}
