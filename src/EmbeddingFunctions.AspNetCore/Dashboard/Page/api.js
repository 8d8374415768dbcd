// The HTTP API below the page's own address. The browser keeps ETags: what has not changed is answered with 304.

const root = new URL("api/", import.meta.url);
let onSignedOut = () => {};

export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Is called when the session is over. */
export const whenSignedOut = (tell) => {
  onSignedOut = tell;
};

export const address = (path) => new URL(path, root).href;

export async function call(path, { method = "GET", body, headers, signal } = {}) {
  let response;
  try {
    response = await fetch(address(path), {
      method,
      signal,
      cache: "no-cache",
      // No other origin's page can send this header without asking first.
      headers: { "x-embeddings-page": "1", ...(body && { "content-type": "application/json" }), ...headers },
      body: body && JSON.stringify(body),
    });
  } catch (fault) {
    throw fault.name === "AbortError" ? fault : new ApiError(0, "The server does not answer. It is asked again by itself.");
  }

  const answer = await response.json().catch(() => null);
  if (response.ok) {
    return answer;
  }

  if (response.status === 401 && !path.startsWith("login")) {
    onSignedOut();
  }

  throw new ApiError(response.status, answer?.detail ?? answer?.title ?? `The server answered ${response.status}.`);
}

export const get = (path, signal) => call(path, { signal });
export const post = (path, body) => call(path, { method: "POST", body: body ?? {} });
