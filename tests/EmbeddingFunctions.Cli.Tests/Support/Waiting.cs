namespace EmbeddingFunctions.Cli.Tests;

/// <summary>Waits for what other processes do.</summary>
internal static class Waiting
{
    public static async Task Until(Func<Task<bool>> condition)
    {
        var end = DateTime.UtcNow + Running.Patience;
        while (!await condition())
        {
            Assert.True(DateTime.UtcNow < end, "It did not come to that.");
            await Task.Delay(50);
        }
    }
}
