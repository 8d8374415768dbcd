using System.ClientModel;
using EmbeddingFunctions.Settings;

namespace EmbeddingFunctions.Providers;

/// <summary>Judges a refusal by its body and headers.</summary>
internal sealed class OpenAiProviderFaults(Redaction redaction) : IProviderFaults
{
    public ProviderException? Classify(Exception exception) =>
        exception is ClientResultException { Status: not 0 } refusal ? OpenAiFaults.From(refusal, redaction) : null;
}
