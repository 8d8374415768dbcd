internal static class Surface
{
    public static NotSupportedException HasNoBody() => new(
        "This program was built without the Functions SDK (RestrictedFeed) and cannot run: build it where the package feed has the SDK, or use 'embeddings serve'.");
}
