using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Cli.Status;

/// <summary>The declarations, held against the database.</summary>
internal sealed class DeclaredCorpora
{
    private readonly CorpusSet _declared;
    private readonly ResolvedCorpora _corpora;
    private readonly Catalogue _catalogue;
    private readonly EmbeddingSettings _settings;
    private readonly NpgsqlDataSource _database;
    private readonly CorpusFindings _findings;

    public DeclaredCorpora(
        CorpusSet declared, ResolvedCorpora corpora, Catalogue catalogue, EmbeddingSettings settings, NpgsqlDataSource database,
        CorpusFindings findings) =>
        (_declared, _corpora, _catalogue, _settings, _database, _findings) = (declared, corpora, catalogue, settings, database, findings);

    public async Task<IReadOnlyList<DeclaredCorpus>> List(CancellationToken cancellation)
    {
        var migrated = await _corpora.MigratedNames(cancellation);
        return _declared.All.Select(corpus => new DeclaredCorpus(
            corpus.Name, corpus.Tables.Select(table => table.Table).Distinct().ToList(), _settings.ModelFor(corpus), corpus.Dimensions,
            corpus.Schedule,
            migrated.Contains(corpus.Name))).ToList();
    }

    /// <summary>All in the declarations that the database does not have as they say.</summary>
    /// <param name="file">What was declared; nothing is wrong with it by itself.</param>
    /// <param name="name">Only this corpus.</param>
    /// <param name="cancellation">Ends the looking.</param>
    /// <exception cref="NotFoundException">There is no corpus of that name.</exception>
    public async Task<CorporaCheck> Check(ExaminedFile file, string? name, CancellationToken cancellation)
    {
        var asked = name is null ? _declared.All : [_declared.Get(name)];
        var (faults, fits, absent) = (new List<DeclarationFault>(), new List<string>(), new List<string>());
        foreach (var corpus in asked)
        {
            var tables = await _catalogue.Find(Catalogue.TablesOf(corpus), cancellation);
            var found = CorpusResolver.Faults(corpus, tables, _settings);
            // Of the shipped corpora a database mostly holds one.
            if (tables.Count == 0 && name is null && _settings.CorporaFile is null)
            {
                absent.Add(corpus.Name);
                continue;
            }

            found = found.Count > 0 ? found : await Faults(await _corpora.Resolve(corpus, cancellation), cancellation);
            faults.AddRange(
                found.Select(fault => file.Locate(fault.Within(CorpusRules.PathOf(_declared.All.ToList().IndexOf(corpus)), corpus.Name))));
            fits.AddRange(found.Count == 0 ? [corpus.Name] : []);
        }

        return new CorporaCheck(file.Source, faults, fits, absent);
    }

    /// <summary>A sentence for each table of which row security may hide rows, so that no count and no run is of all.</summary>
    /// <exception cref="DatabaseNotReadyException">The database is not ready for it.</exception>
    public async Task<IReadOnlyList<string>> RowSecurity(string name, CancellationToken cancellation) =>
        await _findings.Policies(await _corpora.Get(name, cancellation), cancellation);

    private async Task<IReadOnlyList<DeclarationFault>> Faults(ResolvedCorpus corpus, CancellationToken cancellation)
    {
        if (await CorpusProbe.Faults(corpus, _database, _catalogue, cancellation) is { Count: > 0 } misfits)
        {
            return misfits;
        }

        var strangers = await new SearchedSchemas(_database).UntrustedObjects(corpus, cancellation);
        var findings = await _findings.Of(corpus, cancellation);
        return
        [
            .. await new ForeignObjects(_database).Faults(corpus, takeOver: false, cancellation),
            .. strangers.Concat(findings).Select(finding => new DeclarationFault("", finding)),
        ];
    }
}

internal sealed record DeclaredCorpus(
    string Name, IReadOnlyList<string> Tables, string Model, int Dimensions, string Schedule, bool IsMigrated);

/// <param name="Source">The file.</param>
/// <param name="Fits">Corpora with which nothing is wrong.</param>
/// <param name="Absent">Shipped corpora none of whose tables the database has.</param>
internal sealed record CorporaCheck(
    string Source, IReadOnlyList<DeclarationFault> Faults, IReadOnlyList<string> Fits, IReadOnlyList<string> Absent)
{
    public bool IsWell => Faults.Count == 0;
}
