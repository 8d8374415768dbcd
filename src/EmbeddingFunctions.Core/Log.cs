using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Runs;
using Microsoft.Extensions.Logging;

namespace EmbeddingFunctions;

/// <summary>
/// Log messages: events of runs, outages and faults of requests; never a text, a vector or a key. docs/configuration.md lists their event
/// ids.
/// </summary>
internal static partial class Log
{
    [LoggerMessage(100, LogLevel.Information, "Run {RunId} of {Corpus} begins, {Total} items are pending")]
    public static partial void RunBegins(this ILogger logger, Guid runId, string corpus, int total);

    [LoggerMessage(101, LogLevel.Information, "Run {RunId} of {Corpus}: {Processed} of {Total} items so far, {Failed} failed{Note}")]
    public static partial void RunProgress(
        this ILogger logger, Guid runId, string corpus, int processed, int total, int failed, string note);

    [LoggerMessage(
        EventId = 102,
        Message =
            "Run {RunId} of {Corpus}: {Status}, {Processed} of {Total} items, {Failed} failed, {Tokens} tokens, {Seconds:0.0} s{Error}")]
    public static partial void RunEnds(
        this ILogger logger, LogLevel level, Guid runId, string corpus, RunStatus status, int processed, int total, int failed, long tokens,
        double seconds, string error);

    [LoggerMessage(103, LogLevel.Information, "Run {RunId} of {Corpus} is left to the next server, {Processed} items processed so far")]
    public static partial void RunIsLeft(this ILogger logger, Guid runId, string corpus, int processed);

    [LoggerMessage(104, LogLevel.Error, "Run {RunId} of {Corpus} broke off and is taken up again: {Reason}")]
    public static partial void RunCouldNotBeClosed(this ILogger logger, Guid runId, string corpus, string reason);

    [LoggerMessage(105, LogLevel.Information, "Run {RunId} of {Corpus} is adopted: the process that carried it has ended or lost it")]
    public static partial void RunIsAdopted(this ILogger logger, Guid runId, string corpus);

    [LoggerMessage(106, LogLevel.Debug, "Run {RunId} of {Corpus} is left to a host whose declaration and version the database has")]
    public static partial void RunSuitsAnotherHost(this ILogger logger, Guid runId, string corpus);

    [LoggerMessage(110, LogLevel.Warning, "{Why} Runs wait, what is asked for is refused.")]
    public static partial void Disabled(this ILogger logger, string why);

    [LoggerMessage(111, LogLevel.Warning, "The schedule waits: {Reason}")]
    public static partial void ScheduleWaits(this ILogger logger, string reason);

    [LoggerMessage(112, LogLevel.Information, "The schedule goes on.")]
    public static partial void ScheduleGoesOn(this ILogger logger);

    [LoggerMessage(113, LogLevel.Warning, "Another part of the scheduled work failed too: {Reason}")]
    public static partial void ScheduledWorkFails(this ILogger logger, string reason);

    [LoggerMessage(EventId = 114, Message = "{Line}")]
    public static partial void Hears(this ILogger logger, LogLevel level, string line);

    [LoggerMessage(EventId = 115, Message = "An edit of {Corpus} begins no run yet: {Reason}")]
    public static partial void EditBeginsNoRun(this ILogger logger, LogLevel level, string corpus, string reason);

    [LoggerMessage(200, LogLevel.Warning, "The provider of {Model} fails; it is tried again until it answers: {Reason}")]
    public static partial void ProviderFails(this ILogger logger, string model, string reason);

    [LoggerMessage(201, LogLevel.Error, "The provider of {Model} refuses all calls until a person acts: {Reason}")]
    public static partial void ProviderRefuses(this ILogger logger, string model, string reason);

    [LoggerMessage(202, LogLevel.Information, "The provider of {Model} answers again after {Seconds:0} s")]
    public static partial void ProviderAnswersAgain(this ILogger logger, string model, double seconds);

    [LoggerMessage(203, LogLevel.Debug, "A call of {Model} is tried again after {Seconds:0.0} s: {Reason}")]
    public static partial void CallIsRetried(this ILogger logger, string model, double seconds, string reason);

    [LoggerMessage(EventId = 210, Message = "The circuit of {Model} is open, calls wait or fail at once: {Reason}")]
    public static partial void CircuitOpened(this ILogger logger, LogLevel level, string model, string reason);

    [LoggerMessage(211, LogLevel.Debug, "The circuit of {Model} is half-open, one call probes the provider")]
    public static partial void CircuitHalfOpened(this ILogger logger, string model);

    [LoggerMessage(212, LogLevel.Information, "The circuit of {Model} is closed, calls go through again")]
    public static partial void CircuitClosed(this ILogger logger, string model);

    [LoggerMessage(220, LogLevel.Information,
        "Calls of {Model} wait {Seconds:0.0} s for the shared limits of {Requests:0} requests and {Tokens:0} tokens a minute")]
    public static partial void LimitsAreReached(this ILogger logger, string model, double seconds, double requests, double tokens);

    [LoggerMessage(221, LogLevel.Warning,
        "The database cannot be reached for the shared limits of {Name}; this process uses a quarter of them by itself meanwhile")]
    public static partial void LimiterStoreIsLost(this ILogger logger, string name);

    [LoggerMessage(222, LogLevel.Information, "The shared limits of {Name} are back in use")]
    public static partial void LimiterStoreIsBack(this ILogger logger, string name);

    [LoggerMessage(223, LogLevel.Warning, "The shared state of {Name} cannot be read and is begun again: {Reason}")]
    public static partial void LimiterStateIsUnreadable(this ILogger logger, string name, string reason);

