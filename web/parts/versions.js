// The versions of a task, from the audit: who made each one, when, and what differs from the one before.

import { read } from "../lib/api.js";
import { html } from "../lib/html.js";
import { useResource } from "../lib/resource.js";
import { linkTo } from "../lib/router.js";
import { t } from "../texts.js";
import { FieldChanges } from "./field_changes.js";
import { Loaded } from "./states.js";
import { Time } from "./time.js";

/** @typedef {import("../lib/types.d.ts").AuditEntry} AuditEntry */
/** @typedef {import("../lib/types.d.ts").Task} Task */

const SHOWN = 20;
const MAKE_VERSIONS = ["create", "update", "enable", "disable", "retire"];

/** @param {{ task: Task }} props */
export function Versions({ task }) {
  const asked = { task_id: task.id, action: MAKE_VERSIONS, outcome: "applied", page_size: SHOWN };
  const entries = useResource(task.id, (signal) => read("/audit", asked, signal), (change) => change.subject === "audit" && change.task_id === task.id);
  return html`<section class="card">
    <h2>${t.task.versions} <a href=${linkTo(["audit"], { task_id: task.id })}>${t.now.all}</a></h2>
    <${Loaded} of=${entries}>${(/** @type {{ entries: AuditEntry[], total: number }} */ found) => {
      const made = found.entries.filter((each) => namesOf(each).some((name) => name !== "paused"));
      const numbers = numbersOf(made, task.metadata.version, found.total <= SHOWN);
      if (!made.length) return html`<p class="soft">${t.task.noVersions}</p>`;
      return html`<ol class="entries" aria-label=${t.task.versions}>${made.map(
        (each, index) => html`<li key=${each.id}>
          <p class="entry">${numbers && html`<strong>${t.task.version} ${numbers[index]}</strong>`} <${Time} at=${each.at} />
            <bdi>${each.user}</bdi> <span class="tag">${each.action}</span></p>
          <${FieldChanges} before=${each.before} after=${each.after} /></li>`,
      )}</ol>`;
    }}<//>
  </section>`;
}

/** @param {AuditEntry} entry */
const namesOf = ({ before, after }) => [...Object.keys(before ?? {}), ...Object.keys(after ?? {})];

/**
 * The number of each version. The audit may lack changes (of before it was kept, or cut off by a crash); when its
 * first entry shows that, there are no numbers rather than wrong ones.
 * @param {AuditEntry[]} entries the newest first @param {number} present @param {boolean} isWhole
 */
function numbersOf(entries, present, isWhole) {
  const numbers = entries.map((_, index) => present - index);
  const first = entries.at(-1);
  const isRight = isWhole && first ? first.action !== "create" || numbers.at(-1) === 1 : true;
  return isRight && numbers.every((each) => each >= 1) ? numbers : null;
}
