using System.Text.Json;
using EmbeddingFunctions.Switching;

namespace EmbeddingFunctions.Cli.Imports;

/// <summary>Reads questions with their expected items from JSON lines.</summary>
internal static class QuestionLines
{
    private const int MostShown = 10;
    private const int MostQuestions = 10_000;
    private const int MaxGrade = 100;

    /// <param name="file">Plain or gzipped.</param>
    /// <param name="cancellation">Ends the reading.</param>
    /// <exception cref="ImportException">It cannot be read, or a line of it is no question: the message has line and cause.</exception>
    public static async Task<IReadOnlyList<GradedQuestion>> Read(FileInfo file, CancellationToken cancellation)
    {
        var (questions, problems) = (new List<GradedQuestion>(), new List<string>());
        try
        {
            await using var stream = file.OpenRead();
            await foreach (var (line, question, problem) in JsonLines.Read(stream, Question, cancellation))
            {
                if (question is null)
                {
                    problems.Add($"line {line}: {problem}");
                }
                else
                {
                    questions.Add(question with { Line = line });
                }
            }
        }
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            throw new ImportException($"The questions in '{file}' cannot be read: {e.Message}");
        }

        return problems.Count > 0 ? throw new ImportException(
                $"The questions in '{file}' cannot be used:{string.Concat(problems.Take(MostShown).Select(line => $"\n  - {line}"))}"
                    + (problems.Count > MostShown ? $"\n  - and {problems.Count - MostShown:N0} lines more" : ""))
            : questions.Count is 0 or > MostQuestions ? throw new ImportException(
                $"'{file}' has {questions.Count:N0} questions; it takes 1 to {MostQuestions:N0}, one a line.")
            : questions;
    }

    private static GradedQuestion Question(JsonElement json) =>
        JsonLines.Required(json, "question") is var text && string.IsNullOrWhiteSpace(text)
            ? throw new FormatException("its 'question' is blank")
            : new GradedQuestion(0, text, Expected(json));

    private static Dictionary<ItemName, int> Expected(JsonElement json)
    {
        var expected = JsonLines.Value(json, "expected") switch
        {
            { ValueKind: JsonValueKind.Array } items => items.EnumerateArray().Select(item => (Name: Item(item), Grade: 1)).ToList(),
            { ValueKind: JsonValueKind.Object } items =>
                items.EnumerateObject().Select(item => (Name: Item(item.Name), Grade: Grade(item.Value))).ToList(),
            _ => throw new FormatException(
                """it has no 'expected': a list of items, ["article:7"], or an object with their grades, {"article:7": 3}"""),
        };
        return expected.Count == 0 ? throw new FormatException("its 'expected' names no item")
            : expected.GroupBy(item => item.Name).FirstOrDefault(same => same.Count() > 1) is { Key: var twice }
                ? throw new FormatException($"its 'expected' names {twice} twice")
            : expected.ToDictionary(item => item.Name, item => item.Grade);
    }

    private static ItemName Item(JsonElement item) =>
        item.ValueKind == JsonValueKind.String ? Item(item.GetString()!)
        : throw new FormatException("an item of its 'expected' is not text");

    private static ItemName Item(string text) => ItemName.Parse(text)
        ?? throw new FormatException($"'{JsonLines.Short(text)}' is no item: write its kind, a colon and its id, like article:7");

    private static int Grade(JsonElement grade) =>
        grade.ValueKind == JsonValueKind.Number && grade.TryGetInt32(out var value) && value is >= 1 and <= MaxGrade
            ? value
            : throw new FormatException($"a grade is a whole number from 1 to {MaxGrade}");
}
