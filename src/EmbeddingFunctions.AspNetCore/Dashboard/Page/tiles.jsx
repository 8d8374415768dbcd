import { Progress, Time } from "./parts.jsx";
import { ago, compact, dollars, duration, number, secondsSince } from "./format.js";
import { Spark } from "./chart.jsx";
import { broken, retrying, sum, waiting } from "./counts.js";

function Tile({ name, value, tone = "", children, href }) {
  const body = (
    <>
      <h2>{name}</h2>
      <p class="value">{value}</p>
      <div class="detail">{children}</div>
    </>
  );
  return href ? (
    <a class={`tile ${tone}`} href={href}>
      {body}
    </a>
  ) : (
    <div class={`tile ${tone}`}>{body}</div>
  );
}

export function Tiles({ overview, samples, now, isStale }) {
  const { worker, corpora, runs, rates, providers, spending } = overview;
  const kinds = (corpora ?? []).flatMap((corpus) => corpus.kinds);
  const [pending, failed, again] = [sum(kinds, (kind) => waiting(kind) + kind.asked), sum(kinds, broken), sum(kinds, retrying)];
  const oldest = (corpora ?? [])
    .map((corpus) => corpus.oldestPending)
    .filter(Boolean)
    .sort()[0];
  const late = (corpora ?? []).filter((corpus) => corpus.freshness?.isBroken);
  const paused = (corpora ?? []).filter((corpus) => corpus.pausedAt);
  const isAsleep = worker.state === "absent" && pending + again > 0;
  const isPaused = ({ corpus }) => paused.some((one) => one.corpus === corpus.split("@")[0]);
  const held = runs.length > 0 ? runs : (corpora ?? []);
  const isHeld = worker.state !== "absent" && held.length > 0 && held.every(isPaused);
  return (
    <div class={`tiles ${isStale ? "stale" : ""}`}>
      <Tile
        name="Worker"
        tone={isAsleep ? "bad" : worker.state === "absent" || isHeld ? "warn" : "good"}
        value={isHeld ? "Paused" : { working: "Working", idle: "Ready", absent: "None seen" }[worker.state]}
      >
        {worker.state === "absent" ? "Start one: embeddings serve. Rows are embedded by workers only. " : null}
        {worker.lastWorkedAt ? (
          <>
            The last run was active <Time at={worker.lastWorkedAt} now={now} />.
          </>
        ) : (
          "No run has been made here yet."
        )}
        {paused.length > 0 && <> Paused: {paused.map((corpus) => corpus.corpus).join(", ")}.</>}
      </Tile>
      <Tile name="Failed" href="#/failures" tone={failed > 0 ? "bad" : "good"} value={corpora ? compact(failed) : "…"}>
        {failed === 0
          ? "Nothing has failed"
          : again === 0
            ? "See why, and retry"
            : `${number(again)} of them ${again === 1 ? "is" : "are"} tried again by the next run`}
      </Tile>
      <Tile name="Waiting" tone={late.length > 0 ? "bad" : ""} value={corpora ? compact(pending) : "…"}>
        {pending === 0 ? (
          again > 0 ? "Nothing else waits" : "Nothing waits"
        ) : oldest ? (
          <>The oldest for {duration(secondsSince(oldest, now))}</>
        ) : (
          "Rows that the next run takes"
        )}
        {late.length > 0 && <>. Later than declared: {late.map((corpus) => corpus.corpus).join(", ")}</>}
      </Tile>
      <Tile
        name="Rate"
        value={
          <>
            {compact(rates.vectors)}
            <small> {rates.vectors === 1 ? "vector" : "vectors"} / min</small>
          </>
        }
      >
        {overview.isRemote ? (
          <>
            {number(rates.requests)} of {compact(rates.maxRequests)} requests, {compact(rates.tokens)} of{" "}
            {compact(rates.maxTokens)} tokens in the last minute
          </>
        ) : (
          "Embedded in this process: no limits"
        )}
        <Spark samples={samples} />
      </Tile>
      <Provider providers={providers} name={overview.providerName} isEnabled={overview.isEnabled} now={now} />
      <Tile
        name="Spent today"
        href="#/trends"
        tone={spending.maxPerDay && spending.today >= spending.maxPerDay ? "bad" : ""}
        value={dollars(spending.today)}
      >
        {spending.maxPerDay ? `of ${dollars(spending.maxPerDay)} a day` : "No cap a day"}; {dollars(spending.thisMonth)} this
        month{spending.maxPerMonth ? ` of ${dollars(spending.maxPerMonth)}` : ""}
        {spending.maxPerDay && <Progress done={spending.today} total={spending.maxPerDay} label="Spent of the cap of a day" />}
      </Tile>
    </div>
  );
}

function Provider({ providers, name, isEnabled, now }) {
  const order = ["stopped", "waiting", "failing", "untried", "available"];
  const worst = [...providers].sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state))[0];
  const state = worst?.state ?? "available";
  const value = !isEnabled
    ? "Switched off"
    : { available: "Open", untried: "Not tried since", failing: "Failing", waiting: "Waiting", stopped: "Stopped" }[state];
  return (
    <Tile
      name="Provider"
      value={value}
      tone={state === "stopped" || !isEnabled ? "bad" : state === "available" ? "good" : "warn"}
    >
      {name}
      {worst && <>, {worst.model}</>}.{" "}
      {worst?.until && (
        <>
          Tried again{" "}
          {secondsSince(worst.until, now) < 0 ? `in ${duration(-secondsSince(worst.until, now))}` : ago(worst.until, now)}.{" "}
        </>
      )}
      {worst?.reason}
    </Tile>
  );
}
