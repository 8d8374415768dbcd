import { Section } from "./parts.jsx";

const isTableMissing = (problem) => /there is no table/i.test(problem ?? "");

/** What to do in a database that has nothing yet. */
export function Empty({ overview }) {
  const name = overview.notMigrated[0] ?? "CORPUS";
  if (isTableMissing(overview.problem)) {
    return (
      <Section title="A declared table does not exist">
        <p>Create the table, or correct the declaration: until then nothing can be embedded.</p>
        <p class="notice lines">{overview.problem}</p>
        <p>
          <code>embeddings corpus check {name}</code> looks again.
        </p>
      </Section>
    );
  }

  return (
    <Section title="Nothing is embedded here yet">
      <p>The database does not know any corpus. These three commands change that; this page shows what they do.</p>
      <ol class="steps">
        <li>
          Make the columns and triggers that a corpus needs: <code>embeddings migrate {name}</code>
        </li>
        <li>
          See what it would cost: <code>embeddings backfill {name} --dry-run</code>
        </li>
        <li>
          Embed all rows: <code>embeddings backfill {name}</code>
        </li>
      </ol>
      <p class="faint">
        Your own tables: <code>embeddings corpus init TABLE</code> writes a declaration for them.
        {overview.notMigrated.length > 0 && <> Declared here: {overview.notMigrated.join(", ")}.</>}
      </p>
      {overview.problem && <p class="faint lines">The database says: {overview.problem}</p>}
    </Section>
  );
}
