import { post } from "./api.js";
import { sum } from "./counts.js";
import { counted, number } from "./format.js";
import { useAnswer } from "./parts.jsx";

/**
 * Asks for the runs that try retried rows at once.
 * @returns of each corpus how many rows are tried, and by which run, or why they wait for the next one
 */
export async function tryNow(changes, overview) {
  const tries = [];
  for (const corpus of new Set(changes.map((change) => change.corpus))) {
    const these = changes.filter((change) => change.corpus === corpus);
    const kinds = [...new Set(these.map(({ kind }) => kind))];
    const asked = { corpus, count: sum(these, ({ changed }) => changed) };
    if (overview?.corpora?.find((one) => one.corpus === corpus)?.pausedAt) {
      tries.push({ ...asked, why: `${corpus} is paused.` });
      continue;
    }

    try {
      const { runId } = await post("compute", { corpus, ...(kinds.every(Boolean) && { itemTypes: kinds }) });
      tries.push({ ...asked, run: runId });
    } catch (fault) {
      tries.push({ ...asked, why: fault.message });
    }
  }

  return tries;
}

/** What became of the last retry. */
export const Tries = ({ tries }) => tries.map((one) => (one.run ? <Tried key={one.run} {...one} /> : <Waits key={one.corpus} {...one} />));

const Waits = ({ count, why }) => (
  <span class="warn-text">
    {counted(count, "row waits for its try: the next run takes it.", "rows wait for their try: the next run takes them.")} {why}{" "}
  </span>
);

function Tried({ run, count }) {
  const { answer } = useAnswer(`runs/${encodeURIComponent(run)}`, 2_000);
  const ended = answer?.run.completedAt ? answer.run : null;
  const link = <a href={`#/runs/${run}`}>{ended ? "the run" : "follow the run"}</a>;
  const again = counted(count, "row was tried again", "rows were tried again");
  return ended?.itemsFailed > 0 ? (
    <span class="bad-text">
      {again}. Of all rows that were due, {link} embedded {number(ended.itemsProcessed)}, and {number(ended.itemsFailed)} failed.{" "}
    </span>
  ) : ended ? (
    <span>
      {again}: {link} embedded {number(ended.itemsProcessed)}.{" "}
    </span>
  ) : (
    <span>
      {counted(count, "row is tried again now:", "rows are tried again now:")} {link}.{" "}
    </span>
  );
}
