using EmbeddingFunctions.Alerts;
using EmbeddingFunctions.AspNetCore;
using EmbeddingFunctions.Hosting;
using Microsoft.Azure.Functions.Worker.Builder;
using Microsoft.Azure.Functions.Worker.OpenTelemetry;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

var builder = FunctionsApplication.CreateBuilder(args);
builder.ConfigureFunctionsWebApplication();
var settings = SettingsReader.FromEnvironment();
builder.Services.AddEmbeddings(settings, await Database.Open(settings.EnsureDatabase(), CancellationToken.None));
if (settings.SendsTelemetry)
{
    builder.Services.AddOpenTelemetry().UseFunctionsWorkerDefaults();
}

builder.Services.AddHostedService(services => services.GetRequiredService<AlertWatch>());
using var app = builder.Build();
// A file of keys that cannot be used is reported at the start.
_ = app.Services.GetRequiredService<SearchKeys>();
app.Services.StartTelemetry(settings);
app.Run();
