// What pages are made of.
import { useEffect, useRef, useState } from "preact/hooks";
import { get } from "./api.js";
import { number, when, ago } from "./format.js";

/** Asks at once and again every few seconds; an answer that has been overtaken is dropped. */
export function useAnswer(path, every = 0) {
  const [seen, see] = useState({ path: null, answer: null, error: null });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (!path) {
      return undefined;
    }

    const ending = new AbortController();
    let timer;
    const ask = async () => {
      try {
        const answer = await get(path, ending.signal);
        see({ path, answer, error: null });
      } catch (error) {
        if (ending.signal.aborted) {
          return;
        }

        see((last) => ({ path, answer: last.path === path ? last.answer : null, error }));
      }

      if (every > 0) {
        timer = setTimeout(ask, document.hidden ? every * 5 : every);
      }
    };
    ask();
    return () => {
      ending.abort();
      clearTimeout(timer);
    };
  }, [path, every, turn]);
  const fresh = seen.path === path ? seen : { answer: null, error: null };
  return { answer: fresh.answer, error: fresh.error, again: () => setTurn((last) => last + 1) };
}

export function Page({ title, children, aside }) {
  const heading = useRef();
  useEffect(() => {
    document.title = `${title} – Embeddings`;
  }, [title]);
  useEffect(() => heading.current.focus({ preventScroll: true }), []);
  return (
    <>
      <div class="page-head">
        <h1 tabIndex={-1} ref={heading}>
          {title}
        </h1>
        {aside}
      </div>
      {children}
    </>
  );
}

export function Section({ title, note, children, actions }) {
  return (
    <section class="card">
      <div class="card-head">
        <h2>{title}</h2>
        {actions && <div class="actions">{actions}</div>}
      </div>
      {note && <p class="faint">{note}</p>}
      {children}
    </section>
  );
}

export const Wrong = ({ error }) =>
  error && (
    <p class="wrong" role="alert">
      {error.message}
    </p>
  );

export const Loading = () => (
  <p class="faint" role="status">
    Loading …
  </p>
);

const tones = {
  completed: "good",
  processing: "busy",
  pending: "calm",
  failed: "bad",
  cancelled: "calm",
  cap_reached: "warn",
  paused: "warn",
  available: "good",
  waiting: "warn",
  failing: "warn",
  untried: "calm",
  stopped: "bad",
  ready: "good",
  building: "busy",
  missing: "calm",
  invalid: "bad",
};
const words = { cap_reached: "cap reached", processing: "running", pending: "waiting to start", missing: "not built yet" };
const signs = { good: "✓", busy: "●", warn: "!", bad: "✕", calm: "–" };

export function Chip({ state, tone = tones[state] ?? "calm", text = words[state] ?? state }) {
  return (
    <span class={`chip ${tone}`}>
      <span aria-hidden="true">{signs[tone]}</span> {text}
    </span>
  );
}

export const Time = ({ at, now }) =>
  at ? (
    <time dateTime={at} title={when(at)}>
      {ago(at, now)}
    </time>
  ) : (
    <>–</>
  );

/** Shares of a whole; the words beside it say the same. */
export function Bar({ parts, total, label }) {
  return (
    <div class="bar" role="img" aria-label={label}>
      {parts
        .filter(([, count]) => count > 0)
        .map(([tone, count]) => (
          <span key={tone} class={tone} style={{ width: `${(100 * count) / Math.max(1, total)}%` }} />
        ))}
    </div>
  );
}

export function Progress({ done, failed = 0, total, label }) {
  const [share, failedShare] = [done, failed].map((count) => (total > 0 ? Math.min(1, count / total) : 0));
  return (
    <div
      class="progress"
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.floor(Math.min(1, share + failedShare) * 100)}
      aria-valuetext={`${number(done)} of ${number(total)}${failed > 0 ? `, ${number(failed)} failed` : ""}`}
    >
      <span style={{ width: `${share * 100}%` }} />
      {failed > 0 && <span class="bad" style={{ width: `${failedShare * 100}%` }} />}
    </div>
  );
}

/** A button that shows that it works, and what went wrong. */
export function Act({ label, does, tone = "", confirm, keep = "Cancel", isDisabled, describe }) {
  const [state, setState] = useState({ isBusy: false, error: null, asks: false });
  const run = async () => {
    setState({ isBusy: true, error: null, asks: false });
    let error = null;
    try {
      await does();
    } catch (fault) {
      error = fault;
    }

    setState({ isBusy: false, error, asks: false });
  };
  return (
    <>
      <button
        type="button"
        class={tone}
        aria-disabled={state.isBusy || isDisabled}
        aria-label={describe}
        onClick={() => !state.isBusy && !isDisabled && (confirm ? setState({ ...state, asks: true }) : run())}
      >
        {state.isBusy ? `${label} …` : label}
      </button>
      {state.asks && (
        <Dialog title={label} onClose={() => setState({ ...state, asks: false })}>
          <p>{confirm}</p>
          <div class="actions">
            <button type="button" class={tone || "primary"} onClick={run}>
              {label}
            </button>
            <button type="button" onClick={() => setState({ ...state, asks: false })}>
              {keep}
            </button>
          </div>
        </Dialog>
      )}
      <Wrong error={state.error} />
    </>
  );
}

/** Keeps the focus within, and gives it back. */
export function Dialog({ title, children, onClose }) {
  const dialog = useRef();
  useEffect(() => {
    const before = document.activeElement;
    dialog.current.showModal();
    return () => before?.isConnected && before.focus();
  }, []);
  return (
    <dialog ref={dialog} aria-label={title} onClose={onClose}>
      <h2>{title}</h2>
      {children}
    </dialog>
  );
}

export function Facts({ facts }) {
  return (
    <dl class="facts">
      {facts
        .filter(([, value]) => value !== null && value !== undefined && value !== "")
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}
