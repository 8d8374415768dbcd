// The search page of `embeddings serve`, a client of the HTTP API: with a key like any other, or with the session of the dashboard. Texts
// of rows become text nodes, never markup.

const withKey = "../api/embeddings/";
const withSession = "api/"; // Below the dashboard, where its cookie is sent.
const pauseInTyping = 180; // Milliseconds.
const pageSize = 20;
const $ = (id) => document.getElementById(id);

let corpora = [];
let shown = null; // The search that the results are of, for its next page.
let asking = null; // The request under way, which the next one ends.
let timer;

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

// --- The server

async function call(path, body, signal) {
  const key = sessionStorage.getItem("key");
  const headers = {
    ...(key ? { "x-search-key": key } : { "x-embeddings-page": "1" }),
    ...(body && { "content-type": "application/json" }),
  };
  const response = await fetch((key ? withKey : withSession) + path, {
    method: body ? "POST" : "GET",
    headers,
    body: body && JSON.stringify(body),
    signal,
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) {
    const message = answer.detail ?? answer.title ?? `The server answered ${response.status}.`;
    throw Object.assign(new Error(message), { needsKey: response.status === 401 });
  }

  return answer;
}

/** Runs a request that ends the one before it; `show` gets the answer unless another request has overtaken it. */
async function ask(body, show) {
  asking?.abort();
  const mine = asking = new AbortController();
  $("results").setAttribute("aria-busy", "true");
  try {
    const answer = await call("search", body, mine.signal);
    if (mine === asking) {
      show(answer);
    }
  } catch (fault) {
    if (mine === asking) {
      fail(fault);
    }
  } finally {
    if (mine === asking) {
      $("results").removeAttribute("aria-busy");
    }
  }
}

// --- What may be searched

async function begin() {
  try {
    ({ corpora } = await call("corpora"));
  } catch (fault) {
    return fail(fault);
  }

  $("corpus").replaceChildren(...corpora.map(({ corpus }) => element("option", { value: corpus, textContent: corpus })));
  $("key-form").hidden = true;
  $("search").hidden = corpora.length === 0;
  if (corpora.length === 0) {
    return clear("There is nothing to search here: 'embeddings migrate' and 'embeddings backfill' make a corpus ready.");
  }

  const wanted = new URLSearchParams(location.hash.slice(1));
  $("corpus").value = corpora.find(({ corpus }) => corpus === wanted.get("corpus"))?.corpus ?? corpora[0].corpus;
  $("query").value = wanted.get("query") ?? "";
  offerKinds();
  $("query").focus();
  search();
}

function offerKinds() {
  const { kinds } = corpora.find(({ corpus }) => corpus === $("corpus").value);
  const options = kinds.map(({ kind }) => element("option", { value: kind, textContent: kind }));
  $("kind").replaceChildren(element("option", { value: "", textContent: "all" }), ...options);
}

// --- Searches

function search() {
  clearTimeout(timer);
  const [corpus, query, kind] = [$("corpus").value, $("query").value.trim(), $("kind").value];
  history.replaceState(null, "", query === "" ? "#" : `#${new URLSearchParams({ corpus, query })}`);
  if (query === "") {
    asking?.abort();
    asking = null;
    return clear("");
  }

  find({ corpus, query, mode: $("mode").value, kinds: kind ? [kind] : [], highlight: "html", limit: pageSize }, "");
}

function find(body, lead) {
  shown = body;
  return ask(body, (answer) => {
    clear("");
    $("results").append(...answer.results.map(item));
    tell(answer, lead);
  });
}

const findMore = () => ask(shown, (answer) => {
  const added = answer.results.map(item);
  $("results").append(...added);
  tell(answer, "");
  added[0]?.querySelector(".open").focus();
});

// --- Answers

function tell({ degraded, next, timings }, lead) {
  const count = $("results").children.length;
  const found = count === 0 ? "nothing found" : `${count} ${count === 1 ? "result" : "results"}${next ? ", and more" : ""}`;
  $("status").textContent = `${lead}${found}, ${Math.round(timings.total)} ms.${degraded ? ` ${degraded}` : ""}`;
  $("more").hidden = !next;
  shown = { ...shown, cursor: next };
}

function clear(status) {
  $("results").replaceChildren();
  $("results").removeAttribute("aria-busy");
  $("status").textContent = status;
  $("error").textContent = "";
  $("more").hidden = true;
}

function fail(fault) {
  clear("");
  if (fault.needsKey) {
    [$("key-form").hidden, $("search").hidden] = [false, true];
    $("error").textContent = sessionStorage.getItem("key") ? "The server does not take this key." : "";
    $("key").focus();
  } else {
    $("error").textContent = fault.message;
  }
}

function item(result) {
  const title = result.title?.trim() || `${result.kind} ${result.id}`;
  const open = element("button", { type: "button", className: "open", textContent: title, ariaExpanded: "false" });
  const details = element("div", { hidden: true });
  open.addEventListener("click", () => {
    details.hidden = !details.hidden;
    open.ariaExpanded = `${!details.hidden}`;
    if (!details.hasChildNodes()) {
      details.append(...facts(result, title));
    }
  });
  return element("li", {}, open, places(result), element("p", { className: "snippet" }, ...marked(result.snippet ?? "")), details);
}

function places({ similarity, vectorRank, textRank, kind, stale }) {
  const line = element("div", { className: "facts" });
  if (similarity !== null) {
    line.append(
      element("meter", { min: 0, max: 1, value: similarity, ariaLabel: "similarity" }),
      element("span", { textContent: similarity.toFixed(2), title: "cosine similarity" }));
  }

  for (const text of [`meaning ${vectorRank ? `#${vectorRank}` : "–"}`, `words ${textRank ? `#${textRank}` : "–"}`, kind]) {
    line.append(element("span", { textContent: text }));
  }

  if (stale) {
    line.append(element("span", { className: "stale", textContent: "edited since" }));
  }

  return line;
}

function facts({ kind, id, partition, score }, title) {
  const list = element("dl", {});
  for (const [name, value] of Object.entries({ kind, id, partition, score: score.toFixed(4) })) {
    if (value !== null) {
      list.append(element("dt", { textContent: name }), element("dd", { textContent: value }));
    }
  }

  const like = element("button", { type: "button", textContent: "More like this" });
  like.addEventListener("click", async () => {
    await find({ corpus: shown.corpus, item: { kind, id }, limit: pageSize }, `Like “${title}”: `);
    $("query").focus();
  });
  return [list, like];
}

// A snippet is escaped HTML with the words that were found in <mark>.
function marked(snippet) {
  const entities = { lt: "<", gt: ">", quot: "\"", amp: "&", "#39": "'", "#x27": "'" };
  const plain = (html) => html.replace(/&(lt|gt|quot|amp|#39|#x27);/g, (_, name) => entities[name]);
  return snippet.split(/<\/?mark>/).map((part, i) => i % 2 === 0 ? plain(part) : element("mark", { textContent: plain(part) }));
}

// --- Keys and controls

document.addEventListener("keydown", (event) => {
  const { key, target } = event;
  const isTyping = target.matches("input, select");
  const opens = [$("query"), ...document.querySelectorAll(".open")];
  const at = opens.indexOf(target.closest("li")?.querySelector(".open") ?? target);
  if (key === "/" && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    $("query").focus();
    $("query").select();
  } else if (key === "Escape" && at > 0) {
    $("query").focus();
  } else if ((key === "ArrowDown" || key === "ArrowUp") && at >= 0) {
    event.preventDefault();
    opens[at + (key === "ArrowDown" ? 1 : -1)]?.focus();
  }
});

$("query").addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(search, pauseInTyping);
});
$("search").addEventListener("submit", (event) => {
  event.preventDefault();
  search();
});
$("corpus").addEventListener("change", () => {
  offerKinds();
  search();
});
$("kind").addEventListener("change", search);
$("mode").addEventListener("change", search);
$("more").addEventListener("click", findMore);
$("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("key", $("key").value.trim());
  $("key").value = "";
  begin();
});

begin();
