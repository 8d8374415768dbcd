using System.Runtime.CompilerServices;
using System.Text.Json;
using EmbeddingFunctions.Cli.Imports;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Testing;
using EmbeddingFunctions.Texts;

namespace EmbeddingFunctions.Core.Tests.Seeds;

/// <summary>873 real documents, the longest of 212,740 characters, where the file that holds them is beside the repository.</summary>
public sealed class DocumentsDataTests
{
    private const int Documents = 873;
    private const string Model = "text-embedding-3-small";
    private const int Dimensions = 1_536;
    private const int MaxCharacters = 20_000;

    [DataTheory]
    [InlineData("truncate")]
    [InlineData("fail")]
    [InlineData("chunk")]
    public async Task All_real_documents_are_embedded_in_every_mode_and_no_request_is_refused(string longText)
    {
        // High, but on; a third above what is declared, as the provider's own count of a minute is another.
        await using var fake = await FakeOpenAi.StartAsync(
            new FakeOpenAiOptions { RequestsPerMinute = 20_000, TokensPerMinute = 400_000_000, KeepTexts = false });
        await using var database = await TestDatabase.Empty();
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, Declaration(longText));
        await using var engine = new TestEngine(
            database, fake, settings => settings with { CorporaFile = file, RequestsPerMinute = 15_000, TokensPerMinute = 300_000_000 });
        await engine.Get<Migrator>().Migrate(engine.Get<CorpusSet>().Get("documents"), withSampleTables: true, null, default);
        await using (var documents = File.OpenRead(DataTheory.File))
        {
            Assert.Equal(Documents, (await engine.Get<DocumentsImport>().ImportLines(documents, default)).Written);
        }

        var run = await engine.Run(new RunRequest("documents", [], Concurrency: engine.Settings.BatchesInFlight));

        var rows = await database.Rows("SELECT id, content, embedding::real[], embedding_truncated FROM lovdata_documents ORDER BY id");
        Assert.Equal(Documents, run.Counts.Embedded + run.Counts.Failed);
        Assert.All(fake.Requests, request => Assert.Equal(200, request.Status));
        // Only chunks that several documents have, as of a licence, in batches that are in flight at the same moment.
        Assert.InRange(fake.DuplicatePaidInputs, 0, longText == "chunk" ? fake.PaidInputCount / 100 : 0);
        var chunks = longText == "chunk" ? await Chunks(database) : null;
        foreach (var row in rows)
        {
            var wrong = Wrong(longText, ((string)row[1]!).Trim(), (float[]?)row[2], (int?)row[3], chunks?[(long)row[0]!].ToList());
            Assert.True(wrong is null, $"Document {row[0]}: {wrong}");
        }

        Assert.Equal(longText == "fail" ? rows.Count(row => row[2] is null) : 0, run.Counts.Failed);
        Assert.Equal(longText == "fail", run.Counts.Failed > 0);
        Assert.Equal(0, (await engine.Run(new RunRequest("documents", []))).Counts.Requests);
        File.Delete(file);
    }

    private static string Declaration(string longText)
    {
        object table = longText == "chunk"
            ? new
            {
                kind = "document",
                table = "lovdata_documents",
                text = "{content}",
                changedAt = "updated_at",
                longText,
                chunks = new { table = "document_chunks" }
            }
            : new { kind = "document", table = "lovdata_documents", text = "{content}", changedAt = "updated_at", longText };
        return JsonSerializer.Serialize(new
        {
            corpora = new[]
            {
                new
                {
                    name = "documents",
                    dimensions = Dimensions,
                    store = "column",
                    maxCharacters = MaxCharacters,
                    batchSize = 40,
                    lanesPerPartition = 8,
                    tables = new[] { table }
                }
            },
        });
    }

    private static async Task<ILookup<long, (string Content, int Start, int End, float[] Vector)>> Chunks(TestDatabase database) =>
        (
            await database.Rows(
                "SELECT document_id, content, start_char, end_char, embedding::real[] FROM document_chunks ORDER BY document_id, "
                    + "chunk_index"))
        .ToLookup(row => (long)row[0]!, row => ((string)row[1]!, (int)row[2]!, (int)row[3]!, (float[])row[4]!));

    /// <summary>The oracle: a vector is a function of its text.</summary>
    private static string? Wrong(
        string longText, string text, float[]? vector, int? truncated, List<(string Content, int Start, int End, float[] Vector)>? chunks)
    {
        if (longText == "fail" && FakeTokens.Count(text) > TokenCounter.MaxInput)
        {
            return vector is null ? null : "it is too long and has a vector";
        }

        if (chunks is null)
        {
            var sent = longText == "fail" ? text : Cl100kTokens.Counter.Cut(NormalizedText.Of(text, MaxCharacters)).Text;
            var leftOut = Length(text) - Length(sent);
            return !IsSame(FakeVector.Of(sent, Model, Dimensions), vector) ? "its vector is of another text"
                : (truncated ?? 0) != leftOut ? $"{leftOut} characters were left out, not {truncated}"
                : null;
        }

        var runes = text.EnumerateRunes().ToArray();
        return chunks.Count == 0 ? "it has no chunks"
            : chunks[0].Start != 0 || chunks[^1].End != runes.Length ? "its chunks do not cover it"
            : chunks.Zip(chunks.Skip(1))
                .Any(
                    pair =>
                        pair.Second.Start > pair.First.End
                            && runes[pair.First.End..pair.Second.Start].Any(rune => !System.Text.Rune.IsWhiteSpace(rune)))
                ? "there is a gap between its chunks"
            : chunks.Exists(chunk => string.Concat(runes[chunk.Start..chunk.End]) != chunk.Content) ? "a chunk stands elsewhere"
            : chunks.Exists(chunk => FakeTokens.Count(chunk.Content) > 800) ? "a chunk is too long"
            : chunks.Exists(chunk => !IsSame(FakeVector.Of(chunk.Content, Model, Dimensions), chunk.Vector))
                ? "a chunk's vector is of another text"
            : !IsSame(Mean(chunks), vector) ? "its vector is not its chunks' mean"
            : null;
    }

    private static float[] Mean(List<(string Content, int Start, int End, float[] Vector)> chunks)
    {
        var sum = new double[Dimensions];
        foreach (var (content, _, _, vector) in chunks)
        {
            for (var i = 0; i < Dimensions; i++)
            {
                sum[i] += content.Length * (double)vector[i];
            }
        }

        var length = Math.Sqrt(sum.Sum(component => component * component));
        return Array.ConvertAll(sum, component => (float)(component / length));
    }

    private static int Length(string text) => text.EnumerateRunes().Count();

    private static bool IsSame(float[] expected, float[]? found) =>
        found is not null && expected.Zip(found).All(pair => Math.Abs(pair.First - pair.Second) < 1e-5f);

    private sealed class DataTheory : TheoryAttribute
    {
        public static readonly string File = Find();

        public DataTheory() => Skip = System.IO.File.Exists(File) ? null : $"There is no {File}.";

        private static string Find([CallerFilePath] string here = "") =>
            Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "..", "..", "..", "..", "shared", "data", "documents.jsonl.gz"));
    }
}
