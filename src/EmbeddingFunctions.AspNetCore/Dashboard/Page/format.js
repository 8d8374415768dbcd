const whole = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
// As the page is in English, whatever the browser's language is; the footer names the zone.
const moment = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const hour = new Intl.DateTimeFormat("en-GB", { timeStyle: "short" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const offset = new Intl.DateTimeFormat("en-GB", { timeZoneName: "shortOffset" });

export const number = (value) => whole.format(Math.round(value ?? 0));
export const compact = (value) => (Math.abs(value ?? 0) < 10_000 ? number(value) : short.format(value));
export const percent = (share) => `${Math.floor(share * 1000) / 10} %`;

export const counted = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

export const rows = (count) => counted(count, "row");

const leastDollars = 0.00001;

export function dollars(value) {
  if (value === null || value === undefined) {
    return "price unknown";
  }

  if (value === 0) {
    return "$0";
  }

  const digits = value >= 1 ? 2 : value >= 0.01 ? 3 : 5;
  return value < leastDollars
    ? `< $${leastDollars.toFixed(digits)}`
    : `$${value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits })}`;
}

const byteUnits = ["bytes", "kB", "MB", "GB", "TB"];

export function bytes(value) {
  const unit = Math.min(byteUnits.length - 1, Math.floor(Math.log2(Math.max(1, value)) / 10));
  const count = value / 1024 ** unit;
  return `${count.toFixed(count < 10 && unit > 0 ? 1 : 0)} ${byteUnits[unit]}`;
}

/** When a cron expression of five or six fields is due, in words where it is a plain one. */
export function schedule(cron) {
  const every = Number(/^(?:0 )?\*\/(\d+) \* \* \* \*$/.exec(cron)?.[1]);
  return every === 1 ? "every minute" : 60 % every === 0 ? `every ${every} minutes` : null;
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

/** The zone of all times on the page. */
export const zone = () => {
  const part = offset.formatToParts(new Date()).find((one) => one.type === "timeZoneName")?.value ?? "";
  const name = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return name === "UTC" ? name : `${name} (${part.replace("GMT", "UTC")})`;
};

export const atClock = (time) => clock.format(new Date(time));
export const atHour = (time) => hour.format(time);
export const onDay = (time) => day.format(time);
export const secondsSince = (time, now = Date.now()) => (now - Date.parse(time)) / 1000;

export function ago(time, now) {
  const seconds = secondsSince(time, now);
  return seconds < 2 ? "just now" : `${duration(seconds).replace(/^(\d+ (?:min|h|d)) .*/, "$1")} ago`;
}
