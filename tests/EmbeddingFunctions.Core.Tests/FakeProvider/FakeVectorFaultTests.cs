using System.Text.Json;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.FakeProvider;

public sealed class FakeVectorFaultTests : FakeTest
{
    private static readonly string[] _texts = ["a", "b", "c"];

    [Fact]
    public async Task Wrong_dimensions_are_wrong_everywhere() =>
        Assert.Equal([7, 7, 7], (await MeetAsync(Fault.WrongDimensions(7))).Vectors.Select(v => v.Length));

    [Fact]
    public async Task Mixed_dimensions_are_wrong_once() =>
        Assert.Equal([8, 9, 8], (await MeetAsync(Fault.MixedDimensions(1))).Vectors.Select(v => v.Length));

    [Fact]
    public Task A_dropped_vector_leaves_a_gap() => AssertIndexesAsync(Fault.DropVector(1), [0, 2]);

    [Fact]
    public Task An_extra_vector_has_the_next_index() => AssertIndexesAsync(Fault.ExtraVector(), [0, 1, 2, 3]);

    [Fact]
    public Task A_duplicate_index_claims_another_text() => AssertIndexesAsync(Fault.DuplicateIndex(), [0, 1, 0]);

    [Fact]
    public Task An_index_can_be_past_the_end() => AssertIndexesAsync(Fault.OutOfRangeIndex(), [0, 1, 3]);

    [Fact]
    public Task An_index_can_be_negative() => AssertIndexesAsync(Fault.NegativeIndex(), [-1, 1, 2]);

    [Fact]
    public async Task Data_can_be_empty() => Assert.Empty((await MeetAsync(Fault.EmptyData())).Indexes);

    [Fact]
    public async Task A_shuffled_reply_is_right_by_index()
    {
        var reply = await MeetAsync(Fault.Shuffle());
        Assert.Equal([2, 1, 0], reply.Indexes);
        Assert.Equal(_texts.Reverse().Select(Right), reply.Vectors);
    }

    [Fact]
    public async Task A_vector_can_have_no_number()
    {
        Assert.True(float.IsNaN((await MeetAsync(Fault.NaN(1))).Vectors[1][0]));
        Assert.True(float.IsInfinity((await MeetAsync(Fault.Infinity(1))).Vectors[1][0]));
    }

    [Fact]
    public async Task Among_floats_no_number_is_no_json()
    {
        Fake.Script(Requests.All, Fault.NaN());
        var reply = await Client.SendAsync(new { model = FakeClient.Model, input = "a" });
        Assert.Contains("[NaN,", reply.Body, StringComparison.Ordinal);
        Assert.ThrowsAny<JsonException>(() => reply.Json);
    }

    [Fact]
    public async Task A_vector_can_be_nothing_or_almost()
    {
        Assert.All((await MeetAsync(Fault.ZeroVector(2))).Vectors[2], component => Assert.Equal(0, component));
        Assert.All((await MeetAsync(Fault.NearZero(2))).Vectors[2], component => Assert.Equal(0, component * component));
    }

    [Fact]
    public async Task An_element_can_be_null()
    {
        var embedding = (await MeetAsync(Fault.NullElement())).Data[0].GetProperty("embedding");
        Assert.Equal(8, embedding.GetArrayLength());
        Assert.Equal(JsonValueKind.Null, embedding[0].ValueKind);
    }

    [Fact]
    public async Task Base64_can_be_cut_or_empty()
    {
        Assert.Equal(5, (await MeetAsync(Fault.BadBase64())).Data[0].GetProperty("embedding").GetBytesFromBase64().Length);
        Assert.Equal("", (await MeetAsync(Fault.EmptyBase64())).Data[0].GetProperty("embedding").GetString());
    }

    [Fact]
    public async Task Floats_can_come_though_base64_was_asked()
    {
        var reply = await MeetAsync(Fault.FloatsThoughBase64Asked());
        Assert.Equal(JsonValueKind.Array, reply.Data[0].GetProperty("embedding").ValueKind);
        Assert.Equal(_texts.Select(Right), reply.Vectors);
    }

    [Fact]
    public async Task All_inputs_that_match_are_spoilt_and_no_other()
    {
        Fake.Script(Requests.WithInput(text => text.StartsWith("bad", StringComparison.Ordinal)), Fault.ZeroVector());
        var reply = await Client.EmbedAsync("a", "bad 1", "b", "bad 2");
        Assert.Equal([false, true, false, true], reply.Vectors.Select(vector => vector.All(component => component == 0)));
    }

    [Fact]
    public async Task A_distorted_reply_is_paid_for()
    {
        await MeetAsync(Fault.DropVector(1));
        Assert.Equal([1, 1, 1], _texts.Select(text => Fake.PaidInputs[text]));
    }

    private async Task<FakeReply> MeetAsync(Fault fault)
    {
        Fake.Script(Requests.Next(1), fault);
        var reply = await Client.EmbedAsync(_texts);
        Assert.Equal(200, reply.Status);
        Assert.Equal(fault.Name, Fake.Requests[^1].Fault);
        return reply;
    }

    private async Task AssertIndexesAsync(Fault fault, int[] indexes) => Assert.Equal(indexes, (await MeetAsync(fault)).Indexes);

    private static float[] Right(string text) => FakeVector.Of(text, FakeClient.Model, 8);
}
