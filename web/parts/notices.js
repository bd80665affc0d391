// Short messages about what was done, or could not be.

import { ApiError } from "../lib/api.js";
import { html, signal } from "../lib/html.js";
import { t } from "../texts.js";

/** @typedef {{ id: number, text: string, isFault: boolean, link?: { href: string, text: string } }} Notice */

const notices = signal(/** @type {Notice[]} */ ([]));
const SHOWN_MS = 6000;
/** Whoever has to reach a link needs longer. */
const SHOWN_WITH_LINK_MS = 20_000;
let last = 0;

/** @param {number} id */
const dismiss = (id) => (notices.value = notices.value.filter((each) => each.id !== id));

/** Later while somebody points at the messages, or is in them by keyboard. @param {number} id @param {number} ms */
function dismissIn(id, ms) {
  setTimeout(() => (document.querySelector(".notices:is(:hover, :focus-within)") ? dismissIn(id, SHOWN_MS) : dismiss(id)), ms);
}

/**
 * @param {string} text
 * @param {{ isFault?: boolean, link?: { href: string, text: string } }} [more]
 */
export function notify(text, { isFault = false, link } = {}) {
  const id = ++last;
  notices.value = [...notices.value.slice(-3), { id, text, isFault, link }];
  if (!isFault) dismissIn(id, link ? SHOWN_WITH_LINK_MS : SHOWN_MS);
}

/** Take away what was said of faults: another attempt begins. */
export const forgetFaults = () => (notices.value = notices.value.filter((each) => !each.isFault));

/** What an error says to its reader. @param {unknown} error */
export function sentenceOf(error) {
  if (!(error instanceof ApiError)) throw error;
  if (error.status === 0) return t.states.away;
  const faults = error.faults.map((each) => `${each.location}: ${each.message}`).join("; ");
  return faults || error.message;
}

/**
 * Do something and say how it went. Returns what came of it, or undefined when it failed.
 * @template T
 * @param {() => Promise<T>} action
 * @param {(result: T) => string} [done]
 */
export async function attempt(action, done) {
  try {
    const result = await action();
    if (done) notify(done(result));
    return result;
  } catch (error) {
    notify(sentenceOf(error), { isFault: true });
    return undefined;
  }
}

export function Notices() {
  return html`<div class="notices" role="status" aria-live="polite" aria-label=${t.notices}>
    ${notices.value.map(
      ({ id, text, isFault, link }) => html`<div key=${id} class="notice ${isFault ? "fault" : ""}">
        <span>${text}</span>
        ${link && html`<a href=${link.href} onClick=${() => dismiss(id)}>${link.text}</a>`}
        <button type="button" class="plain push" aria-label=${t.actions.close} onClick=${() => dismiss(id)}>×</button>
      </div>`,
    )}
  </div>`;
}
