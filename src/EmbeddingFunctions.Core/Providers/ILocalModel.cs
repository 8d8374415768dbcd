using EmbeddingFunctions.Texts;
using Microsoft.Extensions.AI;

namespace EmbeddingFunctions.Providers;

/// <summary>
/// A model in this process, called <see cref="Settings.EmbeddingSettings.LocalModel"/>; a host that carries it gives it to
/// <see cref="EmbeddingServices"/>.
/// </summary>
public interface ILocalModel : IEmbeddingGenerator<string, Embedding<float>>, ITextWindow;
