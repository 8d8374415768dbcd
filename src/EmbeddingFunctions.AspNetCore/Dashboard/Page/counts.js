// How the rows of a kind are counted for people.

export const sum = (list, of) => list.reduce((total, one) => total + of(one), 0);

/** Failed, and tried again by the next run. */
export const retrying = (kind) => kind.retrying ?? 0;

/** Failed: given up, or tried again. */
export const broken = (kind) => kind.failed + retrying(kind);

/** Taken by the next run, and not failed before. */
export const waiting = (kind) => Math.max(0, kind.pending - retrying(kind));

export const ignored = (kind) => kind.ignored ?? 0;
