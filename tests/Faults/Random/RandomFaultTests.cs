using Xunit.Abstractions;

namespace EmbeddingFunctions.Faults.Random;

/// <summary>A few rounds of what <c>./run faults</c> does for as long as it is asked to.</summary>
public sealed class RandomFaultTests(ITestOutputHelper output)
{
    [Fact]
    public async Task All_that_happens_the_oracle_holds()
    {
        var first = Environment.TickCount & 0xFFFFFF;
        for (var seed = first; seed < first + 3; seed++)
        {
            var outcome = await new Round(seed).Play();
            output.WriteLine($"{outcome}");
            Assert.True(outcome.IsWell, $"{outcome}\n{string.Join('\n', outcome.Said)}");
        }
    }
}
