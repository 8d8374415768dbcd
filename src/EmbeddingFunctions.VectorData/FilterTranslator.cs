using System.Collections;
using System.Linq.Expressions;
using System.Reflection;
using System.Text.Json;
using EmbeddingFunctions.Search;

namespace EmbeddingFunctions.VectorData;

/// <summary>Translates a condition on a record into conditions on columns, all of which must hold.</summary>
/// <param name="record">The lambda's parameter.</param>
/// <param name="column">Names the column of a property, or refuses it.</param>
internal sealed class FilterTranslator(ParameterExpression record, Func<PropertyInfo, string> column)
{
    private const string Known =
        "Comparisons (==, !=, <, <=, >, >=) of a property with a value, list.Contains(property), && and ! are translated.";

    /// <exception cref="NotSupportedException">It cannot be translated; the message says what to do.</exception>
    public IReadOnlyList<SearchFilter> Translate(Expression condition) => Conditions(condition, isNegated: false).ToList();

    private IEnumerable<SearchFilter> Conditions(Expression condition, bool isNegated) => condition switch
    {
        UnaryExpression { NodeType: ExpressionType.Not } not => Conditions(not.Operand, !isNegated),
        UnaryExpression { NodeType: ExpressionType.Convert } convert => Conditions(convert.Operand, isNegated),
        BinaryExpression { NodeType: ExpressionType.AndAlso or ExpressionType.OrElse } both =>
            (both.NodeType == ExpressionType.AndAlso) != isNegated
                ? Conditions(both.Left, isNegated).Concat(Conditions(both.Right, isNegated))
                : [Either(both, isNegated)],
        BinaryExpression comparison => [Comparison(comparison, isNegated)],
        MemberExpression member when Property(member) is { } flag => [Equal(column(flag), Json(!isNegated))],
        MethodCallExpression call when Membership(call) is var (list, property) => Member(list, column(property), isNegated),
        ConstantExpression { Value: bool holds } when holds != isNegated => [],
        _ => throw Refused(condition),
    };

    // One column with one of several values: all that a list of conditions can say of alternatives.
    private SearchFilter Either(BinaryExpression both, bool isNegated)
    {
        var (left, right) = (Conditions(both.Left, isNegated).ToList(), Conditions(both.Right, isNegated).ToList());
        return left is [var one] && right is [var other] && one.Column == other.Column
                && Values(one) is { } some && Values(other) is { } more
            ? new SearchFilter { Column = one.Column, In = [.. some, .. more] }
            : throw new NotSupportedException(
                $"'{both}' cannot be translated: alternatives are values of one property, as r => r.A == 1 || r.A == 2. "
                    + "Search once for each alternative, or filter the results.");
    }

    private static IReadOnlyList<JsonElement>? Values(SearchFilter condition) =>
        condition.EqualTo is { ValueKind: not JsonValueKind.Null } value ? [value] : condition.In;

    private SearchFilter Comparison(BinaryExpression comparison, bool isNegated)
    {
        var (left, right) = (Property(comparison.Left), Property(comparison.Right));
        if ((left is null) == (right is null))
        {
            throw Refused(comparison);
        }

        var name = column((left ?? right)!);
        var value = Json(Evaluate(left is null ? comparison.Left : comparison.Right, comparison));
        var type = left is null ? Mirrored(comparison.NodeType) : comparison.NodeType;
        return (isNegated ? Opposite(type) : type) switch
        {
            ExpressionType.Equal => Equal(name, value),
            ExpressionType.NotEqual => new SearchFilter { Column = name, NotEqualTo = value },
            ExpressionType.LessThan => new SearchFilter { Column = name, LessThan = value },
            ExpressionType.LessThanOrEqual => new SearchFilter { Column = name, AtMost = value },
            ExpressionType.GreaterThan => new SearchFilter { Column = name, GreaterThan = value },
            ExpressionType.GreaterThanOrEqual => new SearchFilter { Column = name, AtLeast = value },
            _ => throw Refused(comparison),
        };
    }

    private static IEnumerable<SearchFilter> Member(IReadOnlyList<JsonElement> list, string name, bool isNegated) =>
        isNegated ? list.Select(value => new SearchFilter { Column = name, NotEqualTo = value })
            : [new SearchFilter { Column = name, In = list }];

    // list.Contains(r.X), of a list, a set, or an array, which the compiler takes for a span.
    private (IReadOnlyList<JsonElement> List, PropertyInfo Property)? Membership(MethodCallExpression call)
    {
        if (call.Method.Name != nameof(Enumerable.Contains) || call.Method.DeclaringType == typeof(string))
        {
            return null;
        }

        var (list, item) = call.Object is null ? (call.Arguments[0], call.Arguments[1]) : (call.Object, call.Arguments[0]);
        list = list is MethodCallExpression { Method.Name: "op_Implicit" } span ? span.Arguments[0] : list;
        return Property(item) is { } property && Evaluate(list, call) is IEnumerable values and not string
            ? (values.Cast<object?>().Select(Json).ToList(), property) : null;
    }

    private PropertyInfo? Property(Expression expression) => expression switch
    {
        UnaryExpression { NodeType: ExpressionType.Convert } convert => Property(convert.Operand),
        MemberExpression { Member: PropertyInfo property } member when member.Expression == record => property,
        // A nullable property's value.
        MemberExpression { Member.Name: "Value", Expression: MemberExpression nullable }
            when Nullable.GetUnderlyingType(nullable.Type) is not null => Property(nullable),
        _ => null,
    };

    private object? Evaluate(Expression value, Expression whole) => Uses.Of(value, record)
        ? throw Refused(whole)
        : Expression.Lambda<Func<object?>>(Expression.Convert(value, typeof(object))).Compile(preferInterpretation: true)();

    private static SearchFilter Equal(string name, JsonElement value) => new() { Column = name, EqualTo = value };

    private static JsonElement Json(object? value) => JsonSerializer.SerializeToElement(value);

    private static ExpressionType Mirrored(ExpressionType type) => type switch
    {
        ExpressionType.LessThan => ExpressionType.GreaterThan,
        ExpressionType.LessThanOrEqual => ExpressionType.GreaterThanOrEqual,
        ExpressionType.GreaterThan => ExpressionType.LessThan,
        ExpressionType.GreaterThanOrEqual => ExpressionType.LessThanOrEqual,
        _ => type,
    };

    private static ExpressionType Opposite(ExpressionType type) => type switch
    {
        ExpressionType.Equal => ExpressionType.NotEqual,
        ExpressionType.NotEqual => ExpressionType.Equal,
        ExpressionType.LessThan => ExpressionType.GreaterThanOrEqual,
        ExpressionType.LessThanOrEqual => ExpressionType.GreaterThan,
        ExpressionType.GreaterThan => ExpressionType.LessThanOrEqual,
        ExpressionType.GreaterThanOrEqual => ExpressionType.LessThan,
        _ => type,
    };

    private static NotSupportedException Refused(Expression part) => new(
        $"'{part}' cannot be translated. {Known} Words in a text are searched for by HybridSearchAsync; filter the results by the rest.");

    private sealed class Uses(ParameterExpression parameter) : ExpressionVisitor
    {
        private bool _isFound;

        public static bool Of(Expression expression, ParameterExpression parameter)
        {
            var uses = new Uses(parameter);
            uses.Visit(expression);
            return uses._isFound;
        }

        protected override Expression VisitParameter(ParameterExpression node)
        {
            _isFound |= node == parameter;
            return node;
        }
    }
}
