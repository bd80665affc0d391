// One task: how it has run, when it runs next, what it does, and what can be done with it.

import { ask, read, taskPath } from "../lib/api.js";
import { html, useMemo } from "../lib/html.js";
import { zone as shownZone } from "../lib/preferences.js";
import { useResource } from "../lib/resource.js";
import { linkTo } from "../lib/router.js";
import { may } from "../lib/session.js";
import { clockOf, lengthOf, millisecondsOf, weekdayOf } from "../lib/times.js";
import { canBeChanged } from "../lib/tasks.js";
import { Occurrences } from "../parts/occurrences.js";
import { DurationPlot } from "../parts/plot.js";
import { ExecutionTable } from "../parts/execution_table.js";
import { Empty, Loaded } from "../parts/states.js";
import { lookOf, Mark, Shape, toneOf } from "../parts/status.js";
import { TaskActions } from "../parts/task_actions.js";
import { Config, Facts, Settings } from "../parts/task_facts.js";
import { bothZones, Time } from "../parts/time.js";
import { Timeline } from "../parts/timeline.js";
import { Versions } from "../parts/versions.js";
import { t } from "../texts.js";

/** @typedef {import("../lib/types.d.ts").Task} Task */
/** @typedef {import("../lib/types.d.ts").Execution} Execution */
/** @typedef {import("../lib/types.d.ts").Change} Change */

const SHOWN = 60;
const LISTED = 10;
const PLANNED = 10;
const NEXT = 5;

/** @param {{ path: string[] }} props */
export function TaskScreen({ path: [, id = ""] }) {
  /** @param {Change} change */
  const concerns = (change) => change.task_id === id && change.subject !== "audit";
  const task = useResource(id, (signal) => read(taskPath(id), {}, signal), (change) => concerns(change) && change.subject === "task");
  const history = useResource(id, (signal) => read(`${taskPath(id)}/history`, { page_size: SHOWN }, signal), concerns);
  if (task.error?.status === 404) {
    return html`<${Empty} text=${t.task.gone}><a class="button" href=${linkTo(["tasks"])}>${t.task.back}</a><//>`;
  }
  return html`<${Loaded} of=${task}>${(/** @type {Task} */ known) => html`<${Known} task=${known} history=${history} />`}<//>`;
}

/** @param {{ task: Task, history: import("../lib/resource.js").Resource<import("../lib/types.d.ts").ExecutionList> }} props */
function Known({ task, history }) {
  const { schedule, next_run: next, metadata: { timezone } } = task;
  const preview = useResource(`${schedule} ${timezone} ${next}`, (signal) =>
    ask("/schedules/preview", { method: "POST", body: { schedule, timezone, task_id: task.id, count: PLANNED }, signal }),
  );
  const nextRuns = next ? (preview.data?.next_runs ?? [next]) : [];
  return html`
    <div class="head">
      <h1><bdi>${task.name}</bdi></h1>
      <${Mark} status=${task.status} />
      ${!canBeChanged(task) && html`<span class="tag">${task.metadata.is_system ? t.tasks.system : t.tasks.imported}</span>`}
      <span class="push"></span>
      <${TaskActions} task=${task} />
    </div>
    ${task.description && html`<p class="soft description"><bdi>${task.description}</bdi></p>`}
    <div class="columns">
      <div class="stack">
        <${Timeline} executions=${history.data?.executions ?? []} nextRuns=${nextRuns} />
        <${Loaded} of=${history}>${(/** @type {{ executions: Execution[] }} */ { executions }) => html`<${History} executions=${executions} taskId=${task.id} />`}<//>
        ${(preview.data || preview.error || !next) && html`<${Occurrences} key=${task.id} taskId=${task.id} nextRuns=${nextRuns} />`}
        <${Config} config=${task.config} />
        ${may("manage") && html`<${Versions} task=${task} />`}
      </div>
      <div class="stack">
        <${NextRuns} task=${task} description=${preview.data?.description} nextRuns=${nextRuns.slice(0, NEXT)} />
        <${Facts} task=${task} />
        <${Settings} task=${task} />
      </div>
    </div>`;
}

/** @param {Execution} execution */
const textOf = (execution) => /** @type {Record<string, string>} */ (t.status)[lookOf(execution)];

/** @param {{ executions: Execution[], taskId: string }} props the newest first */
function History({ executions, taskId }) {
  const oldestFirst = useMemo(() => executions.toReversed(), [executions]);
  const points = useMemo(
    () =>
      oldestFirst
        .filter((each) => each.completed_at)
        .map((each) => ({ at: each.started_at, ms: millisecondsOf(each.duration), status: each.status })),
    [oldestFirst],
  );
  if (!executions.length) return html`<section class="card"><h2>${t.task.history}</h2><${Empty} text=${t.task.noHistory} /></section>`;
  return html`<section class="card">
      <h2>${t.task.history} <a href=${linkTo(["executions"], { task_id: taskId })}>${t.now.all}</a></h2>
      <ol class="strip" aria-label=${t.task.history}>${oldestFirst.map(
        (each) => html`<li key=${each.id}><a class=${toneOf(lookOf(each))} href=${linkTo(["executions", each.id])}
          title="${textOf(each)} · ${bothZones(each.started_at)} · ${lengthOf(millisecondsOf(each.duration))}"
          aria-label="${textOf(each)}, ${bothZones(each.started_at)}"><${Shape} status=${lookOf(each)} /></a></li>`,
      )}</ol>
      <${ExecutionTable} executions=${executions.slice(0, LISTED)} />
    </section>
    ${points.length > 1 && html`<section class="card"><h2>${t.task.durations}</h2><${DurationPlot} points=${points} label=${t.task.durations} /></section>`}`;
}

/** @param {{ task: Task, description?: string, nextRuns: string[] }} props */
function NextRuns({ task, description, nextRuns }) {
  const zone = task.metadata.timezone;
  const why = { paused: t.task.whyPaused, disabled: t.task.whyDisabled }[/** @type {string} */ (task.status)];
  return html`<section class="card">
    <h2>${t.task.nextRuns}</h2>
    <p><code>${task.schedule}</code></p>
    ${description && html`<p class="soft">${description}</p>`}
    ${nextRuns.length
      ? html`<ol>${nextRuns.map(
          (at) => html`<li key=${at}><${Time} at=${at} form="both" />
            ${zone !== shownZone.value && zone !== "UTC" && html`<span> · ${weekdayOf(at, zone)} ${clockOf(at, zone)} ${zone}</span>`}${" "}
            <span class="soft"><${Time} at=${at} form="distance" /></span></li>`,
        )}</ol>`
      : html`<p>${t.task.noNextRuns} ${why}</p>`}
  </section>`;
}
