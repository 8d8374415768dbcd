using System.Linq.Expressions;
using System.Text.Json;
using System.Text.Json.Serialization;
using EmbeddingFunctions.VectorData;

namespace EmbeddingFunctions.Library.Tests;

/// <summary>Conditions on records as conditions on columns.</summary>
public sealed class FilterTranslatorTests
{
    private static readonly JsonSerializerOptions _json = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private static readonly int[] _numbers = [1, 2];
    private static readonly List<string> _names = ["a", "b"];
    private static readonly HashSet<string> _set = ["c"];

    public static TheoryData<Expression<Func<Row, bool>>, string> Conditions { get; } = new()
    {
        { row => row.Number == 7, """{"column":"Number","=":7}""" },
        { row => 7 < row.Number, """{"column":"Number",">":7}""" },
        { row => row.Number >= _numbers[1], """{"column":"Number",">=":2}""" },
        { row => row.Number != 7 && row.Name == "x", """{"column":"Number","!=":7} {"column":"Name","=":"x"}""" },
        { row => !(row.Number <= 7), """{"column":"Number",">":7}""" },
        { row => !(row.Number < 7 || row.Name == "x"), """{"column":"Number",">=":7} {"column":"Name","!=":"x"}""" },
        { row => row.Number == 1 || row.Number == 2 || row.Number == 3, """{"column":"Number","in":[1,2,3]}""" },
        { row => !(row.Number != 1 && row.Number != 2), """{"column":"Number","in":[1,2]}""" },
        { row => row.Flag, """{"column":"Flag","=":true}""" },
        { row => !row.Flag, """{"column":"Flag","=":false}""" },
        { row => row.Flag == false, """{"column":"Flag","=":false}""" },
        { row => row.Maybe == null, """{"column":"Maybe","=":null}""" },
        { row => row.Maybe != null && row.Maybe.Value > 3, """{"column":"Maybe","!=":null} {"column":"Maybe",">":3}""" },
        { row => row.Maybe == 3, """{"column":"Maybe","=":3}""" },
        { row => _numbers.Contains(row.Number), """{"column":"Number","in":[1,2]}""" },
        { row => _names.Contains(row.Name), """{"column":"Name","in":["a","b"]}""" },
        { row => _set.Contains(row.Name), """{"column":"Name","in":["c"]}""" },
        { row => !_names.Contains(row.Name), """{"column":"Name","!=":"a"} {"column":"Name","!=":"b"}""" },
        { row => _names.Contains(row.Name) || row.Name == "z", """{"column":"Name","in":["a","b","z"]}""" },
        { row => row.Id == new Guid("00000000-0000-4000-8000-0000000000ff"), """{"column":"Id","=":"00000000-0000-4000-8000-0000000000ff"}""" },
        { row => true, "" },
    };

    [Theory]
    [MemberData(nameof(Conditions))]
    public void A_condition_is_translated(Expression<Func<Row, bool>> condition, string expected) => Assert.Equal(
        expected, string.Join(' ', Translate(condition).Select(filter => JsonSerializer.Serialize(filter, _json))));

    public static TheoryData<Expression<Func<Row, bool>>> Others { get; } = new()
    {
        row => row.Number == row.Other,
        row => row.Name.StartsWith("xy"),
        row => row.Name.Contains("xy"),
        row => row.Number + 1 == 3,
        row => row.Number == 1 || row.Flag,
        row => row.Number < 1 || row.Number > 9,
        row => row.Name.Length == 3,
        row => false,
    };

    [Theory]
    [MemberData(nameof(Others))]
    public void Another_is_refused(Expression<Func<Row, bool>> condition) =>
        Assert.Contains(
            "cannot be translated", Assert.Throws<NotSupportedException>(() => Translate(condition)).Message, StringComparison.Ordinal);

    private static IReadOnlyList<Search.SearchFilter> Translate(Expression<Func<Row, bool>> condition) =>
        new FilterTranslator(condition.Parameters[0], property => property.Name).Translate(condition.Body);

    public sealed record Row(Guid Id, int Number, int Other, string Name, bool Flag, int? Maybe);
}
