// The screen and its filters, as the address behind `#` says: `#/tasks/ID?status=failed`. Servers never see it.

import { computed, signal } from "./html.js";

/** @typedef {{ path: string[], query: Record<string, string> }} Route */

/** @param {string} hash @returns {Route} */
export function parse(hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split(/\?(.*)/s, 2);
  return {
    path: (path ?? "").split("/").filter(Boolean).map(decode),
    query: Object.fromEntries(new URLSearchParams(query)),
  };
}

/** @param {string} text */
function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const hash = signal(location.hash);
addEventListener("hashchange", () => (hash.value = location.hash));

/** Where we are. */
export const route = computed(() => parse(hash.value));

/**
 * The address of a screen.
 * @param {string[]} path
 * @param {Record<string, string | undefined>} [query] empty values are left out
 */
export function linkTo(path, query = {}) {
  const given = new URLSearchParams(
    /** @type {[string, string][]} */ (Object.entries(query).filter(([, value]) => value)),
  ).toString();
  return `#/${path.map(encodeURIComponent).join("/")}${given ? `?${given}` : ""}`;
}

/** @param {string[]} path @param {Record<string, string | undefined>} [query] */
export function goTo(path, query) {
  location.hash = linkTo(path, query);
}

/**
 * Change filters of the present screen without a new entry in the browser's history.
 * @param {Record<string, string | undefined>} changes
 */
export function setQuery(changes) {
  const { path, query } = route.value;
  replaceWith(linkTo(path, { ...query, ...changes }));
}

/** @param {string} link */
export function replaceWith(link) {
  history.replaceState(null, "", link);
  hash.value = location.hash;
}
