// Now: what runs, what is late, what failed today, what comes within the hour, what alerts, and whether all is well.

import { read } from "../lib/api.js";
import { html } from "../lib/html.js";
import { openAlerts } from "../lib/open_alerts.js";
import { useResource } from "../lib/resource.js";
import { linkTo } from "../lib/router.js";
import { present } from "../lib/times.js";
import { CopyAsCurl } from "../parts/curl.js";
import { Took } from "../parts/execution_table.js";
import { Empty, Loaded } from "../parts/states.js";
import { lookOf, Mark } from "../parts/status.js";
import { Time } from "../parts/time.js";
import { t } from "../texts.js";
import { Parts, useTicks } from "./workers.js";

/** @typedef {import("../lib/types.d.ts").Execution} Execution */
/** @typedef {import("../lib/types.d.ts").Task} Task */
/** @typedef {import("../lib/types.d.ts").Alert} Alert */
/** @typedef {import("../lib/types.d.ts").Change} Change */

const SHOWN = 20;
const HOUR_MS = 3_600_000;
const LATE_MS = 15_000;
/** What is asked for while nothing waits: nothing. */
const NONE = { executions: [] };

/** @param {Change} change */
const isExecution = (change) => change.subject === "execution";

export function NowScreen() {
  const status = useResource("status", (signal) => read("/status", {}, signal));
  useTicks(status.reload);
  const running = useExecutions("running");
  const mayWait = Boolean(status.error) || status.data?.metrics?.queue_size > 0;
  const waiting = useResource(`waiting ${mayWait}`, async (signal) => (mayWait ? readExecutions("pending", undefined, signal) : NONE), isExecution);
  const today = new Date().toISOString().slice(0, 10);
  const failed = useExecutions("failed", today);
  const next = useResource("next", (signal) => read("/tasks", { sort: "next_run", page_size: SHOWN }, signal), (change) => change.subject === "task");
  return html`
    <div class="head"><h1>${t.nav.now}</h1><div class="buttons push"><${CopyAsCurl} path="/status" /></div></div>
    <${Numbers} status=${status.data} />
    <div class="columns">
      <div class="stack">
        <${List} title=${t.now.running} of=${running} empty=${t.now.nothingRuns} link=${{ status: "running" }} />
        <${Late} of=${waiting} />
        <${List} title=${t.now.failedToday} of=${failed} empty=${t.now.nothingFailed} link=${{ status: "failed", start_date: today }} />
      </div>
      <div class="stack">
        <${Loaded} of=${status}>${(/** @type {any} */ found) => html`<${Parts} status=${found} />`}<//>
        <section class="card"><h2>${t.nav.alerts} <a href=${linkTo(["alerts"])}>${t.now.all}</a></h2>
          <${Loaded} of=${openAlerts.value}>${(/** @type {{ alerts: Alert[] }} */ found) => html`<${Alerts} alerts=${found.alerts} />`}<//></section>
        <section class="card"><h2>${t.now.nextHour}</h2>
          <${Loaded} of=${next}>${(/** @type {{ tasks: Task[] }} */ found) => html`<${Upcoming} tasks=${found.tasks} />`}<//></section>
      </div>
    </div>`;
}

/** @param {string} status @param {string} [day] */
const useExecutions = (status, day) =>
  useResource(`${status} ${day}`, (signal) => readExecutions(status, day, signal), isExecution);

/** @param {string} status @param {string | undefined} day @param {AbortSignal} signal */
const readExecutions = (status, day, signal) => read("/executions", { status, start_date: day, page_size: SHOWN }, signal);

/** @param {{ status: any }} props */
function Numbers({ status }) {
  const numbers = status?.metrics ?? {};
  /** @param {string} title @param {number | undefined} number @param {string} [href] */
  const one = (title, number, href) => html`<div class="figure"><dt>${href ? html`<a href=${href}>${title}</a>` : title}</dt><dd class="number">${number?.toLocaleString("en") ?? "–"}</dd></div>`;
  return html`<dl class="figures">
    ${one(t.tasks.title, numbers.total_tasks)}
    ${one(t.now.running, numbers.active_workers, linkTo(["executions"], { status: "running" }))}
    ${one(t.workers.waiting, numbers.queue_size, linkTo(["executions"], { status: "pending" }))}
    ${one(t.now.completedToday, numbers.completed_today)}
    ${one(t.now.failedToday, numbers.failed_today)}
  </dl>`;
}

/** @param {{ title: string, of: import("../lib/resource.js").Resource<any>, empty: string, link: Record<string, string> }} props */
function List({ title, of, empty, link }) {
  return html`<section class="card"><h2>${title} <a href=${linkTo(["executions"], link)}>${t.now.all}</a></h2>
    <${Loaded} of=${of}>${(/** @type {{ executions: Execution[] }} */ { executions }) => html`<${Executions} executions=${executions} empty=${empty} />`}<//>
  </section>`;
}

/** Those that should have begun some time ago. @param {{ of: import("../lib/resource.js").Resource<any> }} props */
function Late({ of }) {
  const now = present.value;
  /** @param {Execution} each */
  const isLate = (each) => now - Date.parse(each.metadata.scheduled_for ?? each.started_at) > LATE_MS;
  return html`<section class="card"><h2>${t.status.late} <a href=${linkTo(["executions"], { status: "pending" })}>${t.now.all}</a></h2>
    <${Loaded} of=${of}>${(/** @type {{ executions: Execution[] }} */ { executions }) =>
      html`<${Executions} executions=${executions.filter(isLate)} empty=${t.now.nothingLate} />`}<//>
  </section>`;
}

/** @param {{ executions: Execution[], empty: string }} props */
function Executions({ executions, empty }) {
  if (!executions.length) return html`<p class="soft">${empty}</p>`;
  return html`<ul class="lines">${executions.map(
    (each) => html`<li key=${each.id}><${Mark} status=${lookOf(each)} />
      <a class="grows" href=${linkTo(["executions", each.id])}><bdi>${each.task_name ?? each.task_id}</bdi></a>
      <${Time} at=${each.started_at} /> <${Took} of=${each} /></li>`,
  )}</ul>`;
}

/** @param {{ alerts: Alert[] }} props */
function Alerts({ alerts }) {
  if (!alerts.length) return html`<p class="soft">${t.alerts.quiet}</p>`;
  return html`<ul class="lines">${alerts.map(
    (each) => html`<li key=${each.id}><${Mark} status="open" text=${each.kind} /> <span class="grows">${each.task_name && html`<a href=${linkTo(["tasks", each.task_id ?? ""])}><bdi>${each.task_name}</bdi></a>: `}${each.text}</span></li>`,
  )}</ul>`;
}

/** @param {{ tasks: Task[] }} props */
function Upcoming({ tasks }) {
  const soon = tasks.filter((each) => each.next_run && Date.parse(each.next_run) - present.value < HOUR_MS);
  if (!soon.length) return html`<${Empty} text=${t.now.nothingNext} />`;
  return html`<ul class="lines">${soon.map(
    (each) => html`<li key=${each.id}><a class="grows" href=${linkTo(["tasks", each.id])}><bdi>${each.name}</bdi></a>
      <${Time} at=${each.next_run} /> <span class="soft"><${Time} at=${each.next_run} form="distance" /></span></li>`,
  )}</ul>`;
}
