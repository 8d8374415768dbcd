using EmbeddingFunctions.Hosting;
using Microsoft.Azure.Functions.Worker.Builder;
using Microsoft.Extensions.Hosting;

var builder = FunctionsApplication.CreateBuilder(args);
builder.ConfigureFunctionsWebApplication();
var settings = SettingsReader.FromEnvironment();
builder.Services.AddEmbeddings(settings, await Database.Open(settings.EnsureDatabase(), CancellationToken.None));
builder.Build().Run();
