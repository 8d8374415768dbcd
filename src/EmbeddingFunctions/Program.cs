using EmbeddingFunctions;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using Microsoft.Azure.Functions.Worker.Builder;
using Microsoft.Extensions.Hosting;

var builder = FunctionsApplication.CreateBuilder(args);
builder.ConfigureFunctionsWebApplication();
var settings = SettingsReader.FromEnvironment();
builder.Services.AddEmbeddings(settings, Database.Open(settings.EnsureDatabase()));
builder.Build().Run();
