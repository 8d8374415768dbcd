import { Bar, Chip, Loading, Page, Progress, Section, Time, Wrong } from "./parts.jsx";
import { Table } from "./table.jsx";
import { Empty } from "./empty.jsx";
import { Tiles } from "./tiles.jsx";
import { useLive } from "./live.js";
import { duration, number, percent, rows, secondsSince } from "./format.js";
import { broken, ignored, sum, waiting } from "./counts.js";

export function Now() {
  const { overview, error, link, samples, now } = useLive();
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
          <Tiles overview={overview} samples={samples} now={now} isStale={link === "lost"} />
          <Running overview={overview} now={now} />
          <Coverage corpora={overview.corpora} />
          <NotMigrated names={overview.notMigrated} />
        </>
      )}
    </Page>
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
  const [total, embedded] = ["total", "embedded"].map((name) => sum(kinds, (kind) => kind[name]));
  const [pending, failed, left] = [waiting, broken, ignored].map((count) => sum(kinds, count));
  const wanted = total - left - sum(kinds, (kind) => kind.empty);
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
      {left > 0 && <span class="faint"> {rows(left)} ignored.</span>}
    </p>
  );
}

export const eta = (run, now) => {
  const elapsed = secondsSince(run.startedAt ?? run.createdAt, now);
  return run.status === "processing" && run.itemsProcessed > 0 && run.itemsTotal > run.itemsProcessed
    ? (elapsed / run.itemsProcessed) * (run.itemsTotal - run.itemsProcessed)
    : null;
};

/** What a run's chip says: one of a paused corpus waits for a person. */
export const stateOf = (run, overview) =>
  !run.completedAt && overview?.corpora?.some(({ corpus, pausedAt }) => pausedAt && corpus === run.corpus.split("@")[0])
    ? "paused"
    : run.status;

function Running({ overview, now }) {
  const { runs } = overview;
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
                <a href={`#/runs/${run.id}`}>{run.corpus}</a> <Chip state={stateOf(run, overview)} />
                <span class="push">
                  {number(run.itemsProcessed)} of {number(run.itemsTotal)}
                  {run.itemsFailed > 0 && <span class="bad-text">, {number(run.itemsFailed)} failed</span>}
                  {eta(run, now) !== null && <>, about {duration(eta(run, now))} left</>}
                </span>
              </div>
              <Progress
                done={run.itemsProcessed}
                failed={run.itemsFailed}
                total={run.itemsTotal}
                label={`Progress of the run over ${run.corpus}`}
              />
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}

// A share that only ignored rows keep from 100 % is no work that is left.
const share = (kind) =>
  kind.total === 0
    ? "no rows"
    : ignored(kind) > 0 && waiting(kind) + kind.asked + broken(kind) === 0
      ? `all but ${number(ignored(kind))} ignored`
      : `${kind.coverage} %`;

function Coverage({ corpora }) {
  if (!corpora) {
    return null;
  }

  return (
    <Section title="What is embedded">
      <Table
        caption="Coverage by corpus and kind"
        head={["Corpus", "Kind", "Coverage", "#Rows", "#Embedded", "#Waiting", "#Failed", "#No text", "#Ignored"]}
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
                <span class="share">{share(kind)}</span>
                <Bar
                  total={kind.total}
                  label={`${share(kind)} embedded`}
                  parts={[
                    ["good", kind.embedded],
                    ["warn", waiting(kind)],
                    ["bad", broken(kind)],
                    ["calm", kind.empty + ignored(kind)],
                  ]}
                />
              </td>
              <td class="number">{number(kind.total)}</td>
              <td class="number">{number(kind.embedded)}</td>
              <td class="number">{number(waiting(kind))}</td>
              <td class={`number ${broken(kind) > 0 ? "bad-text" : ""}`}>
                {broken(kind) > 0 ? (
                  <a href={`#/failures?corpus=${encodeURIComponent(corpus.corpus)}`}>{number(broken(kind))}</a>
                ) : (
                  0
                )}
              </td>
              <td class="number">{number(kind.empty)}</td>
              <td class="number">{number(ignored(kind))}</td>
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
