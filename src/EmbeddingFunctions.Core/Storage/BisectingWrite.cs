using Npgsql;

namespace EmbeddingFunctions.Storage;

/// <summary>
/// Statements over many rows of an owner's: a row that a trigger or a constraint of its keeps from being written keeps no other.
/// </summary>
internal static class BisectingWrite
{
    /// <summary>Writes items together and, where the database refuses that because of a row, in halves, down to that row.</summary>
    /// <param name="items">What to write.</param>
    /// <param name="write">Writes some, all or none of them.</param>
    /// <param name="refuse">Takes an item whose row cannot be written, with the reason; null: it is only counted.</param>
    /// <returns>What <paramref name="write"/> returned, summed, and how many items were refused.</returns>
    public static async Task<(int Written, int Refused)> Write<T>(
        IReadOnlyList<T> items, Func<IReadOnlyList<T>, Task<int>> write, Func<T, PostgresException, Task>? refuse = null)
    {
        if (items.Count == 0)
        {
            return (0, 0);
        }

        try
        {
            return (await write(items), 0);
        }
        catch (PostgresException e) when (IsOfOneRow(e) && items.Count == 1)
        {
            await (refuse?.Invoke(items[0], e) ?? Task.CompletedTask);
            return (0, 1);
        }
        catch (PostgresException e) when (IsOfOneRow(e))
        {
            var half = items.Count / 2;
            var first = await Write(items.Take(half).ToList(), write, refuse);
            var second = await Write(items.Skip(half).ToList(), write, refuse);
            return (first.Written + second.Written, first.Refused + second.Refused);
        }
    }

    public static bool IsOfOneRow(PostgresException e) => WriteFaults.IsOfARow(e) || WriteFaults.IsLocked(e);
}
