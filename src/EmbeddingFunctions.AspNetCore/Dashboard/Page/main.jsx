import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import "./dashboard.css";
import { ApiError, call, get, post, whenSignedOut } from "./api.js";
import { zone } from "./format.js";
import { start, stop, useLive } from "./live.js";
import { Loading, Wrong } from "./parts.jsx";
import { Now } from "./now.jsx";
import { Runs } from "./runs.jsx";
import { Run } from "./run.jsx";
import { Failures } from "./failures.jsx";
import { Trends } from "./trends.jsx";
import { Corpora } from "./corpora.jsx";

const pages = {
  "": ["Now", Now],
  runs: ["Runs", Runs],
  failures: ["Failures", Failures],
  trends: ["Trends", Trends],
  corpora: ["Corpora", Corpora],
};

function useRoute() {
  const read = () => {
    const [path, query] = location.hash.slice(1).split("?");
    const [, page = "", id] = path.split("/");
    return { page, id: id && decodeURIComponent(id), query: new URLSearchParams(query) };
  };
  const [route, setRoute] = useState(read);
  useEffect(() => {
    const change = () => {
      setRoute(read());
      scrollTo(0, 0);
    };
    addEventListener("hashchange", change);
    return () => removeEventListener("hashchange", change);
  }, []);
  return route;
}

function App() {
  const [session, setSession] = useState(null);
  const [error, setError] = useState(null);
  const enter = () =>
    get("session").then((found) => {
      setError(null);
      setSession(found);
      found.role && start();
    }, setError);
  useEffect(() => {
    whenSignedOut(() => {
      stop();
      setSession((last) => last && { ...last, role: null });
    });
    enter();
  }, []);
  return !session ? (
    <main class="login">{error ? <Wrong error={error} /> : <Loading />}</main>
  ) : session.role ? (
    <Shell
      session={session}
      onSignOut={() => {
        stop();
        enter();
      }}
    />
  ) : (
    <SignIn session={session} onSignedIn={enter} />
  );
}

function SignIn({ session, onSignedIn }) {
  const [error, setError] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const send = async (event) => {
    event.preventDefault();
    const headers = { "x-functions-key": new FormData(event.target).get("key").trim() };
    setBusy(true);
    try {
      // The first takes a key that may write, the second one that may only look.
      await call("login", { method: "POST", headers }).catch((fault) =>
        fault.status === 401 ? call("login/read", { method: "POST", headers }) : Promise.reject(fault),
      );
      onSignedIn();
    } catch (fault) {
      setError(fault instanceof ApiError ? fault : new ApiError(0, "This is no key: it has characters that no key has."));
      setBusy(false);
      document.getElementById("key").select();
    }
  };
  useEffect(() => {
    document.title = "Sign in – Embeddings";
    document.getElementById("key").focus();
  }, []);
  return (
    <main class="login">
      <form class="card" onSubmit={send}>
        <h1>Embeddings</h1>
        <label htmlFor="key">Key</label>
        <input id="key" name="key" type="password" autoComplete="current-password" required aria-describedby="key-help" />
        <button class="primary" aria-disabled={isBusy}>
          Sign in
        </button>
        <Wrong error={error} />
        <p id="key-help" class="faint">
          {session.hint}
        </p>
      </form>
    </main>
  );
}

/** Only some hosts have a page to search with, beside this one. */
function useSearchPage() {
  const [found, setFound] = useState(null);
  useEffect(() => {
    const page = new URL("search", import.meta.url);
    fetch(page).then(async (answer) => answer.ok && (await answer.text()).includes("search/search.js") && setFound(page.href), () => {});
  }, []);
  return found;
}

const links = {
  connecting: ["calm", "connecting"],
  live: ["good", "live"],
  polling: ["warn", "every 2 s"],
  lost: ["bad", "no answer"],
};

function Shell({ session, onSignOut }) {
  const route = useRoute();
  const { link } = useLive();
  const search = useSearchPage();
  const Shown = route.page === "runs" && route.id ? Run : (pages[route.page] ?? pages[""])[1];
  return (
    <>
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          document.querySelector("h1").focus();
        }}
      >
        Skip to the content
      </a>
      <header>
        <a class="brand" href="#/">
          Embeddings
        </a>
        <nav aria-label="Pages">
          {Object.entries(pages).map(([path, [name]]) => (
            <a key={path} href={`#/${path}`} aria-current={route.page === path ? "page" : undefined}>
              {name}
            </a>
          ))}
          {search && <a href={search}>Search</a>}
        </nav>
        <div class="session">
          <span class={`link ${links[link][0]}`} title="How this page gets its news">
            {links[link][1]}
          </span>
          {session.role === "reader" && <span class="chip calm">read only</span>}
          {session.hasLogin && (
            <button type="button" onClick={() => post("logout").then(onSignOut, onSignOut)}>
              Sign out
            </button>
          )}
        </div>
      </header>
      <main id="main">
        <Shown key={`${route.page}/${route.id ?? ""}`} id={route.id} query={route.query} mayWrite={session.role === "operator"} />
      </main>
      <footer class="faint">Times are in {zone()}.</footer>
    </>
  );
}

render(<App />, document.getElementById("app"));
