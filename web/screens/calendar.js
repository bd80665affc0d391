// The calendar: what ran and what is planned, task by task and hour by hour, and where the peaks are.

import { read } from "../lib/api.js";
import { byHour, hoursAround, totalsOf } from "../lib/hours.js";
import { html } from "../lib/html.js";
import { useResource } from "../lib/resource.js";
import { linkTo, route, setQuery } from "../lib/router.js";
import { clockOf, dayOf, weekdayOf } from "../lib/times.js";
import { CopyAsCurl } from "../parts/curl.js";
import { Choice, TextField } from "../parts/fields.js";
import { Empty, Loaded } from "../parts/states.js";
import { t } from "../texts.js";

/** @typedef {import("../lib/hours.js").Row} Row */
/** @typedef {import("../lib/types.d.ts").Change} Change */

const AHEAD = ["6", "12", "24", "48"];
const BACK_HOURS = 3;
const MOST_PAST = 1000;

/** @param {Change} change */
const concerns = (change) => change.subject !== "audit" && change.subject !== "alert";

export function CalendarScreen() {
  const { query } = route.value;
  const hours = AHEAD.includes(query.hours ?? "") ? Number(query.hours) : 12;
  const asked = { hours, q: query.q ?? "", page: query.page ?? "" };
  const since = new Date(Math.floor(Date.now() / 3_600_000 - BACK_HOURS) * 3_600_000).toISOString();
  const planned = useResource(JSON.stringify(asked), (signal) => read("/schedules/upcoming", asked, signal), concerns);
  const past = useResource(since, (signal) => read("/executions", { from: since, limit: MOST_PAST }, signal), concerns);
  return html`
    <div class="head">
      <h1>${t.nav.calendar}</h1>
      <div class="buttons push"><${CopyAsCurl} path="/schedules/upcoming" options=${{ query: asked }} /></div>
    </div>
    <div class="filters" role="search">
      <${TextField} type="search" label=${t.fields.search} value=${asked.q} placeholder=${t.tasks.searchHint}
        onInput=${(/** @type {string} */ q) => setQuery({ q, page: undefined })} />
      <${Choice} label=${t.calendar.ahead} value=${String(hours)} options=${AHEAD.map((each) => [each, t.calendar.hours(each)])}
        onChange=${(/** @type {string} */ chosen) => setQuery({ hours: chosen })} />
    </div>
    <${Loaded} of=${planned}>${(/** @type {any} */ found) => {
      const columns = hoursAround(since, found.end);
      const rows = byHour(found.tasks, asked.q ? [] : (past.data?.executions ?? []), columns);
      return html`<${Grid} columns=${columns} rows=${rows} now=${found.start} />
        ${(past.data?.total ?? 0) > MOST_PAST && html`<p class="soft">${t.calendar.cut(MOST_PAST)}</p>`}
        <${More} hasMore=${found.has_more} page=${Number(asked.page || 1)} />`;
    }}<//>`;
}

/** @param {{ columns: string[], rows: Row[], now: string }} props */
function Grid({ columns, rows, now }) {
  if (!rows.length) return html`<${Empty} text=${t.calendar.none} />`;
  const totals = totalsOf(rows, columns.length);
  const most = Math.max(...totals, 1);
  return html`<div class="rows calendar" tabindex="0" role="region" aria-label=${t.nav.calendar}><table>
    <thead>
      <tr><th scope="col" class="name">${t.fields.name}</th>${columns.map(
        (at, index) => html`<th key=${at} scope="col" class=${at <= now ? "past" : ""}>
          ${index === 0 || dayOf(at) !== dayOf(columns[index - 1] ?? at) ? html`<span class="soft">${weekdayOf(at)} </span>` : ""}${clockOf(at).slice(0, 5)}</th>`,
      )}</tr>
      <tr><th scope="row" class="name">${t.calendar.peaks}</th>${totals.map(
        (total, index) => html`<td key=${columns[index]} class="number peak ${total === most ? "most" : ""}">${total || ""}</td>`,
      )}</tr>
    </thead>
    <tbody>${rows.map(
      (row) => html`<tr key=${row.id} class="row">
        <th scope="row" class="name"><a href=${linkTo(["tasks", row.id])} title=${row.name}><bdi>${row.name}</bdi></a></th>
        ${row.cells.map((cell, index) => html`<td key=${columns[index]} class="number" title=${cell.title}>${cell.text}</td>`)}
      </tr>`,
    )}</tbody>
  </table></div>
  <p class="soft">${t.calendar.legend}</p>`;
}

/** @param {{ hasMore: boolean, page: number }} props */
function More({ hasMore, page }) {
  if (!hasMore && page === 1) return null;
  /** @param {number} wanted */
  const go = (wanted) => setQuery({ page: wanted > 1 ? String(wanted) : undefined });
  return html`<nav class="pager" aria-label=${t.pager.label}>
    <button type="button" disabled=${page <= 1} onClick=${() => go(page - 1)}>${t.calendar.sooner}</button>
    <button type="button" disabled=${!hasMore} onClick=${() => go(page + 1)}>${t.calendar.later}</button>
  </nav>`;
}
