namespace EmbeddingFunctions.Cli;

/// <summary>Asks the person at a terminal.</summary>
internal static class Question
{
    /// <returns>Whether the answer is yes; without a terminal nothing is asked, and it is not.</returns>
    public static async Task<bool> IsAffirmed(string question, bool json, CancellationToken cancellation)
    {
        if (json || Console.IsInputRedirected || Console.IsErrorRedirected)
        {
            return false;
        }

        await Console.Error.WriteAsync($"{question} (y/N) ");
        var answer = await Task.Run(Console.ReadLine, CancellationToken.None).WaitAsync(cancellation);
        return answer?.Trim() is "y" or "Y" or "yes";
    }
}
