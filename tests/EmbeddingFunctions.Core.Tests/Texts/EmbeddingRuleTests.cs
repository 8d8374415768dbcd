using EmbeddingFunctions.Texts;

namespace EmbeddingFunctions.Core.Tests.Texts;

public sealed class EmbeddingRuleTests
{
    private static readonly EmbeddingRule _rule = new("[ISSUE] {title}", "model", 384);

    [Fact]
    public void A_fingerprint_is_of_the_text_and_of_everything_that_decides_its_vector()
    {
        var fingerprints = new[]
        {
            _rule.Fingerprint("text"),
            _rule.Fingerprint("text "),
            new EmbeddingRule("{title}", "model", 384).Fingerprint("text"),
            new EmbeddingRule("[ISSUE] {title}", "other", 384).Fingerprint("text"),
            new EmbeddingRule("[ISSUE] {title}", "model", 385).Fingerprint("text"),
            new EmbeddingRule("[ISSUE] {title}", "model\u001f384", 384).Fingerprint("text"),
        };

        Assert.Equal(fingerprints.Length, fingerprints.Distinct().Count());
        Assert.All(fingerprints, fingerprint => Assert.Matches("^[0-9a-f]{64}$", fingerprint));
    }

    [Fact]
    public void The_same_text_under_the_same_rule_has_the_same_fingerprint_always() =>
        Assert.Equal("d644f48c70f3b69b97628caa928b19ffb2bebc008114452a60760aa8171feaf1", _rule.Fingerprint("text"));
}
