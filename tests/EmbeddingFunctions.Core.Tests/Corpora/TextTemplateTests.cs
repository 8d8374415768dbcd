using EmbeddingFunctions.Corpora;

namespace EmbeddingFunctions.Core.Tests.Corpora;

public sealed class TextTemplateTests
{
    [Theory]
    [InlineData("[ISSUE] {title} {body}", new[] { "title", "body" }, new[] { "T", "B" }, "[ISSUE] T B")]
    [InlineData("{a}{b}{a}!", new[] { "a", "b" }, new[] { "1", "2" }, "121!")]
    [InlineData("{t.\"x} ü", new[] { "t.\"x" }, new[] { "1" }, "1 ü")]
    [InlineData("{ a }", new[] { " a " }, new[] { "1" }, "1")]
    [InlineData("{a}", new[] { "a" }, new[] { "{b} }{" }, "{b} }{")]
    public void Columns_stand_where_their_names_were(string template, string[] columns, string[] values, string text)
    {
        var parsed = TextTemplate.Parse(template);

        Assert.Equal(columns, parsed.Columns);
        Assert.Equal(text, parsed.Render(values));
    }

    [Theory]
    [InlineData("Fail", "ninja", "bob", "Fortnite", "Title: Fail. Broadcaster: ninja. Clipped by: bob. Game: Fortnite")]
    [InlineData("Fail", "ninja", "ninja", "Fortnite", "Title: Fail. Broadcaster: ninja. Game: Fortnite")]
    [InlineData("Fail", "Ninja", "ninja ", null, "Title: Fail. Broadcaster: Ninja")]
    [InlineData("Fail", "ninja", null, " ", "Title: Fail. Broadcaster: ninja")]
    [InlineData("Fail", null, "bob", "", "Title: Fail. Clipped by: bob")]
    [InlineData(" ", "ninja", "bob", null, "Broadcaster: ninja. Clipped by: bob")]
    [InlineData(null, null, null, "Fortnite", "Game: Fortnite")]
    [InlineData("{a}. !={b}", "ninja", "ninja", null, "Title: {a}. !={b}. Broadcaster: ninja")]
    public void A_part_without_its_column_is_left_out_with_its_separator(
        string? title, string? broadcaster, string? creator, string? game, string text)
    {
        var clips = TextTemplate.Parse(CorpusFile.Load(null).Get("clips").Tables[0].Text);

        Assert.Equal(["title", "broadcaster_name", "creator_name", "game_name"], clips.Columns);
        Assert.Equal(text, clips.Render([title, broadcaster, creator, game]));
    }

    [Fact]
    public void A_missing_value_is_empty() => Assert.Equal("[X] T ", TextTemplate.Parse("[X] {title} {body}").Render(["T", null]));

    [Theory]
    [InlineData(null, null)]
    [InlineData("", " \t\n")]
    public void Words_of_the_template_alone_are_no_text(string? title, string? body) =>
        Assert.Equal("", TextTemplate.Parse("[X] {title} {body}").Render([title, body]));

    [Theory]
    [InlineData("", "names no {column}")]
    [InlineData("words", "names no {column}")]
    [InlineData("{}", "has a brace without a column's name behind it")]
    [InlineData("{", "has a brace without a column's name behind it")]
    [InlineData("{a", "does not close a brace")]
    [InlineData("{a{b{c}}}", "has a brace without a column's name behind it")]
    [InlineData("{a{b}", "does not close a brace")]
    [InlineData("a}", "closes a brace that it does not open")]
    [InlineData("{a}}", "closes a brace that it does not open")]
    public void Braces_that_do_not_fit_are_reported(string template, string problem)
    {
        Assert.Equal(problem, TextTemplate.Problem(template));
        Assert.Contains(
            problem, Assert.Throws<InvalidCorpusException>(() => TextTemplate.Parse(template)).Message, StringComparison.Ordinal);
    }
}
