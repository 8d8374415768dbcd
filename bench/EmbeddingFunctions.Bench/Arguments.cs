namespace EmbeddingFunctions.Bench;

/// <summary>What was asked for on the command line.</summary>
internal sealed record Arguments(IReadOnlyList<string> Only, Sizes Sizes)
{
    public const string Usage =
        """
        usage: ./run bench [--only NAME]... [--quick] [--runs N]

          --only NAME  one-table, durable, start, backfill, memory, writes, owners-writes, scale, planning, sharing, limits, local,
                       search, relevance or dashboard; may be repeated
          --quick      small sizes: to see that it works, not how fast it is
          --rows N     rows that are searched (20,000; with --quick 8,000)
          --dimensions N, --type vector|halfvec
                       of their vectors (384, vector)
          --runs N     take the median of N runs (3; with --quick 1)
        """;

    private static readonly string[] _names =
    [
        "one-table", "durable", "start", "backfill", "memory", "writes", "owners-writes", "scale", "planning", "sharing", "limits",
        "local", "search", "relevance", "dashboard",
    ];

    /// <returns>Null if the arguments cannot be understood.</returns>
    public static Arguments? Parse(string[] args)
    {
        var only = new List<string>();
        var sizes = args.Contains("--quick") ? Sizes.Quick : Sizes.Full;
        for (var i = 0; i < args.Length; i++)
        {
            switch (args[i])
            {
                case "--quick":
                    break;
                case "--only" when i + 1 < args.Length && _names.Contains(args[i + 1]):
                    only.Add(args[++i]);
                    break;
                case "--runs" when i + 1 < args.Length && int.TryParse(args[i + 1], out var runs) && runs > 0:
                    sizes = sizes with { Runs = runs };
                    i++;
                    break;
                case "--rows" when i + 1 < args.Length && int.TryParse(args[i + 1], out var rows) && rows >= 1_000:
                    sizes = sizes with { Search = sizes.Search with { Rows = rows } };
                    i++;
                    break;
                case "--dimensions" when i + 1 < args.Length && int.TryParse(args[i + 1], out var dimensions) && dimensions > 1:
                    sizes = sizes with { Search = sizes.Search with { Dimensions = dimensions } };
                    i++;
                    break;
                case "--type" when i + 1 < args.Length && args[i + 1] is "vector" or "halfvec":
                    sizes = sizes with { Search = sizes.Search with { Type = args[++i] } };
                    break;
                default:
                    return null;
            }
        }

        return new Arguments(only, sizes);
    }

    public bool Includes(string name) => Only.Count == 0 || Only.Contains(name);
}
