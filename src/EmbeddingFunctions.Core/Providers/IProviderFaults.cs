namespace EmbeddingFunctions.Providers;

/// <summary>Says whose fault an exception of the app's generator is, which decides what is done about it.</summary>
/// <remarks>
/// Register one's own as a singleton. The default knows HTTP status codes, time-outs and lost connections, and takes everything else for a
/// fault that passes, so that it is retried.
/// </remarks>
public interface IProviderFaults
{
    /// <param name="exception">What the generator threw; the caller's own cancellation is not among it.</param>
    /// <returns>
    /// The fault, with the time that the provider asked to be left alone if it did. Secrets are taken out of its message before it is
    /// stored. Null: as the default has it.
    /// </returns>
    ProviderException? Classify(Exception exception);
}
