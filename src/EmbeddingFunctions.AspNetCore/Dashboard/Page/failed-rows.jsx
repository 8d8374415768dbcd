import { Fragment } from "preact";
import { useEffect, useState } from "preact/hooks";
import { get } from "./api.js";
import { Act, Chip, Loading, Time, Wrong } from "./parts.jsx";
import { Table } from "./table.jsx";

export function FailedRows({ group, count, mayWrite, retry, ignore }) {
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
                      does={() => retry([one(item)]).then(() => load())}
                    />
                    {!item.isIgnored && (
                      <Act
                        label="Ignore"
                        describe={`Ignore ${item.kind} ${item.id}`}
                        does={() => ignore([one(item)]).then(() => load())}
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
