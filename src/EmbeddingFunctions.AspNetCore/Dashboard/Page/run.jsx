import { post } from "./api.js";
import { Act, Chip, Facts, Loading, Page, Progress, Section, Time, Wrong, useAnswer } from "./parts.jsx";
import { Table } from "./table.jsx";
import { atClock, dollars, duration, number, rows, secondsSince, when } from "./format.js";
import { Chart } from "./chart.jsx";
import { useLive } from "./live.js";
import { eta, stateOf } from "./now.jsx";
import { useMemo } from "preact/hooks";

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
    ["Requested", run.createdAt, run.dueAt ? `by the schedule for ${when(run.dueAt)}` : `of ${run.host}`],
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

function History({ history: { timeline, batches, requests, refused, unanswered: found }, isOpen }) {
  // What is under way may be answered yet.
  const unanswered = found.filter((request) => !isOpen || request.outcome);
  const times = useMemo(() => timeline.map((part) => Date.parse(part.at)), [timeline]);
  const series = useMemo(
    () => [
      { name: "embedded", values: timeline.map((part) => part.embedded) },
      { name: "failed", values: timeline.map((part) => part.failed) },
    ],
    [timeline],
  );
  return (
    <>
      {timeline.length > 1 && <Chart title="Rows over time" times={times} series={series} show={number} />}
      <Section
        title="Requests that were refused or not answered"
        note={
          requests === 0
            ? isOpen
              ? "No request yet."
              : "It sent no request."
            : refused === 0
              ? isOpen
                ? "None so far."
                : "Every request of this run was answered at the first try."
              : `${number(refused)} of ${number(requests)}. What they were for was sent again, or failed.`
        }
      >
        {unanswered.length > 0 && (
          <Table caption="Requests that were refused or not answered, the newest first" head={["Sent", "Outcome", "#Texts", "#Tokens"]}>
            {unanswered.map((request) => (
              <tr key={request.sentAt}>
                <th scope="row">{atClock(request.sentAt)}</th>
                <td>{outcomes[request.outcome ?? "null"]}</td>
                <td class="number">{number(request.inputs)}</td>
                <td class="number">{number(request.tokens)}</td>
              </tr>
            ))}
          </Table>
        )}
      </Section>
      <Section title="Batches" note={batches.length === 100 ? "The newest 100." : null}>
        {batches.length === 0 ? (
          <p class="faint">{isOpen ? "No batch has ended yet." : "It had no batch."}</p>
        ) : (
          <Table
            caption="Batches, the newest first"
            head={["Ended", "Kind", "Partition", "#Rows", "#Embedded", "#Failed", "#Requests", "#Tokens"]}
          >
            {batches.map((batch) => (
              <tr key={batch.id}>
                <th scope="row">
                  <Time at={batch.finishedAt} />
                </th>
                <td>{batch.kind}</td>
                <td class="clip">{batch.partition}</td>
                <td class="number">{number(batch.claimed)}</td>
                <td class="number">{number(batch.embedded)}</td>
                <td class={`number ${batch.failed > 0 ? "bad-text" : ""}`}>{number(batch.failed)}</td>
                <td class="number">{number(batch.requests)}</td>
                <td class="number">{number(batch.tokens)}</td>
              </tr>
            ))}
          </Table>
        )}
      </Section>
    </>
  );
}

const outcomes = {
  unusable: "answered with something unusable",
  refused: "refused by the provider",
  unreached: "the provider was not reached",
  unknown: "outcome unknown, counted as spent",
  null: "under way",
};
