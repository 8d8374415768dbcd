import { useState } from "preact/hooks";
import { Chip, Loading, Page, Progress, Section, Time, Wrong, useAnswer } from "./parts.jsx";
import { Table } from "./table.jsx";
import { dollars, duration, number, secondsSince } from "./format.js";
import { useLive } from "./live.js";
import { eta, stateOf } from "./now.jsx";
import { StartRun } from "./start.jsx";

const states = ["processing", "pending", "completed", "failed", "cancelled", "cap_reached"];

export function Runs({ mayWrite }) {
  const { overview, now } = useLive();
  const [filter, setFilter] = useState({ corpus: "", status: "", hasWork: true, before: null });
  const [isStarting, setStarting] = useState(false);
  const query = new URLSearchParams({
    limit: 50,
    ...(filter.corpus && { corpus: filter.corpus }),
    ...(filter.status && { status: filter.status }),
    ...(filter.hasWork && { hasWork: true }),
    ...(filter.before && { before: filter.before }),
  });
  const { answer, error, again } = useAnswer(`runs?${query}`, 5_000);
  const corpora = (overview?.corpora ?? []).map((corpus) => corpus.corpus);
  const set = (name) => (event) =>
    setFilter({ ...filter, before: null, [name]: event.target.type === "checkbox" ? event.target.checked : event.target.value });
  // What goes on is pushed, between two answers of the list.
  const open = new Map((overview?.runs ?? []).map((run) => [run.id, run]));
  return (
    <Page
      title="Runs"
      aside={
        mayWrite &&
        corpora.length > 0 && (
          <button type="button" class="primary" onClick={() => setStarting(true)}>
            Start a run
          </button>
        )
      }
    >
      <Section title={filter.before ? "Older runs" : "Newest runs"}>
        <form class="filters" onSubmit={(event) => event.preventDefault()}>
          <label>
            Corpus{" "}
            <select value={filter.corpus} onChange={set("corpus")}>
              <option value="">all</option>
              {corpora.map((name) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          </label>
          <label>
            State{" "}
            <select value={filter.status} onChange={set("status")}>
              <option value="">any</option>
              {states.map((state) => (
                <option key={state} value={state}>
                  {state.replace("_", " ")}
                </option>
              ))}
            </select>
          </label>
          <label class="check">
            <input type="checkbox" checked={filter.hasWork} onChange={set("hasWork")} /> only runs that had work
          </label>
        </form>
        <Wrong error={error} />
        {!answer ? (
          !error && <Loading />
        ) : answer.runs.length === 0 ? (
          <p class="faint">
            No run fits. A run begins by schedule, by an edit, by
            <code> embeddings backfill</code> or by “Start a run”.
          </p>
        ) : (
          <Table
            caption="Runs, the newest first"
            head={["Run", "State", "Progress", "#Embedded", "#Failed", "#Tokens", "#Cost", "Took", "Began"]}
          >
            {answer.runs.map((listed) => (
              <RunRow key={listed.id} run={{ ...listed, ...open.get(listed.id) }} overview={overview} now={now} />
            ))}
          </Table>
        )}
        {(answer?.next || filter.before) && (
          <div class="actions">
            {answer?.next && (
              <button type="button" onClick={() => setFilter({ ...filter, before: answer.next })}>
                Older runs
              </button>
            )}
            {filter.before && (
              <button type="button" onClick={() => setFilter({ ...filter, before: null })}>
                Newest runs
              </button>
            )}
          </div>
        )}
      </Section>
      {isStarting && (
        <StartRun
          corpora={overview.corpora}
          onClose={() => {
            setStarting(false);
            again();
          }}
        />
      )}
    </Page>
  );
}

function RunRow({ run, overview, now }) {
  const left = eta(run, now);
  const began = run.startedAt ?? run.createdAt;
  return (
    <tr>
      <th scope="row">
        <a href={`#/runs/${run.id}`}>{run.corpus}</a>
        <span class="sub">
          {[run.dueAt ? "by schedule" : `by ${run.host}`, ...run.itemTypes, run.repositoryId].filter(Boolean).join(" · ")}
        </span>
      </th>
      <td>
        <Chip state={stateOf(run, overview)} />
        {run.error && (
          <span class="sub clip" title={run.error}>
            {run.error}
          </span>
        )}
      </td>
      <td class="wide">
        <Progress done={run.itemsProcessed} failed={run.itemsFailed} total={run.itemsTotal} label="Progress" />
        {left !== null && <span class="sub">about {duration(left)} left</span>}
      </td>
      <td class="number">
        {number(run.itemsProcessed)} <span class="faint">/ {number(run.itemsTotal)}</span>
      </td>
      <td class={`number ${run.itemsFailed > 0 ? "bad-text" : ""}`}>{number(run.itemsFailed)}</td>
      <td class="number">{run.tokens === null || run.tokens === undefined ? "–" : number(run.tokens)}</td>
      <td class="number">{run.dollars === null || run.dollars === undefined ? "–" : dollars(run.dollars)}</td>
      <td class="nowrap">
        {run.startedAt ? duration(secondsSince(run.startedAt, run.completedAt ? Date.parse(run.completedAt) : now)) : "–"}
      </td>
      <td class="nowrap">
        <Time at={began} now={now} />
      </td>
    </tr>
  );
}
