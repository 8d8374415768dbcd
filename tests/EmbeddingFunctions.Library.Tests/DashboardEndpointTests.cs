using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;

namespace EmbeddingFunctions.Library.Tests;

/// <summary>The dashboard within an app, behind the app's own authorization.</summary>
public sealed class DashboardEndpointTests : IAsyncLifetime
{
    private readonly OwnGenerator _generator = new();
    private Blog _blog = null!;

    public async Task InitializeAsync() => _blog = await Blog.Create(3);

    public async Task DisposeAsync() => await _blog.DisposeAsync();

    [Theory]
    [InlineData("", HttpStatusCode.Unauthorized, HttpStatusCode.Unauthorized)]
    [InlineData("looks", HttpStatusCode.OK, HttpStatusCode.Forbidden)]
    [InlineData("operates", HttpStatusCode.OK, HttpStatusCode.Accepted)]
    public async Task The_app_says_who_may_look_and_who_may_write(string role, HttpStatusCode looks, HttpStatusCode writes)
    {
        await using var app = await Start(app => app
            .MapEmbeddingsDashboard("/admin/vectors", context => ValueTask.FromResult(Role(context) == "operates"))
            .RequireAuthorization("people"));

        Assert.Equal(looks, await Send(app, "GET", "/admin/vectors", role));
        Assert.Equal(looks, await Send(app, "GET", "/admin/vectors/dashboard.js", role));
        Assert.Equal(looks, await Send(app, "GET", "/admin/vectors/api/session", role));
        Assert.Equal(looks, await Send(app, "GET", "/admin/vectors/api/overview", role));
        Assert.Equal(writes, await Send(app, "POST", "/admin/vectors/api/compute", role));
    }

    [Fact]
    public async Task Without_authorization_this_machine_alone_is_let_in()
    {
        await using var app = await Start(app => app.MapEmbeddingsDashboard());

        Assert.Equal(HttpStatusCode.OK, await Send(app, "GET", "/embeddings/api/overview", ""));
        Assert.Equal(HttpStatusCode.Forbidden, await Send(app, "GET", "/embeddings/api/overview", "", host: "app.example"));
        Assert.Equal(HttpStatusCode.Forbidden, await Send(app, "GET", "/embeddings/api/session", "", host: "app.example"));
        Assert.Equal(HttpStatusCode.Forbidden, await Send(app, "POST", "/embeddings/api/compute", "", isOfPage: false));
    }

    private static string Role(HttpContext context) => context.Request.Headers["x-role"].ToString();

    private static async Task<HttpStatusCode> Send(
        WebApplication app, string method, string path, string role, string host = "localhost", bool isOfPage = true)
    {
        using var client = app.GetTestClient();
        using var request = new HttpRequestMessage(new HttpMethod(method), $"http://{host}{path}");
        request.Headers.Add("x-role", role);
        if (isOfPage)
        {
            request.Headers.Add("x-embeddings-page", "1");
        }

        request.Content = method == "POST" ? new StringContent("{}") : null;
        using var response = await client.SendAsync(request);
        return response.StatusCode;
    }

    private async Task<WebApplication> Start(Action<WebApplication> map)
    {
        var builder = App.Builder(_blog.Source, _generator);
        builder.Services.AddAuthentication("app").AddBearerToken("app");
        builder.Services.AddAuthorization(options => options.AddPolicy("people", policy => policy.RequireAssertion(
            context => Role((HttpContext)context.Resource!).Length > 0)));
        var app = builder.Build();
        app.UseAuthentication();
        app.UseAuthorization();
        map(app);
        await app.Embeddings().MigrateAsync("articles");
        await app.StartAsync();
        return app;
    }
}
