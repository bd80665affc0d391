// What changes, as it changes: one stream for the page, and asking from time to time where there is none.

import { addressOf } from "./api.js";
import { effect, signal } from "./html.js";
import { session } from "./session.js";

/** @typedef {import("./types.d.ts").Change} Change */
/** @typedef {(changes: Change[] | null) => void} Listener null: anything may have changed */

/** How the page learns of changes: `live`, `polling`, or `off` while nobody is signed in. */
export const liveness = signal(/** @type {"live" | "polling" | "off"} */ ("off"));

const POLL_MS = 5000;
const TRY_AGAIN_MS = 10_000;

/** @type {Set<Listener>} */
const listeners = new Set();
/** @type {EventSource | null} */
let source = null;
let pollTimer = 0;
let retryTimer = 0;

/**
 * Be told of changes. Returns what ends it.
 * @param {Listener} listener
 */
export function onChanges(listener) {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

/** @param {Change[] | null} changes */
function tell(changes) {
  listeners.forEach((listener) => listener(changes));
}

function open() {
  clearTimeout(retryTimer);
  source = new EventSource(addressOf("/events"));
  let wasOpen = false;
  source.addEventListener("open", () => {
    const wasPolling = liveness.value === "polling";
    stopPolling();
    liveness.value = "live";
    if (wasPolling && !wasOpen) tell(null);
    wasOpen = true;
  });
  source.addEventListener("change", (event) => tell(JSON.parse(event.data)));
  source.addEventListener("reset", () => tell(null));
  source.addEventListener("error", () => {
    if (source?.readyState !== EventSource.CLOSED && wasOpen && navigator.onLine) {
      pollSoon();
      return; // the browser comes again by itself, with the last id
    }
    close();
    startPolling();
    retryTimer = setTimeout(open, TRY_AGAIN_MS);
  });
}

/** A stream that ends is opened again within a second; when that does not succeed, we ask. */
function pollSoon() {
  setTimeout(() => {
    if (source && source.readyState !== EventSource.OPEN && session.value) startPolling();
  }, 3000);
}

function startPolling() {
  if (pollTimer || !session.value) return;
  liveness.value = "polling";
  pollTimer = setInterval(() => document.hidden || tell(null), POLL_MS);
}

function stopPolling() {
  clearInterval(pollTimer);
  pollTimer = 0;
}

function close() {
  clearTimeout(retryTimer);
  source?.close();
  source = null;
}

/** Watch for as long as somebody is signed in. */
export function watch() {
  effect(() => {
    const isSignedIn = Boolean(session.value);
    if (isSignedIn && !source) open();
    if (!isSignedIn) {
      close();
      stopPolling();
      liveness.value = "off";
    }
  });
}
