const whole = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

export const number = (value) => whole.format(Math.round(value ?? 0));
export const compact = (value) => (Math.abs(value ?? 0) < 10_000 ? number(value) : short.format(value));
export const percent = (share) => `${Math.floor(share * 1000) / 10} %`;
export const rows = (count) => `${number(count)} ${count === 1 ? "row" : "rows"}`;

export function dollars(value) {
  const digits = value === 0 || value >= 1 ? 2 : value >= 0.01 ? 3 : 5;
  return value === null || value === undefined
    ? "price unknown"
    : `$${whole.format(Math.floor(value))}${(value % 1).toFixed(digits).slice(1)}`;
}

export function duration(seconds) {
  const s = Math.max(0, Math.round(seconds));
  return s < 60
    ? `${s} s`
    : s < 3_600
      ? `${Math.floor(s / 60)} min ${s % 60} s`
      : s < 86_400
        ? `${Math.floor(s / 3_600)} h ${Math.floor(s / 60) % 60} min`
        : `${Math.floor(s / 86_400)} d ${Math.floor(s / 3_600) % 24} h`;
}

/** How long a lag is, in one unit. */
export function lag(seconds) {
  return seconds === null || seconds === undefined
    ? "–"
    : seconds < 1
      ? `${Math.round(seconds * 1000)} ms`
      : seconds < 90
        ? `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`
        : duration(seconds);
}

export const when = (time) => moment.format(new Date(time));
export const atClock = (time) => clock.format(new Date(time));
export const secondsSince = (time, now = Date.now()) => (now - Date.parse(time)) / 1000;

export function ago(time, now) {
  const seconds = secondsSince(time, now);
  return seconds < 2 ? "just now" : `${duration(seconds).replace(/^(\d+ (?:min|h|d)) .*/, "$1")} ago`;
}
