import { useState } from "preact/hooks";
import { post } from "./api.js";
import { Chip, Dialog, Facts, Loading, Page, Progress, Section, Table, Time, Wrong, useAnswer } from "./parts.jsx";
import { dollars, duration, number, secondsSince } from "./format.js";
import { useLive } from "./live.js";
import { eta } from "./now.jsx";

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
              <RunRow key={listed.id} run={{ ...listed, ...open.get(listed.id) }} now={now} />
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

function RunRow({ run, now }) {
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
        <Chip state={run.status} />
        {run.error && (
          <span class="sub clip" title={run.error}>
            {run.error}
          </span>
        )}
      </td>
      <td class="wide">
        <Progress done={run.itemsProcessed + run.itemsFailed} total={run.itemsTotal} label="Progress" />
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

function StartRun({ corpora, onClose }) {
  const [asked, setAsked] = useState({ corpus: corpora[0].corpus, itemTypes: [], limit: "", forceRegenerate: false });
  const [prediction, setPrediction] = useState(null);
  const [state, setState] = useState({ busy: null, error: null });
  const kinds = corpora.find((corpus) => corpus.corpus === asked.corpus).kinds.map((kind) => kind.kind);
  const change = (change) => {
    setAsked({ ...asked, ...change });
    setPrediction(null);
  };
  const body = () => ({
    corpus: asked.corpus,
    ...(asked.itemTypes.length > 0 && { itemTypes: asked.itemTypes }),
    ...(asked.limit && { limit: Number(asked.limit) }),
    ...(asked.forceRegenerate && { forceRegenerate: true }),
  });
  const run = async (name, does) => {
    setState({ busy: name, error: null });
    try {
      await does();
      setState({ busy: null, error: null });
    } catch (error) {
      setState({ busy: null, error });
    }
  };
  const begin = () =>
    run("start", async () => {
      const { runId } = await post("compute", body());
      onClose();
      location.hash = `#/runs/${runId}`;
    });
  return (
    <Dialog title="Start a run" onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          begin();
        }}
      >
        <label>
          Corpus{" "}
          <select value={asked.corpus} onChange={(event) => change({ corpus: event.target.value, itemTypes: [] })}>
            {corpora.map(({ corpus }) => (
              <option key={corpus}>{corpus}</option>
            ))}
          </select>
        </label>
        <fieldset>
          <legend>Kinds (none: all)</legend>
          {kinds.map((kind) => (
            <label class="check" key={kind}>
              <input
                type="checkbox"
                checked={asked.itemTypes.includes(kind)}
                onChange={(event) =>
                  change({
                    itemTypes: event.target.checked ? [...asked.itemTypes, kind] : asked.itemTypes.filter((one) => one !== kind),
                  })
                }
              />{" "}
              {kind}
            </label>
          ))}
        </fieldset>
        <label>
          At most so many rows{" "}
          <input type="number" min="1" step="1" value={asked.limit} onInput={(event) => change({ limit: event.target.value })} />
        </label>
        <label class="check">
          <input
            type="checkbox"
            checked={asked.forceRegenerate}
            onChange={(event) => change({ forceRegenerate: event.target.checked })}
          />{" "}
          embed again what has a vector (costs as much as the first time)
        </label>
        <div role="status">{prediction && <Prediction prediction={prediction} />}</div>
        <Wrong error={state.error} />
        <div class="actions">
          <button type="submit" class="primary" aria-disabled={state.busy !== null}>
            {state.busy === "start" ? "Starting …" : "Start"}
          </button>
          <button
            type="button"
            aria-disabled={state.busy !== null}
            onClick={() => run("predict", async () => setPrediction(await post("predict", body())))}
          >
            {state.busy === "predict" ? "Predicting …" : "Predict"}
          </button>
          <button type="button" onClick={onClose}>
            Close
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function Prediction({ prediction: { items, inputs, requests, tokens, dollars: cost, minutes, caps, findings, areTokensExact } }) {
  return (
    <div class="prediction">
      <Facts
        facts={[
          ["Rows", number(items)],
          ["Texts to embed", number(inputs)],
          ["Requests", number(requests)],
          ["Tokens", `${areTokensExact ? "" : "about "}${number(tokens)}`],
          ["Cost", dollars(cost)],
          ["Takes", minutes === null ? "as long as this machine needs" : duration(minutes * 60)],
        ]}
      />
      {caps.map((cap) => (
        <p key={cap.cap}>
          <Chip tone={cap.holds ? "good" : "bad"} text={cap.holds ? "within the cap" : "stops at the cap"} /> {cap.cap}:{" "}
          {dollars(cap.spent)} of {dollars(cap.dollars)} spent
        </p>
      ))}
      {findings.map((finding) => (
        <p key={finding} class="wrong">
          {finding}
        </p>
      ))}
    </div>
  );
}
