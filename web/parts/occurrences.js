// What became of each instant that a task's schedule named: a strip of the last ones, and why some did not run. Each opens
// its explanation.

import { read, taskPath } from "../lib/api.js";
import { html } from "../lib/html.js";
import { useResource } from "../lib/resource.js";
import { t } from "../texts.js";
import { openExplain } from "./explain.js";
import { Loaded } from "./states.js";
import { Mark, Shape, toneOf } from "./status.js";
import { bothZones, Time } from "./time.js";

/** @typedef {import("../lib/types.d.ts").Occurrence} Occurrence */

const WANTED = 40;
const MOST = 100;
const LISTED = 10;
const DAY_MS = 86_400_000;
const LONGEST_MS = 365 * DAY_MS;
const SHORTEST_MS = 600_000;

/** @param {{ taskId: string, nextRuns: string[] }} props the next runs show how far back to look */
export function Occurrences({ taskId, nextRuns }) {
  const span = spanOf(nextRuns);
  const found = useResource(
    `${taskId} ${span}`,
    (signal) => read(`${taskPath(taskId)}/occurrences`, { from: new Date(Date.now() - span).toISOString(), limit: MOST }, signal),
    (change) => change.task_id === taskId && change.subject !== "audit",
  );
  return html`<section class="card"><h2>${t.occurrences.title}</h2>
    <${Loaded} of=${found}>${(/** @type {{ occurrences: Occurrence[] }} */ { occurrences }) => html`<${Strip} taskId=${taskId} occurrences=${occurrences.slice(-WANTED)} />`}<//></section>`;
}

/** @param {{ taskId: string, occurrences: Occurrence[] }} props */
function Strip({ taskId, occurrences }) {
  if (!occurrences.length) return html`<p class="soft">${t.occurrences.none}</p>`;
  const others = occurrences.filter((each) => each.fate !== "ran" && each.fate !== "waiting").slice(-LISTED).reverse();
  return html`<ol class="strip" aria-label=${t.occurrences.title}>${occurrences.map((each) => {
      const look = lookOf(each);
      const says = saysOf(each);
      return html`<li key=${each.at}><button type="button" class=${toneOf(look)} title=${says} aria-label=${says}
        onClick=${() => openExplain(taskId, { at: each.at })}><${Shape} status=${look} /></button></li>`;
    })}</ol>
    ${others.length > 0 && html`<ul class="lines">${others.map(
      (each) => html`<li key=${each.at}><button type="button" class="plain" aria-label=${saysOf(each)} onClick=${() => openExplain(taskId, { at: each.at })}>
          <${Mark} status=${lookOf(each)} text=${fateOf(each)} /></button>
        <span class="grows">${reasonOf(each)}${each.by && html` (<bdi>${each.by}</bdi>)`}</span>
        <span><${Time} at=${each.at} />${each.until && html` – <${Time} at=${each.until} />`}</span></li>`,
    )}</ul>`}`;
}

/** As long as some tens of instants take. @param {string[]} nextRuns */
function spanOf(nextRuns) {
  const [first, last] = [nextRuns[0], nextRuns.at(-1)];
  if (!first || !last || nextRuns.length < 2) return DAY_MS;
  const step = (Date.parse(last) - Date.parse(first)) / (nextRuns.length - 1);
  return Math.round(Math.min(Math.max(step * WANTED, SHORTEST_MS), LONGEST_MS));
}

/** @param {Occurrence} occurrence */
const lookOf = ({ fate, outcome }) => (fate === "ran" ? (outcome ?? "running") : fate);
/** @param {Occurrence} occurrence */
const fateOf = ({ fate }) => /** @type {Record<string, string>} */ (t.occurrences.fates)[fate] ?? fate;
/** @param {Occurrence} occurrence */
const reasonOf = ({ reason = "", text }) => /** @type {Record<string, string>} */ (t.occurrences.reasons)[reason] ?? text ?? reason;

/** @param {Occurrence} occurrence */
const saysOf = (occurrence) => `${textOf(occurrence)}, ${bothZones(occurrence.at)}`;

/** @param {Occurrence} occurrence */
function textOf(occurrence) {
  const { fate, outcome, count } = occurrence;
  const says = fate === "ran" ? /** @type {Record<string, string>} */ (t.status)[outcome ?? "running"] : `${fateOf(occurrence)}: ${reasonOf(occurrence)}`;
  return count ? `${says} (${t.occurrences.times(count)})` : says;
}
