namespace EmbeddingFunctions.Tests.Http;

/// <summary>The requests that both hosts answer alike, and the answers.</summary>
internal static class FaceRequests
{
    public const string Compute = "/api/embeddings/compute";
    public const string Completed = "00000000-0000-7000-8000-000000000001";
    public const string Failed = "00000000-0000-7000-8000-000000000002";
    public const string Open = "00000000-0000-7000-8000-000000000003";
    public const string Repository = "00000000-0000-4000-8000-00000000000a";

    /// <summary>Method and address, body, status, and words that the answer has.</summary>
    public static (string Request, string? Body, int Status, string[] Words)[] All { get; } =
    [
        (
            "GET /api/embeddings/health", null, 200,
            ["\"isHealthy\":true", "\"name\":\"database\"", "\"name\":\"corpus workspace\"", "\"name\":\"provider\""]),
        (
            "GET /api/embeddings/status", null, 200,
            ["\"corpus\":\"workspace\"", "\"pending\":2", "\"coverage\":0", "\"failures\":[{\"kind\":\"issue\""]),
        ("GET /api/embeddings/status?corpus=workspace", null, 200, ["\"corpus\":\"workspace\""]),
        (
            "GET /api/embeddings/status?corpus=laws", null, 400,
            ["\"corpus\":[", "There is no corpus 'laws'. The shipped corpora.json (CORPORA_FILE is not set) declares workspace, sessions, "
                + "summaries, clips, documents."]),
        ("GET /api/embeddings/runs", null, 200, [Completed, Failed, Open]),
        (
            "GET /api/embeddings/runs?status=failed&corpus=workspace&limit=1", null, 200,
            [Failed, "\"error\":\"no quota\"", "\"itemsFailed\":1", $"\"next\":\"{Failed}\""]),
        ($"GET /api/embeddings/runs?status=failed&before={Failed}", null, 200, ["\"runs\":[]", "\"next\":null"]),
        ("GET /api/embeddings/runs?before=seven", null, 404, ["There is no run 'seven'"]),
        ("GET /api/embeddings/runs?status=lost", null, 400, ["\"status\":[", "it takes pending, processing, completed, failed, cancelled"]),
        ("GET /api/embeddings/runs?limit=0", null, 400, ["limit is '0'; it takes a whole number from 1 to 100"]),
        ("GET /api/embeddings/runs?limit=101", null, 400, ["limit is '101'"]),
        ("GET /api/embeddings/runs?corpus=laws", null, 400, ["There is no corpus 'laws'"]),
        (
            $"GET /api/embeddings/runs/{Completed}", null, 200,
            ["\"status\":\"completed\"", "\"itemsTotal\":7", "\"embedded\":5", "\"tokens\":1000", "\"dollars\":0.00002", "\"note\":null"]),
        ($"GET /api/embeddings/runs/{Open}", null, 200, ["\"status\":\"processing\"", "\"itemsProcessed\":3", "\"host\":\"command\""]),
        (
            "GET /api/embeddings/runs/00000000-0000-7000-8000-0000000000ff", null, 404,
            ["There is no run '00000000-0000-7000-8000-0000000000ff'"]),
        ("GET /api/embeddings/runs/seven", null, 404, ["There is no run 'seven'"]),
        ($"POST /api/embeddings/runs/{Open}/cancel", null, 202, ["\"cancelRequested\":true"]),
        ($"POST /api/embeddings/runs/{Completed}/cancel", null, 409, ["is completed"]),
        ("POST /api/embeddings/runs/seven/cancel", null, 404, ["There is no run 'seven'"]),
        ("GET /api/embeddings/trends", null, 200, ["\"vectors\":8", "\"step\":1800", "\"lagP50\":null"]),
        ("GET /api/embeddings/trends?days=30&corpus=workspace", null, 200, ["\"step\":43200"]),
        ("GET /api/embeddings/trends?days=2", null, 400, ["days is '2'; it takes 1, 7, 30."]),
        ("GET /api/embeddings/trends?corpus=laws", null, 400, ["There is no corpus 'laws'"]),
        (
            "GET /api/embeddings/failures", null, 200,
            ["\"kind\":\"issue\",\"reason\":\"too long\",\"count\":1,\"dead\":1,\"ignored\":0", "\"total\":1"]),
        ("GET /api/embeddings/failures?corpus=laws", null, 400, ["There is no corpus 'laws'"]),
        (
            "GET /api/embeddings/failures/items?corpus=workspace&kind=issue&reason=too+long&limit=1", null, 200,
            ["\"id\":\"00000000-0000-4000-8000-000000000007\"", "\"isIgnored\":false", "\"next\":null"]),
        ("GET /api/embeddings/failures/items?limit=201", null, 400, ["limit is '201'; it takes a whole number from 1 to 200"]),
        ("GET /api/embeddings/failures/items?cursor=e30", null, 400, ["It is no cursor"]),
        ("POST /api/embeddings/failures/retry", "{}", 400, ["corpus is missing"]),
        ("POST /api/embeddings/failures/retry", """{"corpus":"laws","all":true}""", 400, ["There is no corpus 'laws'", "\"all\":["]),
        (
            "POST /api/embeddings/failures/retry", """{"corpus":"workspace","kind":"commit"}""", 400,
            ["'workspace' has issue, pull_request"]),
        ("POST /api/embeddings/failures/retry", """{"corpus":"workspace","ids":["7"]}""", 400, ["ids need their kind"]),
        ("POST /api/embeddings/failures/retry", """{"corpus":"workspace","ids":[]}""", 400, ["ids is no list of strings"]),
        ("POST /api/embeddings/failures/retry", """{"corpus":"workspace","reason":7}""", 400, ["reason is no string, or has a NUL"]),
        ("POST /api/embeddings/failures/ignore", "[]", 400, ["$ is no JSON object"]),
        (
            "POST /api/embeddings/failures/ignore", """{"corpus":"workspace","reason":"too short"}""", 200,
            ["\"changed\":0", "\"refused\":0"]),
        (
            "POST /api/embeddings/failures/retry", """{"corpus":"workspace","kind":"issue","reason":"too long"}""", 200,
            ["\"changed\":1"]),
        ("GET /api/embeddings/failures", null, 200, ["\"groups\":[]", "\"total\":0"]),
        ($"POST {Compute}", "{}", 202, ["\"corpus\":\"workspace\"", "\"isNew\":true"]),
        ($"POST {Compute}", """{"corpus":"workspace","limit":1}""", 202, ["\"isNew\":true"]),
        ($"POST {Compute}", """{"name":"embeddings/compute.requested","data":{"itemTypes":["issues","pull_request"],"forceRegenerate":false,"limit":null}}""", 202, ["\"isNew\":true"]),
        (
            $"POST {Compute}", """{"name":"embeddings/compute.requested","id":"e-1","ts":1700000000000,"user":{},"v":"1","data":{}}""", 202,
            ["\"isNew\":true"]),
        ($"POST {Compute}", """{"name":"embeddings/compute.requested","id":"e-1","data":{}}""", 202, ["\"isNew\":false"]),
        (
            $"POST {Compute}", """{"name":"embeddings/compute.requested","id":"e-1","data":{"limit":2}}""", 409,
            ["An earlier event with the id 'e-1' asked for another run"]),
        ($"POST {Compute}", $$"""{"repositoryId":"{{Repository}}"}""", 202, ["\"isNew\":true"]),
        (
            $"POST {Compute}", """{"repositoryId":"00000000-0000-4000-8000-0000000000ff"}""", 400,
            ["\"repositoryId\":[", "is no active partition of 'workspace'"]),
        (
            $"POST {Compute}", """{"data":{"repositoryId":7},"name":"embeddings/compute.requested"}""", 400,
            ["\"data.repositoryId\":[", "'7' is no active partition"]),
        ($"POST {Compute}", """{"repositoryId":true}""", 400, ["repositoryId is no id"]),
        (
            $"POST {Compute}", """{"corpus":"laws"}""", 400,
            ["\"corpus\":[", "corpus names no declared corpus; declared are: workspace, sessions, summaries, clips, documents."]),
        ($"POST {Compute}", """{"corpus":7}""", 400, ["corpus names no declared corpus"]),
        (
            $"POST {Compute}", """{"name":"embeddings/compute.requested","data":{"corpus":"laws","limit":-1}}""", 400,
            ["\"data.corpus\":[", "\"data.limit\":[", "is no whole number from 1 to 2147483647"]),
        ($"POST {Compute}", """{"itemTypes":["commits"]}""", 400, ["\"itemTypes\":[", "which are: issue, pull_request, discussion"]),
        ($"POST {Compute}", """{"itemTypes":[]}""", 400, ["itemTypes is no list of item types"]),
        ($"POST {Compute}", """{"itemTypes":[7]}""", 400, ["itemTypes is no list of item types"]),
        ($"POST {Compute}", """{"forceRegenerate":"yes"}""", 400, ["forceRegenerate is neither true nor false"]),
        ($"POST {Compute}", """{"limit":1.5}""", 400, ["limit is no whole number"]),
        ($"POST {Compute}", """{"maxCost":0}""", 400, ["maxCost is no number of dollars above zero"]),
        ($"POST {Compute}", """{"limit":99999999999}""", 400, ["limit is no whole number"]),
        (
            $"POST {Compute}", """{"repositoryID":"x"}""", 400,
            ["\"repositoryID\":[", "is not known here; known are: corpus, repositoryId, itemTypes, forceRegenerate, limit, maxCost"]),
        (
            $"POST {Compute}", """{"name":"embeddings/delete.requested","data":{}}""", 400,
            ["\"name\":[", "is missing, or is not 'embeddings/compute.requested'"]),
        ($"POST {Compute}", """{"data":{}}""", 400, ["\"name\":["]),
        ($"POST {Compute}", """{"name":"embeddings/compute.requested"}""", 400, ["data is missing"]),
        ($"POST {Compute}", """{"name":"embeddings/compute.requested","data":[]}""", 400, ["data is missing, or is no JSON object"]),
        (
            $"POST {Compute}", """{"name":"embeddings/compute.requested","id":"","data":{}}""", 400,
            ["\"id\":[", "is not 1 to 255 characters"]),
        ($"POST {Compute}", """{"name":"embeddings/compute.requested","id":7,"data":{}}""", 400, ["id is no string"]),
        ($"POST {Compute}", """{"name":"embeddings/compute.requested","id":"a\u0000b","data":{}}""", 400, ["control characters"]),
        ($"POST {Compute}", """{"limit":1,"limit":2}""", 400, ["is no JSON object"]),
        ($"POST {Compute}", """{"corpus":"\ud800"}""", 400, ["The body holds text that is no Unicode."]),
        ($"POST {Compute}", """{"\ud800":1}""", 400, ["The body holds text that is no Unicode."]),
        ($"POST {Compute}", "[]", 400, ["$ is no JSON object"]),
        ($"POST {Compute}", "limit=5", 400, ["The body is no JSON object"]),
        ($"POST {Compute}", "", 400, ["it is empty; send at least {}."]),
        ($"POST {Compute}", "LONG", 413, ["at most 65,536 bytes"]),
        (
            "GET /api/embeddings/corpora", null, 200,
            ["\"corpora\":[{\"corpus\":\"workspace\"", "\"hasPartitions\":true", "\"kind\":\"issue\""]),
        ("POST /api/embeddings/search", """{"corpus":"workspace"}""", 400, ["\"query\":["]),
        ("POST /api/embeddings/search", """{"corpus":"workspace","query":"a","mode":7,"limit":0.5}""", 400, ["\"mode\":[", "\"limit\":["]),
        ("POST /api/embeddings/search", """{"corpus":"laws","query":"a"}""", 404, ["There is no corpus 'laws'"]),
        ("GET /api/embeddings/search?corpus=workspace&query=a&limit=0", null, 400, ["\"limit\":["]),
        ("GET /api/embeddings/search?corpus=workspace&query=a&where=number", null, 400, ["\"where\":["]),
        ("GET /api/embeddings/similar/workspace/issue/none", null, 404, ["There is no item issue:none"]),
        ("GET /api/embeddings/similar/workspace/issue/none?query=a", null, 400, ["\"query\":[", "is not known here"]),
        ("POST /api/embeddings/embed", """{"corpus":"workspace"}""", 400, ["query is missing"]),
        ("POST /api/embeddings/embed", """{"corpus":"workspace","query":" "}""", 400, ["The query is blank."]),
    ];
}
