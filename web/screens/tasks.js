// Tasks: search, filters in the address, order, thousands of rows, and many at once.

import { read } from "../lib/api.js";
import { html, useEffect, useRef, useState } from "../lib/html.js";
import { goTo, linkTo, route, setQuery } from "../lib/router.js";
import { may } from "../lib/session.js";
import { bulkOperations, PRIORITIES, STATUSES } from "../lib/tasks.js";
import { BulkBar } from "../parts/bulk.js";
import { CopyAsCurl } from "../parts/curl.js";
import { Choice, Field, TextField, valueOf } from "../parts/fields.js";
import { FilterBar, inUse } from "../parts/filters.js";
import { attempt } from "../parts/notices.js";
import { PAGE, Rows } from "../parts/rows.js";
import { Empty } from "../parts/states.js";
import { Mark } from "../parts/status.js";
import { Time } from "../parts/time.js";
import { Views } from "../parts/views.js";
import { t } from "../texts.js";

/** @typedef {import("../lib/types.d.ts").Task} Task */

const FILTERS = ["q", "status", "type", "priority", "enabled", "tags"];
/** The shortest pause between two searches. The first key is searched for at once. */
const WAIT_MS = 120;
const MOST_SELECTED = 1000;

export function TasksScreen() {
  const { query } = route.value;
  const [total, setTotal] = useState(/** @type {number | undefined} */ (undefined));
  const [selected, setSelected] = useState(/** @type {Map<string, Task>} */ (new Map()));
  const filters = Object.fromEntries(FILTERS.map((name) => [name, query[name] ?? ""]));
  const asked = { ...filters, sort: query.sort ?? "" };
  const isFiltered = Object.values(filters).some(Boolean);
  const operations = bulkOperations();

  /** @param {number} page @param {AbortSignal} signal */
  const load = async (page, signal) => {
    const found = await read("/tasks", { ...asked, page, page_size: PAGE }, signal);
    return { items: found.tasks, total: found.total };
  };
  /** @param {Task} task */
  const toggle = (task) =>
    setSelected((before) => {
      const after = new Map(before);
      if (!after.delete(task.id)) after.set(task.id, task);
      return after;
    });
  const selectable = Math.min(total ?? 0, MOST_SELECTED);
  const selectAll = () =>
    attempt(async () => {
      const giveUp = new AbortController();
      const pages = [];
      for (let page = 1; (page - 1) * PAGE < selectable; page++) pages.push((await load(page, giveUp.signal)).items);
      setSelected(new Map(pages.flat().map((/** @type {Task} */ each) => [each.id, each])));
    });
  const columns = columnsOf(operations.length > 0 ? { selected, toggle } : null);
  return html`
    <div class="head">
      <h1>${t.tasks.title}</h1>
      <span class="soft" role="status">${total === undefined ? "" : t.tasks.count(total)}</span>
      <div class="buttons push">
        <${CopyAsCurl} path="/tasks" options=${{ query: asked }} />
        ${may("create") && html`<a class="button main-action" href=${linkTo(["new"])}>${t.actions.newTask}</a>`}
      </div>
    </div>
    <${Filters} filters=${asked} isFiltered=${isFiltered} />
    ${selected.size > 0 && html`<${BulkBar} selected=${selected} clear=${() => setSelected(new Map())} operations=${operations}>
      ${selected.size < selectable && html`<button type="button" class="plain" onClick=${selectAll}>${t.tasks.selectAll(selectable, selectable === total)}</button>`}<//>`}
    <${Rows} listKey=${JSON.stringify(asked)} load=${load} concerns=${isTask} columns=${columns} label=${t.tasks.title}
      idOf=${(/** @type {Task} */ task) => task.id} open=${(/** @type {Task} */ task) => goTo(["tasks", task.id])}
      brief=${brief} first=${columns.find((each) => each.name === "select")} onTotal=${setTotal} empty=${html`<${NoTasks} isFiltered=${isFiltered} />`} />`;
}

/** @param {import("../lib/types.d.ts").Change} change */
const isTask = (change) => change.subject === "task";

/** @param {{ isFiltered: boolean }} props */
function NoTasks({ isFiltered }) {
  if (isFiltered) {
    return html`<${Empty} text=${t.tasks.none}><button type="button" onClick=${clear}>${t.actions.clear}</button><//>`;
  }
  return html`<${Empty} text=${t.tasks.empty} hint=${t.tasks.emptyHint} />`;
}

const clear = () => setQuery(Object.fromEntries(FILTERS.map((name) => [name, undefined])));

