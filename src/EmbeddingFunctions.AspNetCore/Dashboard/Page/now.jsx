import { Bar, Chip, Loading, Page, Progress, Section, Table, Time, Wrong } from "./parts.jsx";
import { useLive } from "./live.js";
import { ago, compact, dollars, duration, number, percent, rows, secondsSince } from "./format.js";
import { Spark } from "./chart.jsx";

const sum = (list, of) => list.reduce((total, one) => total + of(one), 0);

export function Now() {
  const { overview, error, samples, now } = useLive();
  return (
    <Page title="Now">
      <Wrong error={error && { message: error }} />
      {!overview ? (
        <Loading />
      ) : overview.problem || overview.corpora?.length === 0 ? (
        <Empty overview={overview} />
      ) : (
        <>
          <Headline overview={overview} />
          <Tiles overview={overview} samples={samples} now={now} />
          <Running runs={overview.runs} now={now} />
          <Coverage corpora={overview.corpora} />
          <NotMigrated names={overview.notMigrated} />
        </>
      )}
    </Page>
  );
}

/** What to do in a database that has nothing yet. */
function Empty({ overview }) {
  const name = overview.notMigrated[0] ?? "CORPUS";
  return (
    <Section title="Nothing is embedded here yet">
      <p>The database does not know any corpus. These three commands change that; this page shows what they do.</p>
      <ol class="steps">
        <li>
          Make the columns and triggers that a corpus needs: <code>embeddings migrate {name}</code>
        </li>
        <li>
          See what it would cost: <code>embeddings backfill {name} --dry-run</code>
        </li>
        <li>
          Embed all rows: <code>embeddings backfill {name}</code>
        </li>
      </ol>
      <p class="faint">
        Your own tables: <code>embeddings corpus init TABLE</code> writes a declaration for them.
        {overview.notMigrated.length > 0 && <> Declared here: {overview.notMigrated.join(", ")}.</>}
      </p>
      {overview.problem && <p class="faint">The database says: {overview.problem}</p>}
    </Section>
  );
}

function Headline({ overview: { corpora } }) {
  if (!corpora) {
    return (
      <p class="headline" role="status">
        Counting rows …
      </p>
    );
  }

  const kinds = corpora.flatMap((corpus) => corpus.kinds);
  const [total, embedded, pending, failed] = ["total", "embedded", "pending", "failed"].map((name) =>
    sum(kinds, (kind) => kind[name]),
  );
  const wanted = total - sum(kinds, (kind) => kind.empty + kind.ignored);
  return (
    <p class="headline">
      {total === 0 ? (
        "There are no rows to embed yet."
      ) : pending + failed === 0 ? (
        <>
          All <b>{rows(wanted)}</b> with a text are embedded.
        </>
      ) : (
        <>
          <b>{percent(embedded / Math.max(1, wanted))}</b> embedded: {number(embedded)} of {rows(wanted)}.{" "}
          {pending > 0 && <>{number(pending)} wait. </>}
          {failed > 0 && <span class="bad-text">{number(failed)} failed.</span>}
        </>
      )}
    </p>
  );
}

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

