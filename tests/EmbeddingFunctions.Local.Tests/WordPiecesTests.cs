namespace EmbeddingFunctions.Local.Tests;

public sealed class WordPiecesTests
{
    private static readonly WordPieces _pieces = new();
    private static readonly string[] _vocabulary = Vocabulary();

    // As BERT's uncased tokeniser splits them: marks off, Hangul in jamo, each ideograph alone.
    [Theory]
    [InlineData("Hello, World!", "hello , world !")]
    [InlineData("Café naïve Ångström İstanbul", "cafe naive ang ##strom istanbul")]
    [InlineData("cafe\u0301", "cafe")]
    [InlineData("unaffable", "una ##ffa ##ble")]
    [InlineData("北京abc", "北 京 abc")]
    [InlineData("안", "ᄋ ##ᅡ ##ᆫ")]
    [InlineData("zero\u200bwidth", "zero ##wi ##dt ##h")]
    [InlineData("[SEP]", "[ sep ]")]
    [InlineData("line\r\n\tbreak", "line break")]
    public void Texts_are_split_as_the_model_was_trained(string text, string pieces) =>
        Assert.Equal($"[CLS] {pieces} [SEP]", Names(_pieces.Read(text).Pieces));

    [Fact]
    public void A_word_of_more_than_a_hundred_letters_is_one_unknown_piece() =>
        Assert.Equal("[CLS] [UNK] [SEP]", Names(_pieces.Read(new string('a', 100_000)).Pieces));

    [Fact]
    public void A_text_is_read_up_to_the_window_and_ends_with_its_last_word()
    {
        var text = string.Join("  ", Enumerable.Repeat("word", 400));

        var (pieces, end) = _pieces.Read(text);

        Assert.Equal(256, pieces.Length);
        Assert.Equal(string.Join("  ", Enumerable.Repeat("word", 254)), text[..end]);
    }

    [Theory]
    [InlineData(254, 254)]
    [InlineData(255, 254)]
    [InlineData(20_000, 254)]
    public void A_text_without_spaces_is_cut_between_characters(int characters, int read) =>
        Assert.Equal(read, _pieces.Read(string.Concat(Enumerable.Repeat("語", characters))).End);

    [Fact]
    public void Reading_the_beginning_that_was_read_gives_the_same_pieces()
    {
        foreach (var word in new[] { "word", "unaffable,", "語語語", "😀x", "안녕하세요", "a-b/c_d", "é" })
        {
            for (var n = 1; n < 400; n += 37)
            {
                var text = string.Concat(Enumerable.Repeat(word, 3)) + " " + string.Join(' ', Enumerable.Repeat(word, n));
                var (pieces, end) = _pieces.Read(text);

                Assert.Equal(pieces, _pieces.Read(text.AsSpan(0, end)).Pieces);
                Assert.False(end < text.Length && char.IsLowSurrogate(text[end]), word);
            }
        }
    }

    [Fact]
    public void A_short_text_is_not_cut_and_a_long_one_says_where()
    {
        using var model = new MiniLmModel();
        var longest = string.Join(' ', Enumerable.Repeat("word", 254));

        Assert.Same(longest, model.Cut(longest));
        Assert.Equal(longest, model.Cut($"{longest} and more"));
    }

    private static string Names(int[] pieces) => string.Join(' ', pieces.Select(piece => _vocabulary[piece]));

    private static string[] Vocabulary()
    {
        using var reader = new StreamReader(PackagedModel.Vocabulary());
        return reader.ReadToEnd().Split('\n', StringSplitOptions.TrimEntries);
    }
}
