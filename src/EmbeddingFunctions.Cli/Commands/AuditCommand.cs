using System.CommandLine;
using System.Globalization;
using EmbeddingFunctions.Status;

namespace EmbeddingFunctions.Cli.Commands;

internal static class AuditCommand
{
    private const int MostSampled = 2_000;

    public static Command Create()
    {
        var corpus = Arguments.Corpus();
        var sample = Arguments.Count(
            "--sample", "Embed this number of rows of each kind again, and compare the vectors with those that are stored.", MostSampled);
        var repair = new Option<bool>("--repair")
        {
            Description = "Mark the rows that are found as pending, delete what is left over, and build invalid indexes."
        };
        var yes = new Option<bool>("--yes") { Description = "With --repair: do not ask." };
        var json = Arguments.Json();
        var command = new CommandWithExamples(
            "audit",
            "Read every declared row, and find vectors that are not what its text and rule call for, and leftovers of rows that are gone.",
            "embeddings audit workspace",
            "embeddings audit workspace --sample 50",
            "embeddings audit workspace --repair --yes") { corpus, sample, repair, yes, json };
        command.Validators.Add(result =>
        {
            if (result.GetResult(yes) is not null && result.GetResult(repair) is null)
            {
                result.AddError("--yes is the answer to the question of --repair: give --repair too.");
            }
        });
        command.SetAction((parsed, cancellation) =>
        {
            var output = new Output(parsed.GetValue(json));
            return Failures.Guard(
                output,
                () => Run(
                    output, parsed.GetValue(corpus)!, parsed.GetValue(sample), parsed.GetValue(repair), parsed.GetValue(yes),
                    parsed.GetValue(json), cancellation),
                cancellation);
        });
        return command;
    }

    private static async Task<int> Run(
        Output output, string corpus, int? sample, bool isRepaired, bool isSure, bool isJson, CancellationToken cancellation)
    {
        await using var session = await Session.Open(output, cancellation);
        var (audit, name) = (session.Get<Audit>(), session.LiveName(corpus));
        var found = await audit.Of(name, isRepaired: false, cancellation);
        var drifts = sample is { } rows ? await audit.Sample(name, rows, cancellation) : [];
        isRepaired &= found.Findings.Count > 0;
        if (isRepaired && !isSure)
        {
            found.Findings.ToList().ForEach(finding => output.Note(Line(finding)));
            if (!await Question.IsAffirmed("Repair all of this?", isJson, cancellation))
            {
                return output.Fail("Nothing was changed. Add --yes to repair what was found.", ExitCode.Usage);
            }
        }

        var repaired = isRepaired ? await audit.Of(name, isRepaired: true, cancellation) : found;
        output.Result(
            new
            {
                Corpus = corpus,
                repaired.Found,
                repaired.Findings,
                Repaired = isRepaired,
                repaired.Refused,
                Drift = drifts.Select(drift => new { drift.Kind, drift.IsDrift, drift.Cosines }),
            },
            text => Print(corpus, repaired, isRepaired, drifts, text));
        return drifts.Any(drift => drift.IsDrift) || (isRepaired ? repaired.Refused > 0 : found.Findings.Count > 0)
            ? ExitCode.WithFailures : ExitCode.Done;
    }

    private static void Print(
        string corpus, AuditedCorpus audit, bool isRepaired, IReadOnlyList<DriftOfKind> drifts, TextWriter text)
    {
        foreach (var finding in audit.Findings)
        {
            text.WriteLine(Line(finding));
        }

        var all = audit.Found.Values.Sum();
        text.WriteLine(audit.Findings.Count == 0 ? "Every vector of a declared row belongs to its text, and nothing is left over."
            : !isRepaired ? $"'embeddings audit {corpus} --repair' makes the rows pending and removes the rest."
            : audit.Refused == 0 ? $"Repaired; {all:N0} rows are pending: 'embeddings backfill {corpus}' embeds them."
            : $"{all - audit.Refused:N0} are pending now, {audit.Refused:N0} are not: their rows are locked, or a trigger or constraint "
                + "refuses to have them written.");
        foreach (var drift in drifts)
        {
            text.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{drift.Kind}: {drift.Cosines.Items:N0} rows embedded again, cosine to the stored vectors {drift.Cosines.Min:0.0000} at "
                    + $"least, {drift.Cosines.Median:0.0000} in the middle"));
            if (drift.IsDrift)
            {
                text.WriteLine(
                    $"  The provider's model is another one than that which made the vectors: 'embeddings backfill {corpus} --force' makes "
                        + "all of them again.");
            }
        }
    }

    private static string Line(AuditFinding finding) => $"{finding.Count,8:N0} {(finding.Kind is { } kind ? $"{kind}: " : "")}"
        + finding.Problem switch
        {
            "otherText" => "the vector, failure or decision is of another text",
            "noVector" => "counts as embedded and has no vector",
            "noProvenance" => "nothing says which model the vector is of, or that it was made for the row",
            "otherWidth" => "the vector has another number of dimensions than declared",
            "unusable" => "the vector is zero, or holds NaN or infinity",
            "otherLength" => "the vector is not of length 1, as the others are",
            "deadClaim" => "a claim of a worker or a row that is gone",
            "orphanedChunk" => "a chunk of a row that is gone or has no vector",
            "staleCopy" => "a copy in similarity_cache of a row that is gone or has changed",
            _ => "an index for search that is invalid",
        };
}