/** @param {{ filters: Record<string, string>, isFiltered: boolean }} props */
function Filters({ filters, isFiltered }) {
  const [typed, setTyped] = useState(filters.q ?? "");
  const searchedAt = useRef(-WAIT_MS);
  const sent = useRef(filters.q ?? "");
  useEffect(() => {
    if (filters.q !== sent.current) setTyped(filters.q ?? ""); // by a link, a view, or the browser's own steps back
    sent.current = filters.q ?? "";
  }, [filters.q]);
  useEffect(() => {
    if (typed === (filters.q ?? "")) return undefined;
    const ask = () => {
      searchedAt.current = performance.now();
      sent.current = typed.trim() && typed;
      setQuery({ q: sent.current });
    };
    const timer = setTimeout(ask, Math.max(searchedAt.current + WAIT_MS - performance.now(), 0));
    return () => clearTimeout(timer);
  }, [typed]);
  const searchField = html`<${Field} label=${t.fields.search}>
      ${(/** @type {object} */ attributes) => html`<input ...${attributes} type="search" value=${typed}
        placeholder=${t.tasks.searchHint} onInput=${(/** @type {Event} */ event) => setTyped(valueOf(event))} />`}
    <//>`;
  return html`<${FilterBar} inUse=${inUse(filters, "q")} first=${searchField}>
    <${Filter} name="status" label=${t.fields.status} value=${filters.status} options=${STATUSES} texts=${t.status} />
    <${Filter} name="priority" label=${t.fields.priority} value=${filters.priority} options=${PRIORITIES} />
    <${Choice} label=${t.fields.sort} value=${filters.sort || "updated"} options=${Object.entries(t.tasks.sorts)}
      onChange=${(/** @type {string} */ sort) => setQuery({ sort: sort === "updated" ? undefined : sort })} />
    <${TextField} label=${t.fields.type} value=${filters.type ?? ""} onInput=${(/** @type {string} */ type) => setQuery({ type })} />
    <${TextField} label=${t.fields.tags} value=${filters.tags ?? ""} onInput=${(/** @type {string} */ tags) => setQuery({ tags })} />
    ${isFiltered && html`<button type="button" onClick=${clear}>${t.actions.clear}</button>`}
    <${Views} list="tasks" query=${filters} />
  <//>`;
}

/** @param {{ name: string, label: string, value?: string, options: string[], texts?: Record<string, string> }} props */
function Filter({ name, label, value = "", options, texts = {} }) {
  return html`<${Choice} label=${label} value=${value}
    options=${[["", t.tasks.any], ...options.map((each) => [each, texts[each] ?? each])]}
    onChange=${(/** @type {string} */ chosen) => setQuery({ [name]: chosen })} />`;
}

/** @param {Task} task */
const brief = (task) => html`<a href=${linkTo(["tasks", task.id])}><bdi>${task.name}</bdi></a>
  <div><${Mark} status=${task.status} /> <span class="soft">${t.tasks.nextRun} <${Time} at=${task.next_run} none=${t.tasks.notPlanned} /></span></div>`;

/**
 * @param {{ selected: Map<string, Task>, toggle: (task: Task) => void } | null} selection
 * @returns {import("../parts/rows.js").Column<Task>[]}
 */
function columnsOf(selection) {
  const names = t.tasks.columns;
  /** @type {import("../parts/rows.js").Column<Task>[]} */
  const columns = [
    {
      name: "name",
      title: names.name,
      cell: (task) => html`<a href=${linkTo(["tasks", task.id])} title=${task.name}><bdi>${task.name}</bdi></a>`,
    },
    { name: "status", title: names.status, width: "8.5rem", cell: (task) => html`<${Mark} status=${task.status} />` },
    { name: "schedule", title: names.schedule, width: "13rem", wideOnly: true, cell: (task) => html`<code title=${task.schedule}>${task.schedule}</code>` },
    { name: "last", title: names.last, width: "11.5rem", wideOnly: true, cell: (task) => html`<${Time} at=${task.last_run} none=${t.tasks.never} />` },
    { name: "next", title: names.next, width: "11.5rem", wideOnly: true, cell: (task) => html`<${Time} at=${task.next_run} none=${t.tasks.notPlanned} />` },
    { name: "type", title: names.type, width: "7rem", wideOnly: true, cell: (task) => task.type },
  ];
  if (!selection) return columns;
  const { selected, toggle } = selection;
  return [
    {
      name: "select",
      title: html`<span class="hidden-text">${names.select}</span>`,
      width: "2.5rem",
      cell: (task) => html`<input type="checkbox" checked=${selected.has(task.id)} onChange=${() => toggle(task)}
        aria-label="${t.actions.select} ${task.name}" />`,
    },
    ...columns,
  ];
}
