using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using EmbeddingFunctions.Settings;

namespace EmbeddingFunctions.Alerts;

/// <summary>The HTTP request by which an alert is sent.</summary>
internal static class AlertRequest
{
    public const string SignatureHeader = "x-embeddings-signature";

    private static readonly JsonSerializerOptions _json = new(JsonSerializerDefaults.Web);

    /// <param name="alert">The message.</param>
    /// <param name="form">The receiver's.</param>
    /// <param name="secret">Signs it; null: it is not signed.</param>
    /// <param name="now">When it is sent.</param>
    public static HttpContent Body(Alert alert, AlertForm form, string? secret, DateTimeOffset now)
    {
        var body = Encoding.UTF8.GetBytes(form switch
        {
            AlertForm.Slack => Slack(alert).ToJsonString(_json),
            AlertForm.Teams => Teams(alert).ToJsonString(_json),
            _ => JsonSerializer.Serialize(
                new { alert.Id, alert.Incident, alert.State, alert.Kind, alert.Subject, alert.Message, alert.BeganAt, alert.EndedAt },
                _json),
        });
        var content = new ByteArrayContent(body) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
        if (secret is not null)
        {
            content.Headers.Add(SignatureHeader, Signature(body, secret, now));
        }

        return content;
    }

    /// <summary>The time in seconds since 1970, and HMAC-SHA256 of it, a dot and the body.</summary>
    public static string Signature(byte[] body, string secret, DateTimeOffset now)
    {
        var time = now.ToUnixTimeSeconds();
        byte[] signed = [.. Encoding.UTF8.GetBytes($"{time}."), .. body];
        return $"t={time},v1={Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), signed))}";
    }

    // What stands in angle brackets would be a command to Slack.
    private static JsonObject Slack(Alert alert) => new()
    {
        ["text"] = alert.Text.Replace("&", "&amp;", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal)
            .Replace(">", "&gt;", StringComparison.Ordinal),
    };

    private static JsonObject Teams(Alert alert) => new()
    {
        ["type"] = "message",
        ["attachments"] = new JsonArray(new JsonObject
        {
            ["contentType"] = "application/vnd.microsoft.card.adaptive",
            ["content"] = new JsonObject
            {
                ["$schema"] = "http://adaptivecards.io/schemas/adaptive-card.json",
                ["type"] = "AdaptiveCard",
                ["version"] = "1.4",
                ["body"] = new JsonArray(new JsonObject
                {
                    ["type"] = "RichTextBlock",
                    ["inlines"] = new JsonArray(new JsonObject { ["type"] = "TextRun", ["text"] = alert.Text }),
                }),
            },
        }),
    };
}
