// Charts on a canvas, each with a table of the same numbers for who cannot see it.
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { Table } from "./table.jsx";
import { atClock, atHour, onDay, when } from "./format.js";

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const palette = ["--accent", "--second"];

const axisPadding = 16; // Pixels, as what follows.
const aroundOne = 1_800; // Seconds.
const around = (only) => [only - aroundOne, only + aroundOne];
const mostMarkers = 40;
const [minute, hour, day] = [60, 3_600, 86_400];
// No parts of a second, which no label shows.
const steps = [
  ...[1, 5, 10, 15, 30],
  ...[1, 5, 10, 15, 30].map((minutes) => minutes * minute),
  ...[1, 2, 3, 4, 6, 8, 12].map((hours) => hours * hour),
  ...[1, 2, 3, 5, 7, 10].map((days) => days * day),
];

const isGap = (value) => value === null || value === undefined;
const hasLine = (values) => values.every((value, i) => isGap(value) || !isGap(values[i - 1]) || !isGap(values[i + 1]));

// As uPlot draws them.
const widest = (texts) => {
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = "12px system-ui, sans-serif";
  return Math.max(0, ...texts.map((text) => Math.ceil(pen.measureText(text).width)));
};

function tick(seconds, isWithinMinutes) {
  const date = new Date(seconds * 1000);
  return isWithinMinutes ? atClock(date) : date.getHours() === 0 && date.getMinutes() === 0 ? onDay(date) : atHour(date);
}

const isMinutes = (ticks) => ticks.some((seconds) => seconds % minute !== 0);

const noSpans = [];
const leastWidth = 2; // Pixels.

function shade({ ctx: pen, bbox: { left, top, width, height }, valToPos }, span) {
  const place = (time) => Math.min(left + width, Math.max(left, valToPos(time / 1000, "x", true)));
  const [from, to] = span.map(place);
  pen.fillStyle = colour("--line");
  pen.fillRect(from, top, Math.max(leastWidth, to - from), height);
}

/** Lines over time; `series` is a list of `{ name, values }`, `times` are milliseconds, and `spans`, from and to, are shaded. */
export function Chart({ title, times, series, spans = noSpans, show, note }) {
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
          hooks: { drawClear: [(drawn) => spans.forEach((span) => shade(drawn, span))] },
          cursor: { y: false },
          axes: [
            {
              stroke: colour("--faint"),
              incrs: steps,
              grid: { show: false },
              ticks: { stroke: colour("--line") },
              values: (_, ticks) => ticks.map((seconds) => tick(seconds, isMinutes(ticks))),
            },
            {
              stroke: colour("--faint"),
              grid: { stroke: colour("--line") },
              ticks: { show: false },
              size: (_, texts) => axisPadding + widest(texts ?? []),
              values: (_, ticks) => ticks.map(show),
            },
          ],
          scales: {
            x: { range: (_, low, high) => (times.length === 1 ? around(times[0] / 1000) : [low, high]) },
            y: { range: (_, low, high) => [0, high > 0 ? high * 1.1 : 1] },
          },
          series: [
            {},
            ...series.map(({ name, values }, i) => ({
              label: name,
              stroke: colour(palette[i]),
              width: 2,
              fill: i === 0 ? `${colour(palette[i])}22` : undefined,
              // A value between two gaps is on no line.
              points: { show: times.length < mostMarkers || !hasLine(values), size: 6, fill: colour(palette[i]) },
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
  }, [times, series, spans]);
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
