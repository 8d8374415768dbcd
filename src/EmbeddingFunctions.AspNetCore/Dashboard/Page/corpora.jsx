import { useEffect, useState } from "preact/hooks";
import { post } from "./api.js";
import { Act, Chip, Facts, Loading, Page, Section, Time, Wrong, useAnswer } from "./parts.jsx";
import { Table } from "./table.jsx";
import { bytes, lag, number, percent, schedule } from "./format.js";

export function Corpora({ id, mayWrite }) {
  const { answer, error, again } = useAnswer("declarations", 10_000);
  useEffect(() => {
    answer && id && document.getElementById(`corpus-${id}`)?.scrollIntoView();
  }, [answer !== null, id]);
  return (
    <Page title="Corpora">
      <Wrong error={error} />
      {!answer
        ? !error && <Loading />
        : answer.declarations.map((corpus) => (
            <div id={`corpus-${corpus.corpus}`} key={corpus.corpus}>
              <Corpus corpus={corpus} mayWrite={mayWrite} again={again} />
            </div>
          ))}
    </Page>
  );
}

const Schedule = ({ cron }) =>
  schedule(cron) ?? (
    <>
      by the schedule <code>{cron}</code> (UTC)
    </>
  );

const within = (lags) =>
  (lags?.p50 ?? null) === null ? "no data yet" : `half within ${lag(lags.p50)}, 95 % within ${lag(lags.p95)}`;

function Corpus({ corpus, mayWrite, again }) {
  const { corpus: name, status } = corpus;
  const path = `corpora/${encodeURIComponent(name)}`;
  return (
    <Section
      title={name}
      actions={
        <>
          {!corpus.isMigrated ? (
            <Chip tone="calm" text="not in this database" />
          ) : corpus.pausedAt ? (
            <Chip tone="warn" text="paused" />
          ) : (
            <Chip tone="good" text="on" />
          )}
          {mayWrite &&
            corpus.isMigrated &&
            (corpus.pausedAt ? (
              <Act label="Resume" tone="primary" describe={`Resume ${name}`} does={() => post(`${path}/resume`).then(again)} />
            ) : (
              <Act label="Pause" describe={`Pause ${name}`} does={() => post(`${path}/pause`).then(again)} />
            ))}
        </>
      }
    >
      {!corpus.isMigrated && (
        <p>
          It is declared only: <code>embeddings migrate {name}</code> makes what it needs.
        </p>
      )}
      {status?.findings.map((finding) => (
        <p key={finding} class="notice">
          {finding}
        </p>
      ))}
      <Facts
        facts={[
          ["Model", corpus.model],
          ["Dimensions", number(corpus.dimensions)],
          ["Vectors are kept", corpus.store === "table" ? "in a table beside the rows" : "in the rows' own table"],
          [
            "Runs by itself",
            <>
              {corpus.onEdit && "after edits, and "}
              <Schedule cron={corpus.schedule} />
            </>,
          ],
          [
            "Freshness declared",
            status?.freshness?.target && (
              <>
                {lag(status.freshness.target)}{" "}
                {status.freshness.isBroken ? <Chip tone="bad" text="broken" /> : <Chip tone="good" text="kept" />}
              </>
            ),
          ],
          [
            "Lag of the last hour",
            status?.freshness && within(status.freshness.done?.hour),
          ],
        ]}
      />
      <h3>What is embedded</h3>
      <Table caption={`Tables of ${name}`} head={["Kind", "Table", "Text", "Rule", "Long texts"]}>
        {corpus.tables.map((table) => (
          <tr key={table.kind}>
            <th scope="row">{table.kind}</th>
            <td>{table.table}</td>
            <td class="break">
              <code>{table.text}</code>
              {table.filter.length > 0 && <span class="sub">only where {table.filter.join(" and ")}</span>}
            </td>
            <td>
              <code title={table.rule}>{table.rule?.slice(0, 12) ?? "–"}</code>
            </td>
            <td>{table.longText}</td>
          </tr>
        ))}
      </Table>
      {corpus.isMigrated && (
        <>
          <h3>Index for search</h3>
          {corpus.indexes.length === 0 ? (
            <p class="faint">None is kept by the program.</p>
          ) : (
            <Table caption={`Indexes of ${name}`} head={["Index", "State", "#Size", "Built", "#Recall", "#Search p95"]}>
              {corpus.indexes.map((index) => {
                const recall = status?.recalls.find((one) => one.kind === index.kind);
                return (
                  <tr key={index.name}>
                    <th scope="row" class="break">
                      {index.name}
                    </th>
                    <td>
                      <Chip state={index.state} />
                      {index.progress !== null && index.state === "building" && ` ${percent(index.progress)}`}
                    </td>
                    <td class="number nowrap">{index.bytes === null ? "–" : bytes(index.bytes)}</td>
                    <td class="nowrap">
                      <Time at={index.builtAt} />
                    </td>
                    <td class="number">
                      {recall ? <span title={`of ${recall.queries} searches`}>{percent(recall.recall)}</span> : "not measured"}
                    </td>
                    <td class="number nowrap">{recall ? `${recall.indexP95.toFixed(1)} ms` : "–"}</td>
                  </tr>
                );
              })}
            </Table>
          )}
          {mayWrite && <Audit name={name} path={`${path}/audit`} />}
        </>
      )}
    </Section>
  );
}

const problems = {
  otherText: "vectors of another text",
  noVector: "recorded as embedded, without a vector",
  noProvenance: "vectors whose origin is not recorded",
  otherWidth: "vectors of another width",
  unusable: "vectors with unusable numbers",
  otherLength: "vectors that are not of unit length",
  deadClaim: "claims that no process holds",
  orphanedChunk: "chunks of rows that are gone",
  staleCopy: "copies of older vectors",
  invalidIndex: "indexes that no search can use",
};

function Audit({ name, path }) {
  const [found, setFound] = useState(null);
  const look = async (repair) => setFound({ ...(await post(path, { repair })), isRepaired: repair });
  return (
    <>
      <h3>Audit</h3>
      <p class="faint">
        Compares every vector with the text and rule that it should be of. It reads all rows, and calls no provider.
      </p>
      <div class="actions">
        <Act label="Audit" describe={`Audit ${name}`} does={() => look(false)} />
        {found && !found.isRepaired && found.findings.length > 0 && (
          <Act
            label="Repair"
            tone="primary"
            describe={`Repair ${name}`}
            does={() => look(true)}
            confirm="Rows with a wrong vector become pending and are embedded again, which is paid for; what is left over is deleted."
          />
        )}
      </div>
      <div role="status">
        {found &&
          (found.findings.length === 0 ? (
            <p class="good-text">✓ All is as it should be.</p>
          ) : (
            <ul>
              {found.findings.map(({ kind, problem, count }) => (
                <li key={`${kind} ${problem}`}>
                  {kind && `${kind}: `}
                  {number(count)} {problems[problem] ?? problem}
                  {found.isRepaired && " – repaired, or embedded by the next run"}
                </li>
              ))}
            </ul>
          ))}
      </div>
    </>
  );
}
