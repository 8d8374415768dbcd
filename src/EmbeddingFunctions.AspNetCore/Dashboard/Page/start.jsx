import { useState } from "preact/hooks";
import { post } from "./api.js";
import { Act, Chip, Dialog, Facts, Wrong } from "./parts.jsx";
import { dollars, duration, number } from "./format.js";

export function StartRun({ corpora, onClose }) {
  const [asked, setAsked] = useState({ corpus: corpora[0].corpus, itemTypes: [], limit: "", forceRegenerate: false });
  const [prediction, setPrediction] = useState(null);
  const [state, setState] = useState({ busy: null, error: null });
  const chosen = corpora.find((corpus) => corpus.corpus === asked.corpus);
  const kinds = chosen.kinds.map((kind) => kind.kind);
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
        <div role="status">
          {chosen.pausedAt && (
            <div class="notice line">
              {chosen.corpus} is paused: a run waits until it is resumed.
              <Act
                label="Resume"
                describe={`Resume ${chosen.corpus}`}
                does={() => post(`corpora/${encodeURIComponent(chosen.corpus)}/resume`)}
              />
            </div>
          )}
          {prediction && <Prediction prediction={prediction} />}
        </div>
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

function Prediction({ prediction }) {
  const { items, inputs, requests, tokens, dollars: cost, minutes, caps, findings, areTokensExact, areRequestsExact } = prediction;
  return (
    <div class="prediction">
      <Facts
        facts={[
          ["Rows", number(items)],
          ["Texts to embed", number(inputs)],
          ["Requests", `${areRequestsExact ? "" : "about "}${number(requests)}`],
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
