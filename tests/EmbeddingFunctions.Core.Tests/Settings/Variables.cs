using EmbeddingFunctions.Hosting;
using EmbeddingFunctions.Settings;
using Microsoft.Extensions.Configuration;

namespace EmbeddingFunctions.Core.Tests.Settings;

internal static class Variables
{
    /// <summary>The settings of these environment variables alone.</summary>
    public static EmbeddingSettings Read(params (string Name, string? Value)[] values) => SettingsReader.Read(
        new ConfigurationBuilder().AddInMemoryCollection(values.ToDictionary(v => v.Name, v => v.Value)).Build());
}
