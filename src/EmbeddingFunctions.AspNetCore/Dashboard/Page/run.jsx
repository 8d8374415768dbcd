import { post } from "./api.js";
import { Act, Chip, Facts, Loading, Page, Progress, Section, Wrong, useAnswer } from "./parts.jsx";
import { atClock, dollars, duration, number, rows, secondsSince, when } from "./format.js";
import { History } from "./history.jsx";
import { useLive } from "./live.js";
import { eta, stateOf } from "./now.jsx";

export function Run({ id, mayWrite }) {
  const path = `runs/${encodeURIComponent(id)}`;
  const { answer, error, again } = useAnswer(path, 2_000);
  const isOpen = answer && answer.run.completedAt === null;
  const { overview } = useLive();
  const history = useAnswer(`${path}/history`, isOpen ? 3_000 : 30_000);
  if (!answer) {
    return (
      <Page title="Run">
        {error ? <Wrong error={error} /> : <Loading />}
        <p>
          <a href="#/runs">All runs</a>
        </p>
      </Page>
    );
  }

  const { run, counts, note } = answer;
  return (
    <Page
      title={`Run over ${run.corpus}`}
      aside={
        isOpen &&
        mayWrite &&
        (run.cancelRequested ? (
          <span class="faint">Ends after what is in flight</span>
        ) : (
          <Act
            label="Cancel the run"
            tone="danger"
            does={() => post(`${path}/cancel`).then(again)}
            keep="Keep it running"
            confirm="No more batches begin; those in flight end. What is embedded stays embedded."
          />
        ))
      }
    >
      <p>
        <a href="#/runs">All runs</a>
      </p>
      <Section title="Progress">
        <p class="line">
          <Chip state={stateOf(run, overview)} />{" "}
          <span role="status">
            {number(run.itemsProcessed)} of {number(run.itemsTotal)} rows
            {run.itemsFailed > 0 && <span class="bad-text">, {number(run.itemsFailed)} failed</span>}
          </span>
          {eta(run) !== null && <span class="push">about {duration(eta(run))} left</span>}
        </p>
        <Progress done={run.itemsProcessed} failed={run.itemsFailed} total={run.itemsTotal} label="Progress of the run" />
        {note && <p class="notice">{note}</p>}
        {run.status === "cancelled" ? <p class="faint">{run.error}</p> : <Wrong error={run.error && { message: run.error }} />}
        {run.itemsFailed > 0 && (
          <p>
            <a href="#/failures">{rows(run.itemsFailed)} failed: see why</a>
          </p>
        )}
        <Facts
          facts={[
            ["Embedded", number(counts.embedded)],
            ["From the cache", number(counts.cached)],
            ["Unchanged", number(counts.unchanged)],
            ["No text", number(counts.empty)],
            ["Edited meanwhile", number(counts.changed)],
            ["Failed", number(counts.failed)],
            ["Requests", number(counts.requests)],
            ["Tokens", number(counts.tokens)],
            ["Cost", dollars(answer.dollars)],
            ["Saved by the cache", dollars(answer.dollarsSaved)],
            ["Kinds", run.itemTypes.join(", ") || "all"],
            ["Partition", run.repositoryId],
            ["At most", run.limit && `${number(run.limit)} rows`],
            ["Carried by", run.host],
          ]}
        />
      </Section>
      <Phases run={run} />
      {history.answer && <History history={history.answer} isOpen={isOpen} />}
      <Wrong error={history.error} />
    </Page>
  );
}

function Phases({ run }) {
  const phases = [
    ["Requested", run.createdAt, run.dueAt ? `by the schedule for ${when(run.dueAt)}` : `by ${run.host}`],
    ["Start slot", run.startsAt, "runs of a corpus begin a few a minute"],
    ["Began", run.startedAt, null],
    ["Ended", run.completedAt, run.status],
  ].filter(([, at]) => at);
  return (
    <Section title="Phases">
      <ol class="phases">
        {phases.map(([name, at, why], i) => (
          <li key={name}>
            <b>{name}</b>{" "}
            <time dateTime={at} title={when(at)}>
              {atClock(at)}
            </time>
            {i > 0 && Date.parse(at) > Date.parse(phases[i - 1][1]) && (
              <span class="faint"> after {duration(secondsSince(phases[i - 1][1], Date.parse(at)))}</span>
            )}
            {why && <span class="faint"> – {why}</span>}
          </li>
        ))}
      </ol>
    </Section>
  );
}
