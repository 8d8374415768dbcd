using System.Text.Json;
using System.Text.Json.Serialization;
using EmbeddingFunctions.Settings;

namespace EmbeddingFunctions.Costs;

/// <summary>What models charge, in dollars for a million tokens: the list prices in <c>prices.json</c>, or those of a file.</summary>
internal sealed class PriceTable
{
    private const decimal Million = 1_000_000;

    private static readonly JsonSerializerOptions _json = new(JsonSerializerDefaults.Web)
    {
        ReadCommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    };

    private readonly Dictionary<string, DatedPrice[]> _models;
    private readonly TimeProvider _time;

    private PriceTable(Dictionary<string, DatedPrice[]> models, TimeProvider time) => (_models, _time) = (models, time);

    /// <param name="file">Prices that come before the shipped ones, model by model; null: none.</param>
    /// <param name="time">Today is by this clock.</param>
    /// <exception cref="SettingsException">The file cannot be used.</exception>
    public static PriceTable Load(string? file, TimeProvider time)
    {
        using var shipped = typeof(PriceTable).Assembly.GetManifestResourceStream("prices.json")
            ?? throw new InvalidOperationException("The program was built without its prices.json.");
        var models = JsonSerializer.Deserialize<PricesFile>(shipped, _json)!.Models;
        foreach (var (model, prices) in file is null ? [] : Read(file))
        {
            models[model] = prices;
        }

        return new PriceTable(models, time);
    }

    /// <returns>Dollars at today's price, or null for a model whose price is not known.</returns>
    public decimal? Of(string model, long tokens, bool isOnBatchLane = false)
    {
        var today = DateOnly.FromDateTime(_time.GetUtcNow().UtcDateTime);
        return _models.GetValueOrDefault(model)?.Where(price => price.From <= today).MaxBy(price => price.From) is { } price
            ? price.PerMillion * (isOnBatchLane ? price.BatchFactor : 1) * tokens / Million
            : null;
    }

    private static Dictionary<string, DatedPrice[]> Read(string file)
    {
        try
        {
            var models = JsonSerializer.Deserialize<PricesFile>(File.ReadAllText(file), _json)?.Models ?? [];
            return models.Values.SelectMany(prices => prices).FirstOrDefault(price => price.PerMillion < 0 || price.BatchFactor < 0) is null
                ? models
                : throw new SettingsException([$"The price file {file} has a price below zero."]);
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new SettingsException(
                [$"The price file {file} cannot be used: {e.Message} It is to be like "
                    + """{ "models": { "my-model": [{ "from": "2026-01-31", "perMillion": 0.02, "batchFactor": 0.5 }] } }."""]);
        }
    }

    private sealed record PricesFile([property: JsonRequired] Dictionary<string, DatedPrice[]> Models);

    /// <param name="From">The first day, in UTC.</param>
    /// <param name="PerMillion">Dollars for a million tokens.</param>
    /// <param name="BatchFactor">What the provider's batch lane multiplies it by.</param>
    private sealed record DatedPrice(
        [property: JsonRequired] DateOnly From, [property: JsonRequired] decimal PerMillion, decimal BatchFactor = 1);
}
