// Executions of all tasks, the newest first, with filters in the address.

import { read } from "../lib/api.js";
import { html, useState } from "../lib/html.js";
import { useResource } from "../lib/resource.js";
import { goTo, linkTo, route, setQuery } from "../lib/router.js";
import { CopyAsCurl } from "../parts/curl.js";
import { reasonOf, Took, triggerOf } from "../parts/execution_table.js";
import { Choice, TextField } from "../parts/fields.js";
import { FilterBar, inUse } from "../parts/filters.js";
import { PAGE, Rows } from "../parts/rows.js";
import { Empty } from "../parts/states.js";
import { lookOf, Mark } from "../parts/status.js";
import { Time } from "../parts/time.js";
import { Views } from "../parts/views.js";
import { t } from "../texts.js";

/** @typedef {import("../lib/types.d.ts").Execution} Execution */

const STATUSES = ["pending", "running", "completed", "failed"];
const OUTCOMES = ["completed", "failed", "timed_out", "cancelled", "crashed", "skipped"];
const FILTERS = ["status", "outcome", "task_id", "start_date", "end_date"];

export function ExecutionsScreen() {
  const { query } = route.value;
  const [total, setTotal] = useState(/** @type {number | undefined} */ (undefined));
  const asked = Object.fromEntries(FILTERS.map((name) => [name, query[name] ?? ""]));
  const isFiltered = Object.values(asked).some(Boolean);
  /** @param {number} page @param {AbortSignal} signal @param {string} [after] */
  const load = async (page, signal, after) => {
    const place = after === undefined ? { page } : { after };
    const found = await read("/executions", { ...asked, ...place, page_size: PAGE }, signal);
    return { items: found.executions, total: found.total, next: found.next };
  };
  /** @param {import("../lib/types.d.ts").Change} change */
  const concerns = (change) => change.subject === "execution" && (!asked.task_id || change.task_id === asked.task_id);
  return html`
    <div class="head">
      <h1>${t.executions.title}</h1>
      <span class="soft" role="status">${total === undefined ? "" : t.executions.count(total)}</span>
      <div class="buttons push"><${CopyAsCurl} path="/executions" options=${{ query: asked }} /></div>
    </div>
    <${Filters} asked=${asked} isFiltered=${isFiltered} />
    <${Rows} listKey=${JSON.stringify(asked)} load=${load} concerns=${concerns} columns=${COLUMNS} label=${t.executions.title}
      idOf=${(/** @type {Execution} */ each) => each.id} open=${(/** @type {Execution} */ each) => goTo(["executions", each.id])}
      brief=${brief} onTotal=${setTotal} empty=${html`<${Empty} text=${isFiltered ? t.executions.none : t.executions.empty}>
        ${isFiltered && html`<button type="button" onClick=${clear}>${t.actions.clear}</button>`}<//>`} />`;
}

const clear = () => setQuery(Object.fromEntries(FILTERS.map((name) => [name, undefined])));

/** @param {{ asked: Record<string, string>, isFiltered: boolean }} props */
function Filters({ asked, isFiltered }) {
  const task = useResource(asked.task_id ?? "", async (signal) => (asked.task_id ? read(`/tasks/${encodeURIComponent(asked.task_id)}`, {}, signal) : null));
  return html`<${FilterBar} inUse=${inUse(asked)}>
    <${OneOf} name="status" label=${t.fields.status} value=${asked.status} options=${STATUSES} />
    <${OneOf} name="outcome" label=${t.execution.outcome} value=${asked.outcome} options=${OUTCOMES} />
    <${TextField} label=${t.fields.from} type="date" value=${asked.start_date} onInput=${(/** @type {string} */ day) => setQuery({ start_date: day })} />
    <${TextField} label=${t.fields.to} type="date" value=${asked.end_date} onInput=${(/** @type {string} */ day) => setQuery({ end_date: day })} />
    ${asked.task_id && html`<span>${t.executions.columns.task}: <a href=${linkTo(["tasks", asked.task_id])}><bdi>${task.data?.name ?? asked.task_id}</bdi></a></span>`}
    ${isFiltered && html`<button type="button" onClick=${clear}>${t.actions.clear}</button>`}
    <${Views} list="executions" query=${asked} />
  <//>`;
}

/** @param {{ name: string, label: string, value?: string, options: string[] }} props */
const OneOf = ({ name, label, value = "", options }) =>
  html`<${Choice} label=${label} value=${value} onChange=${(/** @type {string} */ chosen) => setQuery({ [name]: chosen })}
    options=${[["", t.tasks.any], ...options.map((each) => [each, /** @type {Record<string, string>} */ (t.status)[each]])]} />`;

/** @param {Execution} each */
const brief = (each) => html`<a href=${linkTo(["executions", each.id])}><bdi>${each.task_name ?? each.task_id}</bdi></a>
  <div><${Mark} status=${lookOf(each)} /> <${Time} at=${each.started_at} /> <${Took} of=${each} /></div>`;

const names = t.executions.columns;
/** @type {import("../parts/rows.js").Column<Execution>[]} */
const COLUMNS = [
  { name: "status", title: names.status, width: "8.5rem", cell: (each) => html`<${Mark} status=${lookOf(each)} />` },
  {
    name: "task",
    title: names.task,
    cell: (each) => html`<a href=${linkTo(["tasks", each.task_id])} title=${each.task_name ?? each.task_id}><bdi>${each.task_name ?? each.task_id}</bdi></a>`,
  },
  { name: "started", title: names.started, width: "11rem", cell: (each) => html`<a href=${linkTo(["executions", each.id])}><${Time} at=${each.started_at} /></a>` },
  { name: "took", title: names.took, width: "8rem", wideOnly: true, cell: (each) => html`<${Took} of=${each} />` },
  { name: "trigger", title: names.trigger, width: "7rem", wideOnly: true, cell: triggerOf },
  { name: "error", title: t.executions.why, width: "22%", wideOnly: true, cell: (each) => html`<span title=${reasonOf(each)}><bdi>${reasonOf(each)}</bdi></span>` },
];
