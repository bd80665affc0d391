// A short table of executions.

import { html } from "../lib/html.js";
import { linkTo } from "../lib/router.js";
import { lengthOf, present } from "../lib/times.js";
import { t } from "../texts.js";
import { lookOf, Mark } from "./status.js";
import { Length, Time } from "./time.js";

/** @typedef {import("../lib/types.d.ts").Execution} Execution */

/** How long an execution took, or has taken so far. @param {{ of: Execution }} props */
export function Took({ of }) {
  if (of.status === "pending") return html`<span class="soft">–</span>`;
  if (of.completed_at) return html`<${Length} of=${of.duration} />`;
  return html`<span class="number">${lengthOf(Math.max(present.value - Date.parse(of.started_at), 0))}</span>`;
}

/** Who asked for it. @param {Execution} execution */
export const triggerOf = (execution) =>
  /** @type {Record<string, string>} */ (t.execution.triggers)[execution.metadata.trigger] ?? execution.metadata.trigger;

/** Why it ended as it did: the reason of a skip, else its error. @param {Execution} execution */
export const reasonOf = ({ skip, error }) =>
  (skip && /** @type {Record<string, string>} */ (t.execution.skips)[skip.reason]) ?? error ?? "";

/** @param {{ executions: Execution[] }} props */
export function ExecutionTable({ executions }) {
  const names = t.executions.columns;
  return html`<div class="rows fits" tabindex="0" role="region" aria-label=${t.executions.title} style=${{ marginTop: "0.75rem" }}><table>
    <thead><tr>
      <th scope="col">${names.status}</th><th scope="col">${names.started}</th><th scope="col">${names.took}</th>
      <th scope="col" class="wide-only">${names.trigger}</th>
    </tr></thead>
    <tbody>${executions.map(
      (each) => html`<tr key=${each.id} class="row">
        <td><${Mark} status=${lookOf(each)} /></td>
        <td><a href=${linkTo(["executions", each.id])}><${Time} at=${each.started_at} /></a></td>
        <td><${Took} of=${each} /></td>
        <td class="wide-only">${triggerOf(each)}</td>
      </tr>`,
    )}</tbody>
  </table></div>`;
}
