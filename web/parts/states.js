// What a screen shows while there is nothing to show: it loads, it failed, it is empty.

import { html } from "../lib/html.js";
import { t } from "../texts.js";

/** @typedef {import("../lib/api.js").ApiError} ApiError */

export function Loading() {
  return html`<div class="state" role="status">${t.states.loading}</div>`;
}

/** What went wrong and what to do. @param {{ error: ApiError, retry?: () => void }} props */
export function Fault({ error, retry }) {
  return html`<div class="state fault" role="alert">
    <strong>${error.status === 0 ? t.states.away : t.states.failed(error.message)}</strong>
    ${error.status === 0 && html`<span>${t.states.awayHint}</span>`}
    ${error.requestId && html`<span class="mono">${t.states.request(error.requestId)}</span>`}
    ${retry && html`<button type="button" onClick=${retry}>${t.actions.retry}</button>`}
  </div>`;
}

/** @param {{ text: string, hint?: string, children?: any }} props */
export function Empty({ text, hint, children }) {
  return html`<div class="state"><strong>${text}</strong>${hint && html`<span>${hint}</span>`}${children}</div>`;
}

/**
 * What was read, or why there is nothing; with what was read before while it can't be read now.
 * @param {{ of: import("../lib/resource.js").Resource<any>, children: (data: any) => any }} props
 */
export function Loaded({ of, children }) {
  if (of.data === undefined) return of.error ? html`<${Fault} error=${of.error} retry=${of.reload} />` : html`<${Loading} />`;
  return html`${of.error && html`<p class="banner" role="status">${of.error.message || t.states.away} ${t.states.stale}</p>`}
  ${children(of.data)}`;
}
