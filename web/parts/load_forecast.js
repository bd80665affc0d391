// What a task adds to the load of the next day: the schedules simulated as they are, and with the task of the form.

import { ask } from "../lib/api.js";
import { html, useState } from "../lib/html.js";
import { useResource } from "../lib/resource.js";
import { fullOf, lengthOf, millisecondsOf } from "../lib/times.js";
import { t } from "../texts.js";
import { CopyAsCurl } from "./curl.js";
import { sentenceOf } from "./notices.js";
import { Mark } from "./status.js";

/** @typedef {import("../lib/draft.js").Draft} Draft */
/** @typedef {import("../lib/types.d.ts").Simulation} Simulation */
/** @typedef {Record<string, unknown>} Change a task of the simulation that is not stored */

const PATH = "/schedules/simulate";
const DAY_MS = 86_400_000;
const NAMED = 5;

/** @param {{ draft: Draft, taskId?: string, use: (schedule: string) => void }} props `use` takes a proposed schedule over */
export function LoadForecast({ draft, taskId, use }) {
  const change = changeOf(draft, taskId);
  const [asked, setAsked] = useState(/** @type {{ change: Change, from: string } | null} */ (null));
  const isOutdated = asked !== null && JSON.stringify(asked.change) !== JSON.stringify(change);
  return html`<section class="card" aria-label=${t.load.title}>
    <h2>${t.load.title}</h2>
    <p class="soft">${t.load.hint}</p>
    <div class="buttons">
      <button type="button" onClick=${() => setAsked({ change, from: new Date().toISOString() })}>${t.load.ask}</button>
      <${CopyAsCurl} label=${t.curl.forecast} path=${PATH} options=${{ method: "POST", body: { changes: [change] } }} />
    </div>
    ${isOutdated && html`<p class="banner" role="status">${t.load.outdated}</p>`}
    ${asked && html`<${Forecast} key=${JSON.stringify(asked)} change=${asked.change} from=${asked.from} use=${use} />`}
  </section>`;
}

const SETTINGS = "timezone overlap start_at end_at max_runs jitter calendars".split(" ");

/** What is simulated of a draft: the fields that decide when and where it runs. Limits that it lacks are removed. @param {Draft} draft @param {string} [taskId] */
function changeOf({ name, type, schedule, priority, enabled, metadata }, taskId) {
  return { ...(taskId ? { action: "replace", task_id: taskId } : { action: "create" }), name, type, schedule, priority, enabled, ...Object.fromEntries(SETTINGS.map((each) => [each, metadata[each] || null])) };
}

/** @param {{ change: Change, from: string, use: (schedule: string) => void }} props */
function Forecast({ change, from, use }) {
  const to = new Date(Date.parse(from) + DAY_MS).toISOString();
  const forecast = useResource(from, async (signal) => {
    /** @param {Change[]} changes */
    const simulated = (changes) => ask(PATH, { method: "POST", body: { from, to, changes }, signal });
    const before = await simulated([]); // one after the other: the service works out one at a time
    return { before, after: await simulated([change]) };
  });
  if (forecast.error) return html`<p class="mark bad" role="alert">${sentenceOf(forecast.error)}</p>`;
  if (!forecast.data) return html`<p class="soft" role="status">${t.load.working}</p>`;
  const { before, after } = forecast.data;
  const proposed = after.proposal?.changes.find(isOf(change));
  return html`<div class="rows wraps load" tabindex="0" role="region" aria-label=${t.load.table}><table>
      <thead><tr><th scope="col">${t.load.measure}</th><th scope="col">${t.load.asItIs}</th><th scope="col">${t.load.withIt}</th></tr></thead>
      <tbody>${MEASURES.map(([name, shown]) => {
        const [was, is] = [shown(before), shown(after)];
        return html`<tr key=${name}><th scope="row">${t.load.measures[name]}</th><td class="number">${was}</td>
          <td class="number">${is === was ? is : html`<strong>${is}</strong>`}</td></tr>`;
      })}</tbody>
    </table></div>
    <ul class="lines warnings" aria-label=${t.load.warnings}>${warningsOf(before, after, change).map(
      ([status, text]) => html`<li key=${text}><span class="grows"><${Mark} status=${status} text=${text} /></span></li>`,
    )}</ul>
    ${proposed && html`<p class="entry">${t.load.proposal} <code>${proposed.proposed}</code>
      <button type="button" onClick=${() => use(proposed.proposed)}>${t.load.use}</button></p>`}`;
}

/** @type {[keyof typeof t.load.measures, (found: Simulation) => string][]} */
const MEASURES = [
  ["runs", ({ summary }) => summary.runs.toLocaleString("en")],
  ["busiest_minute", ({ summary }) => summary.busiest_minute.toLocaleString("en")],
  ["used", ({ buckets }) => `${Math.round(mostUsed(buckets) * 100)} %`],
  ["queue", ({ summary }) => summary.queue.toLocaleString("en")],
  ["late_most", ({ summary }) => lengthOf(millisecondsOf(summary.late_most))],
  ["skipped", ({ summary }) => summary.skipped.toLocaleString("en")],
];

/** @param {Simulation["buckets"]} buckets */
const mostUsed = (buckets) => buckets.reduce((most, each) => Math.max(most, each.used), 0);

/** @param {Change} change */
const isOf = (change) => (/** @type {{ task_id: string, name: string }} */ each) =>
  change.task_id === undefined ? each.name === change.name : each.task_id === change.task_id;

/**
 * What the task does to the peak, and to those that wait: a status and a sentence each.
 * @param {Simulation} before @param {Simulation} after @param {Change} change
 * @returns {[string, string][]}
 */
function warningsOf(before, after, change) {
  /** @type {[string, string][]} */
  const found = [];
  const [was, is] = [before.summary, after.summary];
  const peak = after.peaks.reduce((most, each) => (each.runs > (most?.runs ?? 0) ? each : most), after.peaks[0]);
  if (is.busiest_minute > was.busiest_minute && peak) found.push(["missed", `${t.load.peakGrows(was.busiest_minute, is.busiest_minute, fullOf(peak.at))} ${othersIn(peak, change)}`]);
  const full = after.buckets.find((each) => each.used > 1);
  if (full) found.push(["unhealthy", t.load.full(fullOf(full.at), after.slots)]);
  if (millisecondsOf(is.late_most) > millisecondsOf(was.late_most)) found.push(["missed", t.load.waits(lengthOf(millisecondsOf(is.late_most)), after.slots)]);
  const own = after.overlaps.find(isOf(change));
  if (own) found.push(["missed", t.load.overlaps(own.times, lengthOf(millisecondsOf(own.duration)))]);
  if (after.slots_are === "assumed") found.push(["degraded", t.load.assumed(after.slots)]);
  return found.length ? found : [["healthy", t.load.fine(is.busiest_minute)]];
}

/** The other tasks that are due in a peak. @param {Simulation["peaks"][number]} peak @param {Change} change */
function othersIn(peak, change) {
  const isOwn = isOf(change);
  const names = peak.tasks.filter((each) => !isOwn(each)).map((each) => `“${each.name}”`);
  const more = peak.other_tasks + Math.max(names.length - NAMED, 0);
  return names.length ? t.load.others(names.slice(0, NAMED).join(", "), more) : "";
}
