using System.CommandLine;
using System.Globalization;
using EmbeddingFunctions.Adoption;
using EmbeddingFunctions.Hosting;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Cli.Commands;

internal static class AdoptCommand
{
    private const int DefaultSample = 50;
    private const int MaxSample = 2_000;

    public static Command Create()
    {
        var options = new AdoptOptions(DefaultSample, MaxSample);
        var command = new CommandWithExamples(
            "adopt",
            "Take over vectors that another program made, so that they are not paid for again. A sample is embedded and compared first.",
            "embeddings adopt articles --from articles.old_embedding --model text-embedding-3-small",
            "embeddings adopt articles --from langchain_pg_embedding.embedding --key \"cmetadata->>'id'\" --model text-embedding-3-small",
            "embeddings adopt articles --from public.articles_embedding_store.embedding --model text-embedding-3-small --yes");
        options.AddTo(command);
        command.SetAction((parsed, cancellation) =>
        {
            var output = new Output(options.IsJson(parsed));
            return Failures.Guard(output, () => Run(output, options, parsed, cancellation), cancellation);
        });
        return command;
    }

    private static async Task<int> Run(Output output, AdoptOptions options, ParseResult parsed, CancellationToken cancellation)
    {
        var request = options.Request(parsed);
        await using var session = await Session.Open(output, cancellation);
        await using var other = options.Database(parsed) is { } url ? await Database.Open(url, cancellation) : null;
        request = other is null ? request : request with { Database = new SourceDatabase(other, Database.Describe(other)) };
        var adopter = session.Get<Adopter>();
        var plan = await adopter.Examine(request, line => output.Note($"{line} …"), cancellation);
        if (plan.Items == 0)
        {
            output.Result(new Answer(plan, 0, plan.LeftOut), text => text.WriteLine($"There is nothing to adopt.{Lines(plan.LeftOut)}"));
            return plan.LeftOut.Any(left => left.IsFault) ? ExitCode.WithFailures : ExitCode.Done;
        }

        if (!plan.Cosines!.IsOfOneModel)
        {
            return output.Fail($"{Describe(plan)}\n{Refusal(plan)}", ExitCode.Failed);
        }

        if (!options.IsSure(parsed) && !await Question.IsAffirmed($"{Describe(plan)}\nAdopt them?", options.IsJson(parsed), cancellation))
        {
            return output.Fail($"{Describe(plan)}\nSay --yes to do it.", ExitCode.Usage);
        }

        var adopted = await adopter.Adopt(plan, line => output.Note($"{line} …"), cancellation);
        await session.Get<ISearchIndexes>().Build(plan.Adoption.Corpus, cancellation);
        output.Result(
            new Answer(plan, adopted.Items, adopted.LeftOut),
            text => text.WriteLine(
                $"Adopted {adopted.Items:N0} vectors of {plan.Adoption.Source.Name}; {Sample(plan)}.{Lines(adopted.LeftOut)}"));
        return adopted.LeftOut.Any(left => left.Reason == LeftOutReason.Refused) ? ExitCode.WithFailures : ExitCode.Done;
    }

    private static string Describe(AdoptionPlan plan) =>
        $"{plan.Items:N0} vectors of {plan.Adoption.Source.Name} would be adopted by {plan.Adoption.Table.Kind} of "
            + $"'{plan.Adoption.Corpus.Corpus.Name}' as vectors of {plan.Adoption.Corpus.Model}; {Sample(plan)}.{Lines(plan.LeftOut)}";

    private static string Sample(AdoptionPlan plan) => plan.Cosines is not { } cosines ? "no sample was needed"
        : $"a sample of {cosines.Items:N0} was embedded ({plan.Requests:N0} requests, {plan.Tokens:N0} tokens): cosine "
            + $"{Number(cosines.Min)} at least, 5th percentile {Number(cosines.P5)}, median {Number(cosines.Median)}, "
            + $"{Number(cosines.Max)} at most";

    private static string Refusal(AdoptionPlan plan)
    {
        var worst = string.Join(", ", plan.Cosines!.Worst.Select(item => $"{plan.Adoption.Table.Kind}:{item.Id} {Number(item.Cosine)}"));
        return $"Nothing was adopted: every cosine must be {Number(CosineDistribution.Least)} or more. The least alike: {worst}. If all "
            + "are low, the vectors are of another model or text template; if a few are, their texts were edited since.";
    }

    private static string Number(double cosine) => Math.Round(cosine, 6).ToString("0.0#####", CultureInfo.InvariantCulture);

    private static string Lines(IEnumerable<LeftOutItems> leftOut) => string.Concat(leftOut.Select(left =>
        $"\n  - {left.Items:N0} {left.Words}"
            + (left.Ids.Count == 0 ? "" : $" ({string.Join(", ", left.Ids)}{(left.Items > left.Ids.Count ? ", …" : "")})")));

    /// <param name="Adopted">How many vectors were written.</param>
    private sealed record Answer(string Source, long Adopted, int Requests, long Tokens, CosineDistribution? Cosines,
        IReadOnlyList<LeftOutItems> LeftOut)
    {
        public Answer(AdoptionPlan plan, long adopted, IReadOnlyList<LeftOutItems> leftOut)
            : this(plan.Adoption.Source.Name, adopted, plan.Requests, plan.Tokens, plan.Cosines, leftOut)
        {
        }
    }
}
