using EmbeddingFunctions.Imports;
using EmbeddingFunctions.Search;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace EmbeddingFunctions;

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
