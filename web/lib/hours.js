// Runs by task and hour: what the calendar counts.

import { t } from "../texts.js";

/** @typedef {{ text: string, title: string, count: number }} Cell */
/** @typedef {{ id: string, name: string, cells: Cell[] }} Row */
/** @typedef {{ at: string, task_id: string, name: string }} Planned */

const HOUR_MS = 3_600_000;

/** The beginnings of the hours from one instant to another. @param {string} start @param {string} end */
export function hoursAround(start, end) {
  const hours = [];
  for (let at = Date.parse(start); at < Date.parse(end); at += HOUR_MS) hours.push(new Date(at).toISOString());
  return hours;
}

/**
 * @param {Planned[]} planned
 * @param {import("./types.d.ts").Execution[]} past
 * @param {string[]} hours
 * @param {string} countedUntil after which planned runs are not known
 * @returns {Row[]}
 */
export function byHour(planned, past, hours, countedUntil) {
  const first = Date.parse(hours[0] ?? "");
  /** @param {string} at */
  const hourOf = (at) => Math.floor((Date.parse(at) - first) / HOUR_MS);
  /** @type {Map<string, { id: string, name: string, ahead: number[], well: number[], badly: number[] }>} */
  const rows = new Map();
  /** @param {string} id @param {string} name */
  const rowOf = (id, name) => {
    const known = rows.get(id) ?? { id, name, ahead: zeros(hours), well: zeros(hours), badly: zeros(hours) };
    rows.set(id, known);
    return known;
  };
  for (const each of planned) add(rowOf(each.task_id, each.name).ahead, hourOf(each.at));
  const cut = hourOf(countedUntil);
  for (const each of past) {
    if (each.status === "pending") continue;
    const row = rowOf(each.task_id, each.task_name ?? each.task_id);
    add(each.status === "failed" ? row.badly : row.well, hourOf(each.started_at));
  }
  return [...rows.values()].map(({ id, name, ahead, well, badly }) => ({
    id,
    name,
    cells: hours.map((_, hour) => cellOf(ahead[hour] ?? 0, well[hour] ?? 0, badly[hour] ?? 0, hour >= cut)),
  }));
}

/** @param {string[]} hours */
const zeros = (hours) => hours.map(() => 0);

/** @param {number[]} counts @param {number} index */
function add(counts, index) {
  if (index >= 0 && index < counts.length) counts[index] = (counts[index] ?? 0) + 1;
}

/** @param {number} ahead @param {number} well @param {number} badly @param {boolean} isCut @returns {Cell} */
function cellOf(ahead, well, badly, isCut) {
  const parts = [well && `✓${well}`, badly && `✕${badly}`, isCut ? "…" : ahead && `${ahead}`].filter(Boolean);
  const titles = [
    well && t.calendar.well(well),
    badly && t.calendar.badly(badly),
    isCut ? t.calendar.more : ahead && t.calendar.planned(ahead),
  ].filter(Boolean);
  return { text: parts.join(" "), title: titles.join(", "), count: ahead + well + badly };
}

/** Runs of all rows by hour. @param {Row[]} rows @param {number} hours */
export function totalsOf(rows, hours) {
  return Array.from({ length: hours }, (_, hour) => rows.reduce((sum, row) => sum + (row.cells[hour]?.count ?? 0), 0));
}
