namespace EmbeddingFunctions.Switching;

/// <summary>A question with the items that a person expects among its answers.</summary>
/// <param name="Line">Of the file, for messages.</param>
/// <param name="Text">As a user asks it.</param>
/// <param name="Expected">At least one item, each with its grade: 1 or more, the higher the better the item answers.</param>
internal sealed record GradedQuestion(int Line, string Text, IReadOnlyDictionary<ItemName, int> Expected)
{
    /// <summary>How many answers count.</summary>
    public const int Answers = IndexProbe.Neighbours;

    /// <summary>
    /// The normalised discounted cumulative gain, 0 to 1. An answer gains its grade, divided by the binary logarithm of its place plus 1;
    /// 1 is the sum that the best possible answers gain.
    /// </summary>
    public double Ndcg(IReadOnlyList<ItemName> answers) =>
        Gain(answers.Take(Answers).Select(answer => Expected.GetValueOrDefault(answer)))
            / Gain(Expected.Values.OrderDescending().Take(Answers));

    /// <summary>1 divided by the place of the first expected answer; 0 if there is none among them.</summary>
    public double ReciprocalRank(IReadOnlyList<ItemName> answers) =>
        answers.Take(Answers).Index().Where(answer => Expected.ContainsKey(answer.Item)).Select(answer => 1d / (answer.Index + 1))
            .FirstOrDefault();

    private static double Gain(IEnumerable<int> grades) => grades.Select((grade, i) => grade / Math.Log2(i + 2)).Sum();
}

/// <summary>An item as people write it: its kind, a colon and its id.</summary>
internal readonly record struct ItemName(string Kind, string Id)
{
    /// <returns>Null: the text has another form.</returns>
    public static ItemName? Parse(string text) =>
        text.IndexOf(':') is > 0 and var colon && colon < text.Length - 1 ? new ItemName(text[..colon], text[(colon + 1)..]) : null;

    public override string ToString() => $"{Kind}:{Id}";
}

/// <summary>How well two generations answer the same questions, as means over them.</summary>
/// <param name="Questions">How many were asked.</param>
/// <param name="Live">Of the generation that searches read.</param>
/// <param name="Other">Of the one that is filled or, after the flip, kept.</param>
internal sealed record QuestionScores(int Questions, AnswerScore Live, AnswerScore Other);

/// <param name="Ndcg">nDCG@10, 0 to 1.</param>
/// <param name="Mrr">MRR@10, 0 to 1.</param>
internal sealed record AnswerScore(double Ndcg, double Mrr);
