using Npgsql;

namespace EmbeddingFunctions.Storage.Migrations;

/// <summary>Tells a declaration, or a program, that a database has left behind from one that it has not seen yet.</summary>
internal sealed class OlderShapes(NpgsqlDataSource database, Catalogue catalogue)
{
    private const string FindUnknownScripts = "SELECT string_agg(name, ', ' ORDER BY name) FROM embedding_migrations WHERE name <> ALL "
        + "($1)";

    private const string FindReplaced =
        """
        SELECT mine.migrated_at
        FROM   embedding_shapes mine
        WHERE  mine.corpus = $1 AND mine.shape = $2
        AND    EXISTS (SELECT FROM embedding_rules r WHERE r.corpus = $1 AND r.shape <> $2)
        """;

    private const string FindOtherModel =
        """
        SELECT r.model
        FROM   embedding_rules r
        WHERE  r.corpus = $1 AND r.shape <> $2 AND r.model <> $3
        AND    EXISTS (SELECT FROM embedding_shapes mine WHERE mine.corpus = $1 AND mine.shape = $2)
        LIMIT  1
        """;

    /// <returns>A sentence that says what is older, or null.</returns>
    public async Task<string?> Older(BoundCorpus corpus, CancellationToken cancellation)
    {
        if (!(await catalogue.Find(["embedding_shapes"], cancellation)).ContainsKey("embedding_shapes"))
        {
            return null;
        }

        if (
            await Ask(
                FindUnknownScripts, cancellation, (object)Migration.All.Select(migration => migration.Name).ToArray()) is string scripts)
        {
            return $"The database was migrated by a newer version of this program ({scripts}): update this one.";
        }

        var shape = CorpusShape.Id(corpus);
        if (await Ask(FindOtherModel, cancellation, corpus.Corpus.Name, shape, corpus.Model) is string model)
        {
            return $"The database was migrated for the model {model} of '{corpus.Corpus.Name}', and this program is set to {corpus.Model}: "
                + "set the provider's key, EMBEDDING_PROVIDER or EMBEDDING_MODEL as they were, "
                + $"or switch with 'embeddings migrate {corpus.Corpus.Name} --yes'.";
        }

        return await Ask(FindReplaced, cancellation, corpus.Corpus.Name, shape) is DateTime since
            ? $"This declaration of '{corpus.Corpus.Name}', or this version of the program, is the older one: the database was migrated "
                + $"for it on {since:yyyy-MM-dd HH:mm} UTC, "
                + "and for another since. Use the newer declaration and program."
            : null;
    }

    private async Task<object?> Ask(string sql, CancellationToken cancellation, params object[] values)
    {
        await using var command = database.CreateCommand(sql);
        foreach (var value in values)
        {
            command.Parameters.Add(new() { Value = value });
        }

        return await command.ExecuteScalarAsync(cancellation);
    }
}
