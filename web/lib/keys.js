// Keys that work everywhere: `/`, `Ctrl-K`, `?`, and `j k Enter` in the list of the screen.

/** @typedef {{ search?: () => void, palette?: () => void, help?: () => void, move?: (by: number) => void, open?: () => void }} Actions */

/** @type {Actions[]} the latest stands last and is asked first */
const handlers = [];

/** Handle keys until the returned function is called. @param {Actions} actions */
export function handleKeys(actions) {
  handlers.push(actions);
  return () => void handlers.splice(handlers.indexOf(actions), 1);
}

/** Go to the search field of the screen. @returns {boolean} whether there is one */
export function goToSearch() {
  const field = /** @type {HTMLInputElement | null} */ (document.querySelector("main input[type=search]"));
  field?.focus();
  field?.select();
  return field !== null;
}

/** Move on in the rows of a screen that are no long list: the focus goes to the first link or button of each. @param {number} by */
export function moveFocus(by) {
  const rows = [...document.querySelectorAll("main :is(tr.row, .lines li, .entries li, article.card)")];
  const places = rows.flatMap((row) => row.querySelector("a, button, summary") ?? []);
  const at = places.findIndex((each) => each === document.activeElement);
  const next = places[at < 0 && by < 0 ? 0 : Math.min(Math.max(at + by, 0), places.length - 1)];
  if (next instanceof HTMLElement) next.focus();
}

/** @param {keyof Actions} name @param {number} [by] @returns {boolean} whether somebody did it */
function run(name, by = 0) {
  const action = handlers.findLast((each) => each[name])?.[name];
  if (action) /** @type {(by: number) => void} */ (action)(by);
  return Boolean(action);
}

const PLAIN = /** @type {Record<string, [keyof Actions, number?]>} */ ({
  "/": ["search"],
  "?": ["help"],
  j: ["move", 1],
  k: ["move", -1],
});

addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k" && !event.altKey) {
    if (run("palette")) event.preventDefault();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]") || isTyping(event.target)) return;
  const known = PLAIN[event.key];
  const isOpening = event.key === "Enter" && !isControl(event.target);
  if (known ? run(...known) : isOpening && run("open")) event.preventDefault();
});

/** @param {EventTarget | null} target */
const isTyping = (target) => target instanceof Element && target.matches("input:not([type=checkbox]), textarea, select");
/** @param {EventTarget | null} target */
const isControl = (target) => target instanceof Element && target.matches("a, button, input, select, textarea, summary");
