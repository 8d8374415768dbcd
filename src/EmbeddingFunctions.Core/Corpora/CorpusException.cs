namespace EmbeddingFunctions.Corpora;

/// <summary>A corpus cannot be used as asked, and nothing was done: the type says what is at fault, the message what to do.</summary>
public abstract class CorpusException : Exception
{
    private protected CorpusException(string message)
        : base(message)
    {
    }
}

/// <summary>A declaration is wrong by itself, or an argument does not fit it: the same call fails until it is changed.</summary>
public sealed class InvalidCorpusException : CorpusException
{
    internal InvalidCorpusException(string message)
        : base(message)
    {
    }
}

/// <summary>
/// The database cannot serve the corpus as it is now: it is not migrated, does not fit the declaration, lacks a privilege, or something
/// else is in the way.
/// </summary>
public sealed class DatabaseNotReadyException : CorpusException
{
    internal DatabaseNotReadyException(string message)
        : base(message)
    {
    }

    /// <summary>The database is for another declaration or version of this program: a host with that one can work.</summary>
    internal bool SuitsAnotherHost { get; init; }
}

/// <summary>There is no corpus, kind, item or run of the name or id.</summary>
public sealed class NotFoundException : CorpusException
{
    internal NotFoundException(string message)
        : base(message)
    {
    }
}
