// Charts on a canvas, each with a table of the same numbers for who cannot see it.
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { Table } from "./parts.jsx";
import { when } from "./format.js";

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const palette = ["--accent", "--second"];

/** Lines over time; `series` is a list of `{ name, values }`, `times` are milliseconds. */
export function Chart({ title, times, series, show, note }) {
  const holder = useRef();
  useEffect(() => {
    const box = holder.current;
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    let plot;
    const draw = () => {
      plot?.destroy();
      plot = new uPlot(
        {
          width: box.clientWidth,
          height: 180,
          legend: { show: false },
          cursor: { y: false },
          axes: [
            { stroke: colour("--faint"), grid: { show: false }, ticks: { stroke: colour("--line") } },
            {
              stroke: colour("--faint"),
              grid: { stroke: colour("--line") },
              ticks: { show: false },
              size: 64,
              values: (_, ticks) => ticks.map(show),
            },
          ],
          scales: { y: { range: (_, low, high) => [0, high > 0 ? high * 1.1 : 1] } },
          series: [
            {},
            ...series.map(({ name }, i) => ({
              label: name,
              stroke: colour(palette[i]),
              width: 2,
              fill: i === 0 ? `${colour(palette[i])}22` : undefined,
              points: { show: times.length < 40 },
            })),
          ],
        },
        [times.map((time) => time / 1000), ...series.map(({ values }) => values)],
        box,
      );
    };
    const resize = new ResizeObserver(() => plot?.setSize({ width: box.clientWidth, height: 180 }));
    draw();
    resize.observe(box);
    scheme.addEventListener("change", draw);
    return () => {
      resize.disconnect();
      scheme.removeEventListener("change", draw);
      plot.destroy();
    };
  }, [times, series]);
  return (
    <figure class="card chart">
      <figcaption>
        <h2>{title}</h2>
        <span class="faint">{note}</span>
        {series.length > 1 && (
          <span class="legend">
            {series.map(({ name }, i) => (
              <span key={name}>
                <span class={`dot series-${i}`} /> {name}{" "}
              </span>
            ))}
          </span>
        )}
      </figcaption>
      <div ref={holder} aria-hidden="true" />
      <details>
        <summary>
          Numbers<span class="hidden"> of {title}</span>
        </summary>
        <Table caption={title} head={["Time", ...series.map(({ name }) => `#${name}`)]}>
          {times.map((time, i) => (
            <tr key={time}>
              <th scope="row">{when(time)}</th>
              {series.map(({ name, values }) => (
                <td key={name} class="number">
                  {values[i] === null ? "–" : show(values[i])}
                </td>
              ))}
            </tr>
          ))}
        </Table>
      </details>
    </figure>
  );
}

/** The rate while this page is open. */
export function Spark({ samples }) {
  const most = Math.max(1, ...samples);
  const points = samples.map((sample, i) => `${(100 * i) / Math.max(1, samples.length - 1)},${19 - (18 * sample) / most}`);
  return (
    samples.length > 1 && (
      <svg class="spark" viewBox="0 0 100 20" preserveAspectRatio="none" aria-hidden="true">
        <polyline points={points.join(" ")} />
      </svg>
    )
  );
}
