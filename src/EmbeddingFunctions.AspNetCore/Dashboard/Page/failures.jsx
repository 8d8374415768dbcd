import { useState } from "preact/hooks";
import { get, post } from "./api.js";
import { FailedRows } from "./failed-rows.jsx";
import { Act, Chip, Loading, Page, Section, Time, Wrong, useAnswer } from "./parts.jsx";
import { Tries, tryNow } from "./tries.jsx";
import { atClock, counted, number, rows, when } from "./format.js";
import { sum, waiting } from "./counts.js";
import { useLive } from "./live.js";

export function Failures({ query, mayWrite }) {
  const { overview } = useLive();
  const corpora = (overview?.corpora ?? []).map((corpus) => corpus.corpus);
  const [corpus, setCorpus] = useState(query.get("corpus") ?? "");
  const [said, setSaid] = useState("");
  const [tries, setTries] = useState([]);
  const { answer, error, again } = useAnswer(`failures${corpus ? `?corpus=${encodeURIComponent(corpus)}` : ""}`, 5_000);
  const change = async (verb, bodies) => {
    const changes = [];
    for (const body of bodies) {
      const { changed } = await post(`failures/${verb}`, body);
      changes.push({ ...body, changed });
    }

    return changes.filter(({ changed }) => changed > 0);
  };
  const say = (words, tried) => {
    setSaid(words);
    setTries(tried);
    again();
    // The button may go with its row: the focus stays on what was said.
    document.getElementById("said").focus();
  };
  const retry = async (bodies) => {
    const tried = await tryNow(await change("retry", bodies), overview);
    say(tried.length === 0 ? "No row is left to try again." : "", tried);
  };
  const ignore = async (bodies) => {
    const count = sum(await change("ignore", bodies), ({ changed }) => changed);
    say(`Ignored until the text changes: ${rows(count)}.`, []);
  };
  const kinds = (overview?.corpora ?? []).filter((one) => !corpus || one.corpus === corpus).flatMap((one) => one.kinds);
  const wholes = corpus ? [corpus] : [...new Set((answer?.groups ?? []).map((group) => group.corpus))];
  return (
    <Page title="Failures">
      <p role="status" class="said" id="said" tabIndex={-1}>
        {said}
        <Tries tries={tries} />
      </p>
      <Section
        title={title(answer)}
        actions={
          mayWrite &&
          answer?.total > 0 && (
            <>
              <Act
                label="Retry all"
                tone="primary"
                does={() => retry(wholes.map((name) => ({ corpus: name })))}
              />
              <Act
                label="Ignore all"
                confirm={`Leave all ${rows(answer.total)} alone until their texts change?`}
                does={() => ignore(wholes.map((name) => ({ corpus: name })))}
              />
            </>
          )
        }
      >
        <form class="filters" onSubmit={(event) => event.preventDefault()}>
          <label>
            Corpus{" "}
            <select value={corpus} onChange={(event) => setCorpus(event.target.value)}>
              <option value="">all</option>
              {corpora.map((name) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          </label>
        </form>
        <Wrong error={error} />
        {!answer ? (
          !error && <Loading />
        ) : answer.groups.length === 0 ? (
          <Nothing isTrying={tries.length > 0} waits={overview?.corpora ? sum(kinds, waiting) : null} />
        ) : (
          <ul class="groups">
            {answer.groups.map((group) => (
              <Group
                key={[group.corpus, group.kind, group.reason].join("\n")}
                group={group}
                mayWrite={mayWrite}
                retry={retry}
                ignore={ignore}
              />
            ))}
          </ul>
        )}
        {answer?.groups.length === 200 && <p class="faint">The 200 largest groups are shown.</p>}
      </Section>
    </Page>
  );
}

function title(answer) {
  if (!answer) {
    return "Failed rows";
  }

  const ignored = sum(answer.groups, (group) => group.ignored);
  return answer.total === 0 && ignored > 0
    ? `${rows(ignored)} ${ignored === 1 ? "is" : "are"} ignored`
    : `${rows(answer.total)} failed`;
}

/** No failure is listed, which a retried row is not either while it waits. */
const Nothing = ({ isTrying, waits }) =>
  isTrying ? (
    <p>What is tried again is listed here only if it fails again.</p>
  ) : waits === null ? (
    <Loading />
  ) : waits > 0 ? (
    <p>No failure is listed; {counted(waits, "row waits for its try", "rows wait for their try")}.</p>
  ) : (
    <p class="good-text">✓ Nothing has failed.</p>
  );

/** Ignored rows are tried again by their ids only. */
async function ignoredRows({ corpus, kind, reason }) {
  const bodies = [];
  for (let cursor = ""; cursor !== null; ) {
    const query = new URLSearchParams({ corpus, kind, reason, limit: 200, ...(cursor && { cursor }) });
    const page = await get(`failures/items?${query}`);
    const ids = page.items.filter((item) => item.isIgnored).map((item) => item.id);
    ids.length > 0 && bodies.push({ corpus, kind, ids });
    cursor = page.next ?? null;
  }

  return bodies;
}

function Group({ group, mayWrite, retry, ignore }) {
  const [isOpen, setOpen] = useState(false);
  const { corpus, kind, reason, count, dead, ignored } = group;
  const these = { corpus, kind, reason };
  return (
    <li>
      <h3 class="reason">{reason}</h3>
      <p class="line">
        {count > 0 && <b>{rows(count)}</b>}{" "}
        <span class="faint">
          {corpus} · {kind}
        </span>
        {dead > 0 && <Chip tone="bad" text={`${number(dead)} given up`} />}
        {ignored > 0 && <Chip tone="calm" text={`${number(ignored)} ignored`} />}
        <span class="faint">
          last <Time at={group.newest} />
          {group.nextRetry && (
            <>
              , tried again <When at={group.nextRetry} count={count} />
            </>
          )}
        </span>
      </p>
      <div class="actions">
        <button type="button" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          {isOpen ? "Hide rows" : "Show rows"}
        </button>
        {mayWrite && count === 0 && ignored > 0 && (
          <Act
            label={ignored === 1 ? "Try it again" : "Try them again"}
            describe={`${ignored === 1 ? "Try it" : "Try them"} again, ${rows(ignored)}: ${reason}`}
            does={async () => retry(await ignoredRows(these))}
          />
        )}
        {mayWrite && count > 0 && (
          <>
            <Act label="Retry" tone="primary" describe={`Retry ${rows(count)}: ${reason}`} does={() => retry([these])} />
            <Act
              label="Ignore"
              describe={`Ignore ${rows(count)}: ${reason}`}
              does={() => ignore([these])}
              confirm={`Leave ${rows(count)} alone until their texts change?`}
            />
          </>
        )}
      </div>
      {isOpen && <FailedRows group={these} count={count + ignored} mayWrite={mayWrite} retry={retry} ignore={ignore} />}
    </li>
  );
}

const When = ({ at, count }) =>
  Date.parse(at) <= Date.now() ? (
    <>with the next run</>
  ) : (
    <time dateTime={at} title={when(at)}>
      {count > 1 ? "the first " : ""}not before {atClock(at)}
    </time>
  );
