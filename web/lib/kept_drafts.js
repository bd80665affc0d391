// What was typed and not saved when a form went away: the session ended, or a link was followed. As long as the page is open.

import { route } from "./router.js";
import { hasExpired, session } from "./session.js";

/** @typedef {import("./draft.js").Draft} Draft */
/** @typedef {{ draft: Draft, before: Draft, version?: number }} Typed */

/** @type {Map<string, Typed & { user?: string, isExpired: boolean }>} */
const kept = new Map();

/** @param {string} form @param {Typed} typed @param {string} [user] who typed it */
export const keepDraft = (form, typed, user) => void kept.set(form, { ...typed, user, isExpired: hasExpired.value });

/** What the same user typed, when the session had ended or the address asks for it. @param {string} form @returns {Typed | undefined} */
export function takeDraft(form) {
  const found = kept.get(form);
  kept.delete(form);
  return found && found.user === session.value?.user_id && (found.isExpired || route.value.query.kept) ? found : undefined;
}
