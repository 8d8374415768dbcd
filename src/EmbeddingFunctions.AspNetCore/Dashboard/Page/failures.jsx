import { Fragment } from "preact";
import { useEffect, useState } from "preact/hooks";
import { get, post } from "./api.js";
import { Act, Chip, Loading, Page, Section, Table, Time, Wrong, useAnswer } from "./parts.jsx";
import { number, rows } from "./format.js";
import { useLive } from "./live.js";

export function Failures({ query, mayWrite }) {
  const { overview } = useLive();
  const corpora = (overview?.corpora ?? []).map((corpus) => corpus.corpus);
  const [corpus, setCorpus] = useState(query.get("corpus") ?? "");
  const [told, tell] = useState("");
  const { answer, error, again } = useAnswer(`failures${corpus ? `?corpus=${encodeURIComponent(corpus)}` : ""}`, 5_000);
  const change = async (verb, body, words) => {
    const { changed } = await post(`failures/${verb}`, body);
    tell(`${words}: ${rows(changed)}.`);
    again();
    // The button may go with its row: the focus stays on what was said.
    document.getElementById("told").focus();
  };
  const retry = (body) => change("retry", body, "Will be tried again");
  const ignore = (body) => change("ignore", body, "Ignored until the text changes");
  const wholes = corpus ? [corpus] : [...new Set((answer?.groups ?? []).map((group) => group.corpus))];
  return (
    <Page title="Failures">
      <p role="status" class="told" id="told" tabIndex={-1}>
        {told}
      </p>
      <Section
        title={answer ? `${rows(answer.total)} failed` : "Failed rows"}
        actions={
          mayWrite &&
          answer?.groups.length > 0 && (
            <>
              <Act
                label="Retry all"
                tone="primary"
                does={async () => {
                  for (const name of wholes) await retry({ corpus: name });
                }}
              />
              <Act
                label="Ignore all"
                confirm={`Leave all ${rows(answer.total)} alone until their texts change?`}
                does={async () => {
                  for (const name of wholes) await ignore({ corpus: name });
                }}
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
          <p class="good-text">✓ Nothing has failed.</p>
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

function Group({ group, mayWrite, retry, ignore }) {
  const [isOpen, setOpen] = useState(false);
  const { corpus, kind, reason, count, dead, ignored } = group;
  const these = { corpus, kind, reason };
  return (
    <li>
      <h3 class="reason">{reason}</h3>
      <p class="line">
        <b>{rows(count)}</b>{" "}
        <span class="faint">
          {corpus} · {kind}
        </span>
        {dead > 0 && <Chip tone="bad" text={`${number(dead)} given up`} />}
        {ignored > 0 && <Chip tone="calm" text={`${number(ignored)} ignored`} />}
        <span class="faint">
          last <Time at={group.newest} />
          {group.nextRetry && (
            <>
              , next try <When at={group.nextRetry} />
            </>
          )}
        </span>
      </p>
      <div class="actions">
        <button type="button" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          {isOpen ? "Hide rows" : "Show rows"}
        </button>
        {mayWrite && (
          <>
            <Act label="Retry" tone="primary" describe={`Retry ${rows(count)}: ${reason}`} does={() => retry(these)} />
            <Act
              label="Ignore"
              describe={`Ignore ${rows(count)}: ${reason}`}
              does={() => ignore(these)}
              confirm={`Leave ${rows(count)} alone until their texts change?`}
            />
          </>
        )}
      </div>
      {isOpen && <Items group={these} count={count} mayWrite={mayWrite} retry={retry} ignore={ignore} />}
    </li>
  );
}

const When = ({ at }) =>
  Date.parse(at) <= Date.now() ? <>with the next run</> : <time dateTime={at}>{new Date(at).toLocaleTimeString()}</time>;

function Items({ group, count, mayWrite, retry, ignore }) {
  const [items, setItems] = useState(null);
  const [next, setNext] = useState(null);
  const [error, setError] = useState(null);
  const load = async (cursor) => {
    const query = new URLSearchParams({ ...group, limit: 50, ...(cursor && { cursor }) });
    const page = await get(`failures/items?${query}`);
    setItems((before) => (cursor ? [...before, ...page.items] : page.items));
    setNext(page.next);
  };
  useEffect(() => {
    load().catch(setError);
  }, [count]);
  if (!items) {
    return error ? <Wrong error={error} /> : <Loading />;
  }

  const one = (item) => ({ corpus: item.corpus, kind: item.kind, ids: [item.id] });
  const shows = items.some((item) => item.text !== null && item.text !== undefined);
  return (
    <>
      <Table
        caption={`Rows that failed: ${group.reason}`}
        head={["Row", "Partition", "State", "#Attempts", "Failed", ...(mayWrite ? ["Actions"] : [])]}
      >
        {items.map((item) => (
          <Fragment key={item.id}>
            <tr>
              <th scope="row" class="break">
                {item.kind} {item.id}
              </th>
              <td class="clip">{item.partition}</td>
              <td>
                {item.isIgnored ? (
                  <Chip tone="calm" text="ignored" />
                ) : item.isDead ? (
                  <Chip tone="bad" text="given up" />
                ) : (
                  <Chip tone="warn" text="tried again" />
                )}
              </td>
              <td class="number">{item.attempts}</td>
              <td class="nowrap">
                <Time at={item.failedAt} />
              </td>
              {mayWrite && (
                <td>
                  <div class="actions">
                    <Act
                      label="Retry"
                      describe={`Retry ${item.kind} ${item.id}`}
                      does={() => retry(one(item)).then(() => load())}
                    />
                    {!item.isIgnored && (
                      <Act
                        label="Ignore"
                        describe={`Ignore ${item.kind} ${item.id}`}
                        does={() => ignore(one(item)).then(() => load())}
                      />
                    )}
                  </div>
                </td>
              )}
            </tr>
            {shows && (
              <tr>
                <td colSpan={mayWrite ? 6 : 5} class="text">
                  {item.text}
                </td>
              </tr>
            )}
          </Fragment>
        ))}
      </Table>
      {next && <Act label="More rows" does={() => load(next)} />}
    </>
  );
}
