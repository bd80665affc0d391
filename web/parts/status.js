// A status as shape and text: never by colour alone.

import { html } from "../lib/html.js";
import { t } from "../texts.js";

/** Shape and tone by status. @type {Record<string, [string, string]>} */
const LOOKS = {
  completed: ["M3 8.5 6.5 12 13 4.5", "good"],
  failed: ["M4 4l8 8M12 4l-8 8", "bad"],
  running: ["M8 2a6 6 0 1 1-6 6", "busy"],
  pending: ["M8 2.5a5.5 5.5 0 1 0 .01 0M8 5v3.2l2 1.6", "idle"],
  paused: ["M5.5 3.5v9M10.5 3.5v9", "warn"],
  disabled: ["M8 2.5a5.5 5.5 0 1 0 .01 0M4.2 4.2l7.6 7.6", "idle"],
  open: ["M8 2.5 14 13H2zM8 6.5v3M8 11.3v.2", "bad"],
  recovered: ["M3 8.5 6.5 12 13 4.5", "good"],
  healthy: ["M3 8.5 6.5 12 13 4.5", "good"],
  degraded: ["M8 2.5 14 13H2zM8 6.5v3M8 11.3v.2", "warn"],
  unhealthy: ["M4 4l8 8M12 4l-8 8", "bad"],
  stopped: ["M4 4l8 8M12 4l-8 8", "bad"],
  late: ["M8 2.5 14 13H2zM8 6.5v3M8 11.3v.2", "warn"],
  timed_out: ["M8 2.5a5.5 5.5 0 1 0 .01 0M8 5v3.2l2 1.6", "bad"],
  crashed: ["M9 1.5 4.5 8.5h3L6.5 14.5 11.5 7h-3z", "bad"],
  cancelled: ["M4 4h8v8H4z", "warn"],
  missed: ["M8 2.5 14 13H2zM8 6.5v3M8 11.3v.2", "warn"],
  superseded: ["M3 8h9M9 4.5 12.5 8 9 11.5", "idle"],
  caught_up: ["M3 8a5 5 0 1 0 2-4M5 1.5V4h2.5", "good"],
  waiting: ["M8 2.5a5.5 5.5 0 1 0 .01 0M8 5v3.2l2 1.6", "idle"],
  skipped: ["M3 4l5 4-5 4zM9 4l5 4-5 4z", "idle"],
};

/** The tone that goes with a status: good, bad, busy, idle, warn. @param {string} status */
export const toneOf = (status) => (LOOKS[status] ?? ["", "idle"])[1];

/** What is shown of an execution: how it ended, else its status. @param {import("../lib/types.d.ts").Execution} execution */
export const lookOf = ({ status, outcome }) => (outcome && LOOKS[outcome] ? outcome : status);

/** The shape alone, for where the text stands beside it. @param {{ status: string }} props */
export function Shape({ status }) {
  const [path] = LOOKS[status] ?? ["M8 8h.01", "idle"];
  return html`<svg viewBox="0 0 16 16" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="2"
    stroke-linecap="round" stroke-linejoin="round"><path d=${path} /></svg>`;
}

/** @param {{ status: string, text?: string }} props */
export function Mark({ status, text }) {
  const known = /** @type {Record<string, string>} */ (t.status);
  return html`<span class="mark ${toneOf(status)}"><${Shape} status=${status} /> ${text ?? known[status] ?? status}</span>`;
}
