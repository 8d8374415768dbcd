using Npgsql;

namespace EmbeddingFunctions.Storage.Migrations;

/// <summary>Tells a declaration, or a program, that a database has left behind from one that it has not seen yet.</summary>
internal sealed class OlderShapes(NpgsqlDataSource database, Catalogue catalogue)
{
    private static SqlText FindUnknownScripts(string[] known) =>
        $"SELECT string_agg(name, ', ' ORDER BY name) FROM embedding_migrations WHERE name <> ALL ({known})";

    private static SqlText FindReplaced(string corpus, string shape) =>
        $"""
        SELECT mine.migrated_at
        FROM   embedding_shapes mine
        WHERE  mine.corpus = {corpus} AND mine.shape = {shape}
        AND    EXISTS (SELECT FROM embedding_rules r WHERE r.corpus = {corpus} AND r.shape <> {shape})
        """;

    private static SqlText FindOtherModel(BoundCorpus corpus, string shape) =>
        $"""
        SELECT r.model
        FROM   embedding_rules r
        WHERE  r.corpus = {corpus.Corpus.Name} AND r.shape <> {shape} AND r.model <> {corpus.Model}
        AND    EXISTS (SELECT FROM embedding_shapes mine WHERE mine.corpus = {corpus.Corpus.Name} AND mine.shape = {shape})
        LIMIT  1
        """;

    /// <returns>A sentence that says what is older, or null.</returns>
    public async Task<string?> Older(BoundCorpus corpus, CancellationToken cancellation)
    {
        if (!(await catalogue.Find(["embedding_shapes"], cancellation)).ContainsKey("embedding_shapes"))
        {
            return null;
        }

        var known = Migration.All.Select(migration => migration.Name).ToArray();
        if (await database.ScalarAsync<string>(FindUnknownScripts(known), cancellation) is { } scripts)
        {
            return $"The database was migrated by a newer version of this program ({scripts}): update this one.";
        }

        var shape = CorpusShape.Id(corpus);
        if (await database.ScalarAsync<string>(FindOtherModel(corpus, shape), cancellation) is { } model)
        {
            return $"The database was migrated for the model {model} of '{corpus.Corpus.Name}', and this program is set to {corpus.Model}: "
                + "set the provider's key, EMBEDDING_PROVIDER or EMBEDDING_MODEL as they were, "
                + $"or switch with 'embeddings migrate {corpus.Corpus.Name} --yes'.";
        }

        return await database.ScalarAsync<DateTime?>(FindReplaced(corpus.Corpus.Name, shape), cancellation) is { } since
            ? $"This declaration of '{corpus.Corpus.Name}', or this version of the program, is the older one: the database was migrated "
                + $"for it on {since:yyyy-MM-dd HH:mm} UTC, "
                + "and for another since. Use the newer declaration and program."
            : null;
    }
}