    [LoggerMessage(300, LogLevel.Warning, "The database fails, met by {Work}; it is tried again until it answers: {Reason}")]
    public static partial void DatabaseFails(this ILogger logger, string work, string reason);

    [LoggerMessage(301, LogLevel.Information, "The database answers again after {Seconds:0} s")]
    public static partial void DatabaseAnswersAgain(this ILogger logger, double seconds);

    [LoggerMessage(302, LogLevel.Warning, "The database refuses {Work}, and embedding goes on without: {Reason}")]
    public static partial void DatabaseRefuses(this ILogger logger, string work, string reason);

    [LoggerMessage(303, LogLevel.Information, "The database accepts {Work} again after {Seconds:0} s")]
    public static partial void DatabaseAcceptsAgain(this ILogger logger, string work, double seconds);

    [LoggerMessage(304, LogLevel.Debug, "Another transaction was in the way of {Work} ({SqlState})")]
    public static partial void WorkIsRepeated(this ILogger logger, string work, string sqlState);

    [LoggerMessage(310, LogLevel.Warning,
        "Run {RunId} has lost the claims of a batch of {Items} items of {Kind} in partition '{Partition}': another worker embeds them")]
    public static partial void LeaseIsLost(this ILogger logger, Guid runId, string kind, string partition, int items);

    [LoggerMessage(311, LogLevel.Information, "Run {RunId} embeds {Items} items of {Kind} whose worker let its claims run out")]
    public static partial void ClaimsAreTakenOver(this ILogger logger, Guid runId, int items, string kind);

    [LoggerMessage(312, LogLevel.Debug, "Whether {Kind} of {Corpus} can be written is asked with the next batch: rows of it are locked")]
    public static partial void RowsAreLocked(this ILogger logger, string kind, string corpus);

    [LoggerMessage(320, LogLevel.Information, "Batch {Batch} of run {RunId} is on the provider's lane as {ProviderId}")]
    public static partial void LaneBatchIsSent(this ILogger logger, Guid batch, Guid runId, string providerId);

    [LoggerMessage(321, LogLevel.Information, "Batch {Batch} of run {RunId} has ended: {Status}, {Lines} lines with vectors")]
    public static partial void LaneBatchHasEnded(this ILogger logger, Guid batch, Guid runId, LaneStatus status, int lines);

    [LoggerMessage(322, LogLevel.Warning,
        "The provider's queue is full, and run {RunId} sends at most {Tokens} tokens at a time: {Reason}")]
    public static partial void LaneQueueIsFull(this ILogger logger, Guid runId, long tokens, string reason);

    [LoggerMessage(400, LogLevel.Information, "The migration for {Corpus} begins")]
    public static partial void MigrationBegins(this ILogger logger, string corpus);

    [LoggerMessage(401, LogLevel.Information, "The migration for {Corpus} is done after {Seconds:0.0} s")]
    public static partial void MigrationIsDone(this ILogger logger, string corpus, double seconds);

    [LoggerMessage(EventId = 402, Message = "Migration step begins: {Step}")]
    public static partial void MigrationStepBegins(this ILogger logger, LogLevel level, string step);

    [LoggerMessage(EventId = 403, Message = "Migration step is done after {Seconds:0.0} s: {Step}")]
    public static partial void MigrationStepIsDone(this ILogger logger, LogLevel level, string step, double seconds);

    [LoggerMessage(404, LogLevel.Information, "A migration step is tried again, as another transaction was in its way ({SqlState})")]
    public static partial void MigrationStepIsRepeated(this ILogger logger, string sqlState);

    [LoggerMessage(405, LogLevel.Warning, "The indexes for search of {Corpus} cannot be built, and searches are exact: {Reason}")]
    public static partial void IndexIsNotBuilt(this ILogger logger, string corpus, string reason);

    [LoggerMessage(500, LogLevel.Warning,
        "{Requests} requests of the queue for {Kind} of {Corpus} are refused; embedding_queue has the reasons")]
    public static partial void QueueRequestsAreRefused(this ILogger logger, int requests, string kind, string corpus);

    [LoggerMessage(600, LogLevel.Error, "{Method} {Path} was not served: {Fault} {Reason}")]
    public static partial void RequestFails(this ILogger logger, string method, string path, string fault, string reason);

    [LoggerMessage(601, LogLevel.Warning, "The health check '{Check}' fails: {Reason}")]
    public static partial void HealthCheckFails(this ILogger logger, string check, string reason);

    [LoggerMessage(602, LogLevel.Information, "The health check '{Check}' passes again")]
    public static partial void HealthCheckPasses(this ILogger logger, string check);

    [LoggerMessage(603, LogLevel.Information, "The file of search keys has changed and was read again: it has {Keys} keys")]
    public static partial void SearchKeysAreRead(this ILogger logger, int keys);

    [LoggerMessage(604, LogLevel.Warning, "The search keys stay as they are, because their file cannot be used: {Reason}")]
    public static partial void SearchKeysAreKept(this ILogger logger, string reason);

    [LoggerMessage(610, LogLevel.Information, "The alert '{Kind}' of {Subject} was sent: {State}")]
    public static partial void AlertIsSent(this ILogger logger, string kind, string subject, string state);

    [LoggerMessage(611, LogLevel.Warning,
        "The receiver did not take the alert '{Kind}' of {Subject} ({State}), attempt {Attempt}, and is asked again: {Reason}")]
    public static partial void AlertIsRefused(
        this ILogger logger, string kind, string subject, string state, int attempt, string reason);

    [LoggerMessage(612, LogLevel.Warning, "No alerts can be looked for, until that is mended: {Reason}")]
    public static partial void AlertsWait(this ILogger logger, string reason);
}
