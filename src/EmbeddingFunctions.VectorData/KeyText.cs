using System.ComponentModel;

namespace EmbeddingFunctions.VectorData;

/// <summary>Keys as the engine knows them: as text.</summary>
internal static class KeyText
{
    private static readonly Type[] _types = [typeof(string), typeof(Guid), typeof(int), typeof(long)];

    public static string Of<TKey>(TKey key) where TKey : notnull =>
        TypeDescriptor.GetConverter(typeof(TKey)).ConvertToInvariantString(key)!;

    public static object Parse(string text, Type type) =>
        type == typeof(string) ? text : TypeDescriptor.GetConverter(type).ConvertFromInvariantString(text)!;

    /// <exception cref="NotSupportedException">No key can be of the type.</exception>
    public static void Ensure(Type type)
    {
        if (!_types.Contains(type))
        {
            throw new NotSupportedException($"A key of type {type.Name} is not known here: use string, Guid, int or long.");
        }
    }
}
