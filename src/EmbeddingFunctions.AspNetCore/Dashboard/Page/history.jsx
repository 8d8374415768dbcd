import { Section, Time } from "./parts.jsx";
import { Table } from "./table.jsx";
import { atClock, duration, number, secondsSince, when } from "./format.js";
import { Chart } from "./chart.jsx";
import { useMemo } from "preact/hooks";

/** What a run's batches and requests did, in time, and what it waited for. */
export function History({ history: { timeline, batches, requests, refused, unanswered: found, waits }, isOpen }) {
  // What is under way may be answered yet.
  const unanswered = useMemo(() => halvings(found.filter((request) => !isOpen || request.outcome)), [found, isOpen]);
  const times = useMemo(() => timeline.map((part) => Date.parse(part.at)), [timeline]);
  const series = useMemo(
    () => [
      { name: "embedded", values: timeline.map((part) => part.embedded) },
      { name: "failed", values: timeline.map((part) => part.failed) },
    ],
    [timeline],
  );
  const spans = useMemo(() => waits.map((wait) => [Date.parse(wait.beganAt), Date.parse(wait.endsAt)]), [waits]);
  return (
    <>
      {timeline.length > 1 && (
        <Chart
          title="Rows over time"
          times={times}
          series={series}
          spans={spans}
          show={number}
          note={waits.length > 0 ? "Shaded: it waited." : null}
        />
      )}
      <Waits waits={waits} isOpen={isOpen} />
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
            {unanswered.map(({ sentAt, outcome, inputs, tokens, count }) => (
              <tr key={`${sentAt} ${inputs}`}>
                <th scope="row">{atClock(sentAt)}</th>
                <td>{count > 1 ? `${number(count)} refused while halving to find the text at fault` : outcomes[outcome ?? "null"]}</td>
                <td class="number">{number(inputs)}</td>
                <td class="number">{number(tokens)}</td>
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

const causes = {
  limits: "For the limits of requests and tokens a minute",
  provider: "For the provider",
  paused: "The corpus was paused by a person",
};

function Waits({ waits, isOpen }) {
  return (
    <Section
      title="Waits"
      note={waits.length === 100 ? "The newest 100." : waits.length > 0 ? null : `None of a second or longer${isOpen ? " so far" : ""}.`}
    >
      {waits.length > 0 && (
        <Table caption="Waits, the newest first" head={["Began", "#Lasted", "Why"]}>
          {waits.map(({ beganAt, endsAt, cause, reason }) => (
            <tr key={`${beganAt} ${cause}`}>
              <th scope="row">
                <time dateTime={beganAt} title={when(beganAt)}>
                  {atClock(beganAt)}
                </time>
              </th>
              <td class="number nowrap">
                {secondsSince(endsAt) < 0 ? `until ${atClock(endsAt)}` : duration(secondsSince(beganAt, Date.parse(endsAt)))}
              </td>
              <td>
                {causes[cause]}
                {reason && <span class="sub">{reason}</span>}
              </td>
            </tr>
          ))}
        </Table>
      )}
    </Section>
  );
}

/**
 * A batch that is refused is sent again in halves, and those in halves: such refusals are one line.
 * @param newestFirst refused or unanswered requests
 */
function halvings(newestFirst) {
  const lines = [];
  for (const request of [...newestFirst].reverse()) {
    const { outcome, inputs } = request;
    const halves = outcome === "refused" && inputs > 1 ? [Math.floor(inputs / 2), Math.ceil(inputs / 2)] : [];
    const line = outcome === "refused" && lines.find((one) => one.halves.includes(inputs));
    if (line) {
      line.count++;
      line.halves.splice(line.halves.indexOf(inputs), 1, ...halves);
    } else {
      lines.unshift({ ...request, count: 1, halves });
    }
  }

  return lines;
}

const outcomes = {
  unusable: "answered with something unusable",
  refused: "refused by the provider",
  unreached: "the provider was not reached",
  unknown: "outcome unknown, counted as spent",
  null: "under way",
};
