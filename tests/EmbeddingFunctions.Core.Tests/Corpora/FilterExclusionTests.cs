using EmbeddingFunctions.Corpora;

namespace EmbeddingFunctions.Core.Tests.Corpora;

/// <summary>Filters that no row meets both of.</summary>
public sealed class FilterExclusionTests
{
    [Theory]
    [InlineData("a,b", "c", true)]
    [InlineData("a,b", "b,c", false)]
    public void Lists_of_values_exclude_each_other_if_they_share_none(string one, string other, bool exclude)
    {
        static ColumnFilter In(string values) => new() { Column = "type", In = values.Split(',') };

        Assert.Equal(exclude, In(one).Excludes(In(other)));
        Assert.False(In(one).Excludes(In(other) with { Column = "state" }));
    }

    [Fact]
    public void Conditions_exclude_each_other_if_no_row_can_meet_both()
    {
        static ColumnFilter Type(string? equal = null, string? not = null, string? less = null, bool? isNull = null) =>
            new() { Column = "type", EqualTo = equal, Not = not, LessThan = less, IsNull = isNull };

        Assert.True(Type(equal: "a").Excludes(Type(not: "a")));
        Assert.True(Type(not: "a").Excludes(Type(equal: "a")));
        Assert.False(Type(equal: "b").Excludes(Type(not: "a")));
        Assert.True(Type(isNull: true).Excludes(Type(less: "a")));
        Assert.True(Type(isNull: true).Excludes(Type(isNull: false)));
        Assert.False(Type(isNull: true).Excludes(Type(not: "a")));
        Assert.False(Type(less: "a").Excludes(Type(equal: "b")));
    }
}
