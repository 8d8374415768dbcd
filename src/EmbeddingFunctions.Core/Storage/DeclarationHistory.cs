using Npgsql;

namespace EmbeddingFunctions.Storage;

/// <summary>The declarations that a database was migrated for: tells one that is older from one that it has not seen yet.</summary>
internal sealed class DeclarationHistory(NpgsqlDataSource database)
{
    private static SqlText Newest(string corpus) =>
        $"SELECT declaration, model FROM embedding.declarations WHERE corpus = {corpus} ORDER BY migrated_at DESC, declaration LIMIT 1";

    /// <returns>A sentence that says what is older, or null.</returns>
    public async Task<string?> Older(ResolvedCorpus corpus, CancellationToken cancellation)
    {
        var name = corpus.Corpus.Name;
        var found = await Read(
            $"""
            SELECT mine.migrated_at, newest.model
            FROM   embedding.declarations mine JOIN ({Newest(name)}) newest ON newest.declaration <> mine.declaration
            WHERE  mine.corpus = {name} AND mine.declaration = {corpus.Declaration}
            """,
            row => (MigratedAt: row.GetDateTime(0), Model: row.GetString(1)), cancellation);
        return found.Count == 0 ? null
            : found[0].Model != corpus.Model
                ? $"The database was migrated for the model {found[0].Model} of '{name}', and this program is set to {corpus.Model}: "
                    + "set the provider's key, EMBEDDING_PROVIDER or EMBEDDING_MODEL as they were, "
                    + $"or switch with 'embeddings migrate {name} --yes'."
            : $"This declaration of '{name}' is the older one: the database was migrated for it on "
                + $"{found[0].MigratedAt:yyyy-MM-dd HH:mm} UTC, and for another since. Use the newer declaration.";
    }

    /// <returns>The model that the newest migration was for, or null.</returns>
    public async Task<string?> Model(string corpus, CancellationToken cancellation) =>
        (await Read(Newest(corpus), row => row.GetString(1), cancellation)).SingleOrDefault();

    /// <returns>Whether vectors are made as this declaration says, and yet the newest migration was for another one.</returns>
    public async Task<bool> IsChanged(ResolvedCorpus corpus, CancellationToken cancellation)
    {
        var rules = await Read(
            $"SELECT kind, rule FROM embedding.rules WHERE corpus = {corpus.Corpus.Name}", row => (row.GetString(0), row.GetString(1)),
            cancellation);
        return corpus.Tables.All(table => rules.Contains((table.Kind, table.Rule.Id))) && !await IsInForce(corpus, cancellation);
    }

    /// <returns>Whether the newest migration was for this declaration.</returns>
    public async Task<bool> IsInForce(ResolvedCorpus corpus, CancellationToken cancellation) =>
        await Read(Newest(corpus.Corpus.Name), row => row.GetString(0), cancellation) is [var newest] && newest == corpus.Declaration;

    private async Task<List<T>> Read<T>(SqlText statement, Func<NpgsqlDataReader, T> row, CancellationToken cancellation)
    {
        try
        {
            return await database.QueryAsync(statement, row, cancellation);
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidSchemaName)
        {
            // Never migrated.
            return [];
        }
    }
}
