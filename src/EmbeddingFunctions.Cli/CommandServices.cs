using EmbeddingFunctions.Cli.Imports;
using EmbeddingFunctions.Cli.Search;
using EmbeddingFunctions.Cli.Status;
using EmbeddingFunctions.Cli.Tables;
using Microsoft.Extensions.DependencyInjection;

namespace EmbeddingFunctions.Cli;

/// <summary>Registers what only the command line has.</summary>
internal static class CommandServices
{
    public static IServiceCollection AddCommands(this IServiceCollection services) => services
        .AddSingleton<TableSurvey>()
        .AddSingleton<DeclaredCorpora>()
        .AddSingleton<Doctor>()
        .AddSingleton<WorkspaceImport>()
        .AddSingleton<DocumentsImport>()
        .AddSingleton<SimilarItems>();
}
