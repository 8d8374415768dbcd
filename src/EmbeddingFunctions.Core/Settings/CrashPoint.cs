namespace EmbeddingFunctions.Settings;

/// <summary>The borders between what is kept and what is not, at each of which a test may have the process die.</summary>
internal enum CrashPoint
{
    AfterClaim,
    BeforeCall,
    AfterResponseBeforeCache,
    AfterCacheBeforeWrite,

    /// <summary>The write, one statement that is a transaction of its own, is made ready and not sent.</summary>
    BeforeCommit,

    /// <summary>It is sent, and whether it commits is not known.</summary>
    DuringWrite,
    AfterCommit,
    DuringHeartbeat,
    DuringFinalise,
}
