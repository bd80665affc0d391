// The calendar: what ran and what is planned, task by task and hour by hour, and where the peaks are.

import { read } from "../lib/api.js";
import { byHour, hoursAround, totalsOf } from "../lib/hours.js";
import { html, useEffect, useRef } from "../lib/html.js";
import { useResource } from "../lib/resource.js";
import { linkTo, route, setQuery } from "../lib/router.js";
import { clockOf, dayOf, fullOf, weekdayOf } from "../lib/times.js";
import { CopyAsCurl } from "../parts/curl.js";
import { Choice, TextField } from "../parts/fields.js";
import { FilterBar } from "../parts/filters.js";
import { Empty, Loaded } from "../parts/states.js";
import { t } from "../texts.js";

/** @typedef {import("../lib/hours.js").Row} Row */
/** @typedef {import("../lib/hours.js").Planned} Planned */
/** @typedef {import("../lib/types.d.ts").Change} Change */

const AHEAD = ["1", "3", "6", "12", "24"];
const USUAL_AHEAD = 6;
const BACK_HOURS = 3;
const HOUR_MS = 3_600_000;
const MOST = 1000;

/** @param {Change} change */
const concerns = (change) => change.subject === "task" || change.subject === "execution";

export function CalendarScreen() {
  const { query } = route.value;
  const hours = AHEAD.includes(query.hours ?? "") ? Number(query.hours) : USUAL_AHEAD;
  const present = Math.floor(Date.now() / HOUR_MS) * HOUR_MS;
  const since = new Date(present - BACK_HOURS * HOUR_MS).toISOString();
  const until = new Date(present + (hours + 1) * HOUR_MS).toISOString();
  const asked = { to: until, limit: MOST };
  const planned = useResource(until, (signal) => read("/schedules/upcoming", asked, signal), concerns);
  const past = useResource(since, (signal) => read("/executions", { from: since, limit: MOST }, signal), concerns);
  return html`
    <div class="head">
      <h1>${t.nav.calendar}</h1>
      <div class="buttons push"><${CopyAsCurl} path="/schedules/upcoming" options=${{ query: asked }} /></div>
    </div>
    <${FilterBar} inUse=${query.hours ? 1 : 0} first=${html`<${TextField} type="search" label=${t.fields.search} value=${query.q ?? ""}
      placeholder=${t.tasks.searchHint} onInput=${(/** @type {string} */ q) => setQuery({ q })} />`}>
      <${Choice} label=${t.calendar.ahead} value=${String(hours)} options=${AHEAD.map((each) => [each, t.calendar.hours(each)])}
        onChange=${(/** @type {string} */ chosen) => setQuery({ hours: chosen })} />
    <//>
    <${Loaded} of=${planned}>${(/** @type {{ runs: Planned[], next?: string }} */ found) => {
      const columns = hoursAround(since, until);
      const counted = found.next ? (found.runs.at(-1)?.at ?? until) : until;
      const rows = byHour(found.runs, past.data?.executions ?? [], columns, counted);
      const wanted = (query.q ?? "").toLowerCase();
      return html`<${Grid} columns=${columns} rows=${rows.filter((each) => each.name.toLowerCase().includes(wanted))} now=${new Date().toISOString()} />
        ${found.next && html`<p class="soft">${t.calendar.countedUntil(fullOf(counted), MOST)}</p>`}
        ${(past.data?.total ?? 0) > MOST && html`<p class="soft">${t.calendar.cut(MOST)}</p>`}`;
    }}<//>`;
}

/** @param {{ columns: string[], rows: Row[], now: string }} props */
function Grid({ columns, rows, now }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const [first] = columns;
  useEffect(() => { // the hour that is at hand, where there is no room for all
    const [name, next] = ["th.name", "thead th:not(.past):not(.name)"].map((each) => /** @type {HTMLElement | null | undefined} */ (box.current?.querySelector(each)));
    if (box.current && name && next) box.current.scrollLeft = next.offsetLeft - next.offsetWidth - name.offsetWidth;
  }, [first, rows.length > 0]);
  if (!rows.length) return html`<${Empty} text=${t.calendar.none} />`;
  const totals = totalsOf(rows, columns.length);
  const most = Math.max(...totals, 1);
  return html`<div class="rows calendar" ref=${box} tabindex="0" role="region" aria-label=${t.nav.calendar}><table>
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
