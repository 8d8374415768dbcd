using System.Text.Json;
using System.Text.Json.Serialization;

namespace EmbeddingFunctions;

/// <summary>Writes an enum as a word, whatever an app's own options say: answers and their description are the same everywhere.</summary>
internal sealed class CamelCaseEnum() : JsonStringEnumConverter(JsonNamingPolicy.CamelCase);
