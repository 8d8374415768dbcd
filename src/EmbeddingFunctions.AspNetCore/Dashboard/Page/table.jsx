import { useLayoutEffect, useRef } from "preact/hooks";

/** A table whose rows a narrow screen stacks, each cell beside its column's name. */
export function Table({ caption, head, children, isHidden = true }) {
  const table = useRef();
  useLayoutEffect(() => label(table.current.tBodies[0], head));
  return (
    <div class="scroll" role="region" aria-label={caption} tabIndex={0}>
      <table ref={table}>
        <caption class={isHidden ? "hidden" : ""}>{caption}</caption>
        <thead>
          <tr>
            {head.map((name) => (
              <th scope="col" key={name} class={name.startsWith("#") ? "number" : ""}>
                {name.replace("#", "")}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

function label(body, head) {
  const taken = []; // How many more rows a cell of an earlier row spans, by column.
  for (const row of body.rows) {
    let column = 0;
    for (const cell of row.cells) {
      while (taken[column] > 0) {
        taken[column++]--;
      }

      if (cell.tagName === "TD" && cell.colSpan === 1) {
        cell.dataset.label = head[column]?.replace("#", "") ?? "";
      }

      taken[column] = cell.rowSpan - 1;
      column += cell.colSpan;
    }
  }
}
