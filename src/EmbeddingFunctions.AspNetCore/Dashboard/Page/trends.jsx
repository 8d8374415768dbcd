import { useMemo, useState } from "preact/hooks";
import { Loading, Page, Wrong, useAnswer } from "./parts.jsx";
import { Chart } from "./chart.jsx";
import { compact, dollars, lag } from "./format.js";

const spans = [
  [1, "a day"],
  [7, "a week"],
  [30, "a month"],
];
const money = (value) => dollars(value ?? 0);

export function Trends() {
  const [days, setDays] = useState(1);
  const { answer, error } = useAnswer(`trends?days=${days}`, 60_000);
  return (
    <Page
      title="Trends"
      aside={
        <fieldset class="choice">
          <legend class="hidden">Over</legend>
          {spans.map(([value, name]) => (
            <label key={value}>
              <input type="radio" name="days" checked={days === value} onChange={() => setDays(value)} />
              <span>{name}</span>
            </label>
          ))}
        </fieldset>
      }
    >
      <Wrong error={error} />
      {!answer ? !error && <Loading /> : <Charts points={answer.points} />}
    </Page>
  );
}

function Charts({ points }) {
  const { times, of } = useMemo(
    () => ({
      times: points.map((point) => Date.parse(point.at)),
      of: Object.fromEntries(
        Object.entries({
          vectors: ["vectors"],
          tokens: ["tokens"],
          dollars: ["dollars"],
          saved: ["saved"],
          lag: ["lagP50", "lagP95"],
        }).map(([name, fields]) => [
          name,
          fields.map((field) => ({
            name: { lagP50: "half of the rows", lagP95: "95 % of the rows" }[field] ?? field,
            values: points.map((point) => point[field] ?? null),
          })),
        ]),
      ),
    }),
    [points],
  );
  const total = (name) => points.reduce((sum, point) => sum + Number(point[name] ?? 0), 0);
  return points.length === 0 ? (
    <p class="faint">Nothing was embedded in this time.</p>
  ) : (
    <div class="charts">
      <Chart title="Vectors" note={`${compact(total("vectors"))} in all`} times={times} series={of.vectors} show={compact} />
      <Chart title="Dollars" note={`${money(total("dollars"))} in all`} times={times} series={of.dollars} show={money} />
      <Chart title="Tokens" note={`${compact(total("tokens"))} in all`} times={times} series={of.tokens} show={compact} />
      <Chart title="Saved by the cache" note={`${money(total("saved"))} in all`} times={times} series={of.saved} show={money} />
      <Chart title="From an edit to its vector" note="how long rows waited" times={times} series={of.lag} show={lag} />
    </div>
  );
}
