// A task's past and future on one line: what ran, the present in the middle, what is due. Lists beside it say the same.

import { html } from "../lib/html.js";
import { briefOf, millisecondsOf, present } from "../lib/times.js";
import { t } from "../texts.js";
import { lookOf, Shape, toneOf } from "./status.js";

/** @typedef {import("../lib/types.d.ts").Execution} Execution */

const STEP_MS = 10_000;

/** @param {{ executions: Execution[], nextRuns: string[] }} props */
export function Timeline({ executions, nextRuns }) {
  const now = Math.floor(present.value / STEP_MS) * STEP_MS;
  const ahead = nextRuns.map((each) => Date.parse(each));
  const back = executions.map((each) => Date.parse(each.started_at));
  const span = ahead.length ? Math.max(...ahead) - now : now - Math.min(...back, now - STEP_MS);
  if (!(span > 0) || (!ahead.length && !back.length)) return null;
  const [first, last] = [now - span, now + span];
  const past = executions.filter((each) => Date.parse(each.started_at) >= first);
  /** @param {number} at */
  const place = (at) => `${Math.min(Math.max(((at - first) / (2 * span)) * 100, 0), 100)}%`;
  return html`<section class="card">
    <h2>${t.task.timeline}</h2>
    <div class="timeline" role="img" aria-label=${t.task.timelineSays(past.length, ahead.length)}>
      ${past.map((each) => {
        const length = each.completed_at ? millisecondsOf(each.duration) : Math.max(now - Date.parse(each.started_at), 0);
        const width = `${Math.min((length / (2 * span)) * 100, 50)}%`;
        return html`<span key=${each.id} class="ran ${toneOf(lookOf(each))}" style=${{ insetInlineStart: place(Date.parse(each.started_at)), width }}>
          <${Shape} status=${lookOf(each)} /></span>`;
      })}
      <span class="present"></span>
      ${ahead.map((at) => html`<span key=${at} class="due" style=${{ insetInlineStart: place(at) }}></span>`)}
    </div>
    <p class="ends soft"><span>${briefOf(first)}</span><span>${t.nav.now}</span><span>${briefOf(last)}</span></p>
  </section>`;
}
