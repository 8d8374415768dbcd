using System.ClientModel;
using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Settings;

namespace EmbeddingFunctions.OpenAI;

/// <summary>Judges a refusal by its body and headers.</summary>
internal sealed class OpenAiProviderFaults(Redaction redaction) : IProviderFaults
{
    public ProviderException? Classify(Exception exception) =>
        exception is ClientResultException { Status: not 0 } refusal ? OpenAiFaults.From(refusal, redaction) : null;
}
