// Views of a list that a user has saved: filters and order under a name. Kept in this browser.

import { signal } from "./html.js";
import { keep, kept } from "./preferences.js";

/** @typedef {Record<string, string>} Query */
/** @typedef {{ name: string, query: Query }} View */
/** @typedef {"tasks" | "executions"} List */

export const LONGEST_NAME = 60;
const MOST = 50;

const views = { tasks: signal(load("tasks")), executions: signal(load("executions")) };

/** @param {List} list @returns {View[]} by name */
export const viewsOf = (list) => views[list].value;

/** The saved view that shows the same. @param {List} list @param {Query} query */
export const viewOf = (list, query) => viewsOf(list).find((each) => textOf(each.query) === textOf(query));

/** Save a view; one of the same name is replaced. @param {List} list @param {string} name @param {Query} query */
export function saveView(list, name, query) {
  const others = viewsOf(list).filter((each) => each.name !== name);
  store(list, [...others, { name, query: given(query) }].slice(-MOST));
}

/** @param {List} list @param {string} name */
export const removeView = (list, name) => store(list, viewsOf(list).filter((each) => each.name !== name));

/** @param {List} list @param {View[]} wanted */
function store(list, wanted) {
  views[list].value = wanted.sort((one, other) => one.name.localeCompare(other.name));
  keep(`views:${list}`, JSON.stringify(views[list].value));
}

/** What is stored may come from another version, or from somebody's hand. @param {List} list @returns {View[]} */
function load(list) {
  try {
    const found = JSON.parse(kept(`views:${list}`, "[]"));
    return Array.isArray(found) ? found.filter(isView) : [];
  } catch {
    return [];
  }
}

/** @param {any} value @returns {value is View} */
const isView = (value) =>
  typeof value?.name === "string" && value.query !== null && typeof value.query === "object" && Object.values(value.query).every((each) => typeof each === "string");

/** @param {Query} query @returns {Query} */
const given = (query) => Object.fromEntries(Object.entries(query).filter(([, value]) => value));
/** @param {Query} query */
const textOf = (query) => JSON.stringify(Object.entries(given(query)).sort());

addEventListener("storage", () => {
  views.tasks.value = load("tasks");
  views.executions.value = load("executions");
});
