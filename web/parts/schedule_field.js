// The editor of a schedule: its text, its six fields, and what the service makes of it.

import { send } from "../lib/api.js";
import { partsOf, PRESETS, withField } from "../lib/cron.js";
import { html, useEffect, useState } from "../lib/html.js";
import { zone as shownZone } from "../lib/preferences.js";
import { useResource } from "../lib/resource.js";
import { instantIn } from "../lib/task_settings.js";
import { clockOf, fullOf, offsetOf, weekdayOf } from "../lib/times.js";
import { t } from "../texts.js";
import { Choice, TextField } from "./fields.js";
import { sentenceOf } from "./notices.js";

/** @typedef {import("../lib/types.d.ts").SchedulePreview} SchedulePreview */

const WAIT_MS = 200;
const SHOWN = 8;

/**
 * `metadata` of the task decides the zone and the days of what is shown.
 * @param {{ value: string, metadata: Record<string, unknown>, taskId?: string, fault?: string, onChange: (text: string) => void }} props
 */
export function ScheduleField({ value, metadata, taskId, fault, onChange }) {
  const parts = partsOf(value);
  const preset = PRESETS.find(([, text]) => text === value)?.[0] ?? "";
  /** @param {string} name */
  const choose = (name) => {
    const found = PRESETS.find(([each]) => each === name);
    if (found) onChange(found[1]);
  };
  return html`<div class="schedule">
    <${TextField} label=${t.fields.schedule} value=${value} onInput=${onChange} hint=${t.schedule.hint} fault=${fault} required />
    <${Choice} label=${t.schedule.preset} value=${preset} onChange=${choose}
      options=${[["", t.schedule.own], ...PRESETS.map(([name]) => [name, t.schedule.presets[name]])]} />
    ${parts
      ? html`<div class="parts" role="group" aria-label=${t.schedule.parts}>${t.schedule.fields.map(
          (label, index) => html`<${TextField} key=${label} label=${label} value=${parts.fields[index]}
            onInput=${(/** @type {string} */ field) => onChange(withField(parts, index, field))} />`,
        )}</div>`
      : html`<p class="soft">${t.schedule.notSix}</p>`}
    <${Preview} schedule=${value} metadata=${metadata} taskId=${taskId} />
  </div>`;
}

/** @param {{ schedule: string, metadata: Record<string, unknown>, taskId?: string }} props */
function Preview({ schedule, metadata, taskId }) {
  const question = JSON.stringify(questionOf(schedule, metadata, taskId));
  const [asked, setAsked] = useState(question);
  useEffect(() => {
    const timer = setTimeout(() => setAsked(question), WAIT_MS);
    return () => clearTimeout(timer);
  }, [question]);
  const preview = useResource(asked, () => send("/schedules/preview", JSON.parse(asked)));
  if (preview.error) return html`<p class="mark bad" role="status" style=${{ whiteSpace: "normal" }}>${sentenceOf(preview.error)}</p>`;
  if (!preview.data) return html`<p class="soft" role="status">${t.states.loading}</p>`;
  const { description, timezone, next_runs: runs } = /** @type {SchedulePreview} */ (preview.data);
  const end = Date.parse(instantIn(String(metadata.end_at ?? ""), timezone));
  const left = Number.isNaN(end) ? runs : runs.filter((at) => Date.parse(at) <= end);
  return html`<div role="status"><strong>${description}</strong>, ${timezone}</div>
    <${Occurrences} preview=${{ ...preview.data, next_runs: left }} />`;
}

/**
 * What the service is asked: the runs from the start of the schedule on, on the days that the calendars leave.
 * @param {string} schedule @param {Record<string, unknown>} metadata @param {string} [taskId]
 */
function questionOf(schedule, { timezone, calendars, start_at: startAt }, taskId) {
  const begin = Date.parse(instantIn(String(startAt ?? ""), String(timezone ?? "")));
  return {
    schedule,
    count: SHOWN,
    ...(timezone ? { timezone } : {}),
    ...(calendars ? { calendars } : {}),
    ...(taskId ? { task_id: taskId } : {}),
    ...(begin > Date.now() ? { start: new Date(begin - 1).toISOString() } : {}),
  };
}

/** @param {{ preview: SchedulePreview }} props */
function Occurrences({ preview }) {
  const { timezone, next_runs: runs } = preview;
  if (!runs.length) return html`<p>${t.schedule.never}</p>`;
  const other = [shownZone.value, "UTC"].find((each) => each !== timezone);
  return html`<div class="rows wraps instants" tabindex="0" role="region" aria-label=${t.task.nextRuns}><table>
    <thead><tr><th scope="col">${timezone}</th>${other && html`<th scope="col">${other}</th>`}</tr></thead>
    <tbody>${runs.map((at, index) => {
      const before = runs[index - 1];
      const isChange = before !== undefined && offsetOf(before, timezone) !== offsetOf(at, timezone);
      return html`<tr key=${at}>
        <td><time datetime=${at}>${weekdayOf(at, timezone)} ${fullOf(at, timezone)}</time>
          ${isChange && html` <span class="tag">${t.schedule.clockChange(offsetOf(at, timezone))}</span>`}</td>
        ${other && html`<td class="soft">${weekdayOf(at, other)} ${clockOf(at, other)}</td>`}
      </tr>`;
    })}</tbody>
  </table></div>`;
}
