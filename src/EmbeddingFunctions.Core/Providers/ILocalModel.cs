using EmbeddingFunctions.Texts;
using Microsoft.Extensions.AI;

namespace EmbeddingFunctions.Providers;

/// <summary>
/// A model in this process, called <see cref="Settings.EmbeddingSettings.LocalModel"/>: neither paid for nor limited.
/// </summary>
internal interface ILocalModel : IEmbeddingGenerator<string, Embedding<float>>, ITextWindow;