function Tiles({ overview, samples, now }) {
  const { worker, corpora, rates, providers, spending } = overview;
  const kinds = (corpora ?? []).flatMap((corpus) => corpus.kinds);
  const [pending, failed] = [sum(kinds, (kind) => kind.pending + kind.asked), sum(kinds, (kind) => kind.failed)];
  const oldest = (corpora ?? [])
    .map((corpus) => corpus.oldestPending)
    .filter(Boolean)
    .sort()[0];
  const broken = (corpora ?? []).filter((corpus) => corpus.freshness?.isBroken);
  const paused = (corpora ?? []).filter((corpus) => corpus.pausedAt);
  const isAsleep = worker.state === "absent" && pending > 0;
  return (
    <div class="tiles">
      <Tile
        name="Worker"
        tone={isAsleep ? "bad" : worker.state === "absent" ? "warn" : "good"}
        value={{ working: "Working", idle: "Ready", absent: "None seen" }[worker.state]}
      >
        {worker.state === "absent" ? "Start one: embeddings serve. Rows are embedded by workers only. " : null}
        {worker.lastWorkedAt ? (
          <>
            Last worked <Time at={worker.lastWorkedAt} now={now} />.
          </>
        ) : (
          "It has not worked here yet."
        )}
        {paused.length > 0 && <> Paused: {paused.map((corpus) => corpus.corpus).join(", ")}.</>}
      </Tile>
      <Tile name="Failed" href="#/failures" tone={failed > 0 ? "bad" : "good"} value={corpora ? compact(failed) : "…"}>
        {failed > 0 ? "See why, and retry" : "Nothing has failed"}
      </Tile>
      <Tile name="Waiting" tone={broken.length > 0 ? "bad" : ""} value={corpora ? compact(pending) : "…"}>
        {pending === 0 ? (
          "Nothing waits"
        ) : oldest ? (
          <>The oldest for {duration(secondsSince(oldest, now))}</>
        ) : (
          "Rows that the next run takes"
        )}
        {broken.length > 0 && <>. Later than declared: {broken.map((corpus) => corpus.corpus).join(", ")}</>}
      </Tile>
      <Tile
        name="Rate"
        value={
          <>
            {compact(rates.vectors)}
            <small> vectors / min</small>
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

export const eta = (run, now) => {
  const elapsed = secondsSince(run.startedAt ?? run.createdAt, now);
  return run.status === "processing" && run.itemsProcessed > 0 && run.itemsTotal > run.itemsProcessed
    ? (elapsed / run.itemsProcessed) * (run.itemsTotal - run.itemsProcessed)
    : null;
};

function Running({ runs, now }) {
  return (
    <Section title="Running">
      {runs.length === 0 ? (
        <p class="faint">
          No run is under way. <a href="#/runs">All runs</a>
        </p>
      ) : (
        <ul class="running">
          {runs.map((run) => (
            <li key={run.id}>
              <div class="line">
                <a href={`#/runs/${run.id}`}>{run.corpus}</a> <Chip state={run.status} />
                <span class="push">
                  {number(run.itemsProcessed)} of {number(run.itemsTotal)}
                  {run.itemsFailed > 0 && <span class="bad-text">, {number(run.itemsFailed)} failed</span>}
                  {eta(run, now) !== null && <>, about {duration(eta(run, now))} left</>}
                </span>
              </div>
              <Progress done={run.itemsProcessed} total={run.itemsTotal} label={`Progress of the run over ${run.corpus}`} />
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}

function Coverage({ corpora }) {
  if (!corpora) {
    return null;
  }

  return (
    <Section title="What is embedded">
      <Table
        caption="Coverage by corpus and kind"
        head={["Corpus", "Kind", "Coverage", "#Rows", "#Embedded", "#Waiting", "#Failed", "#No text"]}
      >
        {corpora.flatMap((corpus) =>
          corpus.kinds.map((kind, i) => (
            <tr key={`${corpus.corpus} ${kind.kind}`}>
              {i === 0 && (
                <th scope="rowgroup" rowSpan={corpus.kinds.length}>
                  <a href={`#/corpora/${encodeURIComponent(corpus.corpus)}`}>{corpus.corpus}</a>
                  {corpus.pausedAt && (
                    <>
                      <br />
                      <Chip tone="warn" text="paused" />
                    </>
                  )}
                </th>
              )}
              <th scope="row">{kind.kind}</th>
              <td class="wide">
                <span class="share">{kind.total === 0 ? "no rows" : `${kind.coverage} %`}</span>
                <Bar
                  total={kind.total}
                  label={`${kind.coverage} % embedded`}
                  parts={[
                    ["good", kind.embedded],
                    ["warn", kind.pending],
                    ["bad", kind.failed],
                    ["calm", kind.empty + kind.ignored],
                  ]}
                />
              </td>
              <td class="number">{number(kind.total)}</td>
              <td class="number">{number(kind.embedded)}</td>
              <td class="number">{number(kind.pending)}</td>
              <td class={`number ${kind.failed > 0 ? "bad-text" : ""}`}>
                {kind.failed > 0 ? (
                  <a href={`#/failures?corpus=${encodeURIComponent(corpus.corpus)}`}>{number(kind.failed)}</a>
                ) : (
                  0
                )}
              </td>
              <td class="number">{number(kind.empty + kind.ignored)}</td>
            </tr>
          )),
        )}
      </Table>
      <p class="legend">
        <span class="dot good" /> embedded <span class="dot warn" /> waiting <span class="dot bad" /> failed{" "}
        <span class="dot calm" /> no text, or ignored
      </p>
    </Section>
  );
}

const NotMigrated = ({ names }) =>
  names.length > 0 && (
    <p class="faint">
      Declared, but not in this database: {names.join(", ")}. <code>embeddings migrate NAME</code> adds one.
    </p>
  );
