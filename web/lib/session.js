// Who is signed in, what that one may do, and when the session ends.

import { ApiError, ask, onSignedOut } from "./api.js";
import { computed, signal } from "./html.js";

/** @typedef {import("./types.d.ts").Session} Session */

/** undefined: not known yet; null: nobody. */
export const session = signal(/** @type {Session | null | undefined} */ (undefined));

/** Whether the session has ended while the page was open. */
export const hasExpired = signal(false);

/** Why it is not known who is signed in. */
export const sessionError = signal(/** @type {ApiError | null} */ (null));

const WARNING_MS = 10 * 60 * 1000;
const now = signal(Date.now());
setInterval(() => {
  now.value = Date.now();
  if (session.value && Date.parse(session.value.expires_at) <= now.value) void learnSession(); // nobody may ask for anything
}, 5000);

/** Milliseconds until the session ends, while that is soon; else null. */
export const endsSoonMs = computed(() => {
  if (!session.value) return null;
  const left = Date.parse(session.value.expires_at) - now.value;
  return left < WARNING_MS ? Math.max(left, 0) : null;
});

/**
 * Whether the caller may do something.
 * @param {"create" | "update" | "delete" | "execute" | "control" | "manage"} what
 */
export function may(what) {
  const name = what === "manage" ? "scheduler:system:manage" : `scheduler:tasks:${what}`;
  return session.value?.permissions.includes(name) ?? false;
}

function endSession() {
  if (session.value) hasExpired.value = true;
  session.value = null;
}
onSignedOut(endSession);

/** Learn who is signed in. */
export async function learnSession() {
  try {
    session.value = await ask("/session");
    hasExpired.value = false;
    sessionError.value = null;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 401) endSession();
    else sessionError.value = error;
  }
}

/**
 * Sign in. Rejects with an `ApiError`.
 * @param {{ token: string } | { code: string }} credential
 */
export async function signIn(credential) {
  session.value = await ask("/session", { method: "POST", body: credential });
  hasExpired.value = false;
  sessionError.value = null;
}

/** Sign out. */
export async function signOut() {
  await ask("/session", { method: "DELETE" });
  hasExpired.value = false;
  session.value = null;
}
