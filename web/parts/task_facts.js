// What is known of a task: its numbers, its settings, what it does.

import { html } from "../lib/html.js";
import { linkTo } from "../lib/router.js";
import { labelOf } from "../lib/schema.js";
import { may } from "../lib/session.js";
import { LIMITS } from "../lib/task_settings.js";
import { isDuration } from "../lib/times.js";
import { t } from "../texts.js";
import { Length, Time } from "./time.js";

/** @typedef {import("../lib/types.d.ts").Task} Task */

/** @param {{ rows: [string, any][] }} props */
export const FactList = ({ rows }) =>
  html`<dl class="facts">${rows.map(([name, value]) => html`<dt key=${name}>${name}</dt><dd>${value}</dd>`)}</dl>`;

/** @param {{ task: Task }} props */
export function Facts({ task }) {
  const { metadata } = task;
  /** @param {number} number */
  const count = (number) => html`<span class="number">${number.toLocaleString("en")}</span>`;
  return html`<section class="card">
    <h2>${t.task.runs}</h2>
    <${FactList} rows=${[
      [t.tasks.lastRun, html`<${Time} at=${task.last_run} none=${t.tasks.never} form="near" />`],
      [t.task.runs, count(metadata.total_runs)],
      [t.task.succeeded, count(metadata.success_count)],
      [t.task.failures, count(metadata.failure_count)],
      [t.task.skipped, metadata.skipped_count ? html`<a href=${linkTo(["executions"], { task_id: task.id, outcome: "skipped" })}>${count(metadata.skipped_count)}</a>` : count(0)],
      [t.task.average, html`<${Length} of=${metadata.average_runtime} />`],
    ]} />
    ${metadata.last_error && html`<h3 class="soft">${t.task.lastError}</h3><pre class="text" tabindex="0">${metadata.last_error}</pre>`}
  </section>`;
}

/** @param {{ task: Task }} props */
export function Settings({ task }) {
  const { metadata } = task;
  return html`<section class="card">
    <h2>${t.task.settings}</h2>
    <${FactList} rows=${[
      [t.fields.type, task.type],
      [t.fields.priority, task.priority],
      [t.fields.timeZone, metadata.timezone],
      [t.fields.overlap, metadata.overlap],
      [t.fields.timeout, html`<${Length} of=${metadata.timeout} />`],
      [t.fields.maxRetries, metadata.max_retries],
      [t.fields.retryInterval, html`<${Length} of=${metadata.retry_interval} />`],
      ...limitsOf(metadata),
      [t.fields.tags, metadata.tags.length ? metadata.tags.map((each) => html`<a class="tag" key=${each} href="#/tasks?tags=${encodeURIComponent(each)}">${each}</a> `) : "–"],
      [t.task.version, may("manage") ? html`<a href=${linkTo(["audit"], { task_id: task.id })}>${metadata.version}</a>` : metadata.version],
      [t.task.created, html`<${Time} at=${task.created_at} /> ${t.task.by} ${task.created_by}`],
      [t.task.changed, html`<${Time} at=${task.updated_at} /> ${t.task.by} ${task.updated_by}`],
      ["ID", html`<code>${task.id}</code>`],
    ]} />
  </section>`;
}

/** A value of the API as people read it. @param {unknown} value */
export const shown = (value) => (isDuration(value) ? html`<${Length} of=${value} />` : String(value));

/** What most tasks leave out, as far as it is set. @param {Task["metadata"]} metadata @returns {[string, any][]} */
function limitsOf(metadata) {
  const { calendars, catch_up: catchUp } = metadata;
  const onDays = t.settingsOf.onDays;
  /** @type {[string, any][]} */
  const rows = Object.entries(metadata)
    .filter(([name]) => name in (LIMITS.properties ?? {}))
    .map(([name, value]) => [labelOf(name), name.endsWith("_at") ? html`<${Time} at=${value} />` : shown(value)]);
  const days = calendars ? [[onDays.include, calendars.include], [onDays.exclude, calendars.exclude]].filter(([, names]) => names?.length) : [];
  if (days.length) rows.push([t.settingsOf.calendars, days.map(([where, names]) => `${where}: ${/** @type {string[]} */ (names).join(", ")}`).join("; ")]);
  for (const [part, title] of Object.entries(t.settingsOf.catchUp)) {
    const rules = /** @type {Record<string, Record<string, unknown>>} */ (catchUp ?? {})[part];
    if (rules) rows.push([title, `${labelOf("runs")}: ${rules.runs}`]);
  }
  return rows;
}

/** @param {{ config: Record<string, unknown> }} props */
export const Config = ({ config }) =>
  html`<section class="card"><h2>${t.task.config}</h2><pre class="text" tabindex="0">${JSON.stringify(config, null, 2)}</pre></section>`;
