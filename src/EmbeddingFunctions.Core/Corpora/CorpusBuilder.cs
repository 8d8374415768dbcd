using System.Globalization;

namespace EmbeddingFunctions.Corpora;

/// <summary>Declares a <see cref="Corpus"/>.</summary>
public sealed class CorpusBuilder
{
    private Corpus _corpus;

    internal CorpusBuilder(string name) => _corpus = new Corpus { Name = name, Dimensions = 0, Tables = [] };

    /// <summary>The length of a vector: 1 to 2,000 for <c>vector</c>, to 4,000 for <c>halfvec</c>.</summary>
    public CorpusBuilder Dimensions(int dimensions, VectorType type = VectorType.Vector) =>
        With(corpus => corpus with { Dimensions = dimensions, VectorType = type });

    /// <summary>The provider's model, where it is another than the generator's own.</summary>
    public CorpusBuilder Model(string model) => With(corpus => corpus with { Model = model });

    /// <summary>When the worker starts a run: an NCrontab expression with seconds, in UTC; every 15 minutes unless declared.</summary>
    public CorpusBuilder Schedule(string expression) => With(corpus => corpus with { Schedule = expression });

    /// <summary>How long an edit may wait for its vector, in whole seconds: the health says when it is longer.</summary>
    public CorpusBuilder Freshness(TimeSpan longest) =>
        With(corpus => corpus with { Freshness = $"{Math.Ceiling(longest.TotalSeconds).ToString(CultureInfo.InvariantCulture)} seconds" });

    /// <summary>Lets a trigger wake the worker, so that an edit is embedded about a second later.</summary>
    public CorpusBuilder EmbedOnEdit() => With(corpus => corpus with { Trigger = true });

    /// <summary>A table whose rows are embedded.</summary>
    /// <param name="table">The table's name, optionally with its schema.</param>
    /// <param name="declare">Declares at least the text.</param>
    public CorpusBuilder Table(string table, Action<TableBuilder> declare)
    {
        ArgumentNullException.ThrowIfNull(table);
        ArgumentNullException.ThrowIfNull(declare);
        var builder = new TableBuilder(table);
        declare(builder);
        return With(corpus => corpus with { Tables = [.. corpus.Tables, builder.Build()] });
    }

    /// <summary>Anything else that a corpus may declare: <c>c.With(corpus => corpus with { BatchSize = 50 })</c>.</summary>
    public CorpusBuilder With(Func<Corpus, Corpus> change)
    {
        ArgumentNullException.ThrowIfNull(change);
        _corpus = change(_corpus);
        return this;
    }

    internal Corpus Build() => _corpus;
}
