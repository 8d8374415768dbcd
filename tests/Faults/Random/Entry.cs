namespace EmbeddingFunctions.Faults.Random;

public static class Entry
{
    public static int Main() => 0;
}
