// Workers and the parts of the service: who runs executions, and whether everything answers.

import { read } from "../lib/api.js";
import { html, useEffect } from "../lib/html.js";
import { useResource } from "../lib/resource.js";
import { CopyAsCurl } from "../parts/curl.js";
import { Empty, Loaded } from "../parts/states.js";
import { Mark } from "../parts/status.js";
import { FactList } from "../parts/task_facts.js";
import { Length } from "../parts/time.js";
import { t } from "../texts.js";

/** @typedef {{ name: string, slots: number }} Worker */
/** @typedef {{ workers: Worker[], slots: number, is_paused: boolean, problem?: string }} Workforce */

const EVERY_MS = 5000;

/** Read something anew every few seconds, while the page is seen. @param {() => void} reload */
export function useTicks(reload) {
  useEffect(() => {
    const timer = setInterval(() => document.hidden || reload(), EVERY_MS);
    return () => clearInterval(timer);
  }, []);
}

export function WorkersScreen() {
  const workforce = useResource("workers", (signal) => read("/workers", {}, signal));
  const status = useResource("status", (signal) => read("/status", {}, signal));
  useTicks(() => {
    workforce.reload();
    status.reload();
  });
  return html`
    <div class="head">
      <h1>${t.workers.title}</h1>
      <div class="buttons push"><${CopyAsCurl} path="/workers" /></div>
    </div>
    <div class="columns">
      <${Loaded} of=${workforce}>${(/** @type {Workforce} */ found) => html`<${Table} workforce=${found} />`}<//>
      <div class="stack">
        <${Loaded} of=${status}>${(/** @type {any} */ found) => html`<${Parts} status=${found} /><${Queue} metrics=${found.metrics} />`}<//>
      </div>
    </div>`;
}

/** @param {{ workforce: Workforce }} props */
function Table({ workforce }) {
  const { workers, problem } = workforce;
  return html`<section class="card">
    <h2>${t.workers.online} <span class="number soft">${t.workers.slots(workforce.slots)}</span></h2>
    ${problem && html`<p class="mark bad" role="alert" style=${{ whiteSpace: "normal" }}><${Mark} status="unhealthy" text=${problem} /></p>`}
    ${workers.length === 0
      ? html`<${Empty} text=${t.workers.none} hint=${t.workers.noneHint} />`
      : html`<div class="rows" tabindex="0" role="region" aria-label=${t.workers.online}><table>
          <thead><tr><th scope="col">${t.fields.name}</th><th scope="col">${t.workers.slotsTitle}</th></tr></thead>
          <tbody>${workers.map(
            (each) => html`<tr key=${each.name} class="row"><td title=${each.name}>${each.name}</td><td class="number">${each.slots}</td></tr>`,
          )}</tbody>
        </table></div>`}
  </section>`;
}

/** Health of each part. @param {{ status: any }} props */
export function Parts({ status }) {
  const { dependencies: parts } = status;
  /** @param {string} state @param {string} latency */
  const shown = (state, latency) => html`<${Mark} status=${state === "running" ? "healthy" : state} text=${state} /> <span class="soft"><${Length} of=${latency} /></span>`;
  return html`<section class="card">
    <h2>${t.workers.parts} <${Mark} status=${status.status} text=${status.status} /></h2>
    <p class="soft">${status.message}</p>
    <${FactList} rows=${[
      ["MongoDB", shown(parts.database, parts.database_latency)],
      ["Redis", shown(parts.redis, parts.redis_latency)],
      ["Prefect", shown(parts.engine, parts.engine_latency)],
    ]} />
  </section>`;
}

/** @param {{ metrics: any }} props */
function Queue({ metrics }) {
  if (!metrics) return null;
  return html`<section class="card">
    <h2>${t.workers.queue}</h2>
    <${FactList} rows=${[
      [t.workers.atWork, html`<span class="number">${metrics.active_workers} / ${metrics.worker_count}</span>`],
      [t.workers.waiting, html`<span class="number">${metrics.queue_size}</span>`],
    ]} />
  </section>`;
}
