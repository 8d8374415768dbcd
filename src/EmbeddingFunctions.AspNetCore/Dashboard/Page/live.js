// What is happening now: pushed by the server; asked for every few seconds where a proxy holds events back.
import { useEffect, useState } from "preact/hooks";
import { address, get } from "./api.js";

const patience = 6_000; // Milliseconds; the server sends something every two seconds.
const pollEvery = 2_000;
const tryAgainAfter = 60_000;
const mostSamples = 150;

let state = { overview: null, link: "connecting", error: null, samples: [], now: Date.now() };
let isOn = false;
let source = null;
let watchdog;
let poll;
let again;
const listeners = new Set();

export function useLive() {
  const [seen, see] = useState(state);
  useEffect(() => {
    see(state);
    listeners.add(see);
    return () => listeners.delete(see);
  }, []);
  return seen;
}

export function start() {
  isOn = true;
  halt();
  connect();
}

export function stop() {
  isOn = false;
  halt();
}

function halt() {
  source?.close();
  source = null;
  [watchdog, poll, again].forEach(clearTimeout);
}

function set(change) {
  state = { ...state, ...change, now: Date.now() };
  listeners.forEach((listener) => listener(state));
}

function take(overview, link) {
  const samples = [...state.samples, overview.rates.vectors].slice(-mostSamples);
  set({ overview, link, error: null, samples });
}

function connect() {
  source = new EventSource(address("events"));
  expect();
  source.addEventListener("overview", (event) => {
    expect();
    take(JSON.parse(event.data), "live");
  });
  source.addEventListener("ping", () => {
    expect();
    set({});
  });
  source.addEventListener("fault", (event) => {
    expect();
    set({ error: JSON.parse(event.data).detail });
  });
  source.addEventListener("error", () => source?.readyState === EventSource.CLOSED && fallBack());
}

function expect() {
  clearTimeout(watchdog);
  watchdog = setTimeout(fallBack, patience);
}

function fallBack() {
  halt();
  again = setTimeout(start, tryAgainAfter);
  ask();
}

async function ask() {
  let wasOn = isOn;
  try {
    const overview = await get("overview");
    isOn && take(overview, "polling");
  } catch (fault) {
    wasOn = isOn && fault.status !== 401;
    wasOn && set({ link: "lost", error: fault.message });
  }

  if (wasOn && isOn && !source) {
    clearTimeout(poll);
    poll = setTimeout(ask, pollEvery);
  }
}

// A hidden tab holds no connection.
document.addEventListener("visibilitychange", () => {
  if (isOn) {
    document.hidden ? halt() : start();
  }
});
