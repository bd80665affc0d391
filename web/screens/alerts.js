// Alerts: what is wrong, what was, and who was told.

import { read, send } from "../lib/api.js";
import { html, useState } from "../lib/html.js";
import { useResource } from "../lib/resource.js";
import { linkTo, route, setQuery } from "../lib/router.js";
import { may } from "../lib/session.js";
import { CopyAsCurl } from "../parts/curl.js";
import { ActionsAsCurl } from "../parts/curl_list.js";
import { Choice } from "../parts/fields.js";
import { attempt } from "../parts/notices.js";
import { Pager } from "../parts/pager.js";
import { Empty, Loaded } from "../parts/states.js";
import { Mark } from "../parts/status.js";
import { Time } from "../parts/time.js";
import { t } from "../texts.js";

/** @typedef {import("../lib/types.d.ts").Alert} Alert */

const PAGE_SIZE = 50;

export function AlertsScreen() {
  const { query } = route.value;
  const asked = { state: query.state ?? "", page: query.page ?? "", page_size: PAGE_SIZE };
  const alerts = useResource(JSON.stringify(asked), (signal) => read("/alerts", asked, signal), (change) => change.subject === "alert");
  return html`
    <div class="head">
      <h1>${t.alerts.title}</h1>
      <div class="buttons push">
        ${may("manage") && html`<${TestButton} />`}
        <${CopyAsCurl} path="/alerts" options=${{ query: asked }} />
        ${may("manage") && html`<${ActionsAsCurl} requests=${[{ name: t.alerts.test, path: "/alerts/test", body: {} }]} />`}
      </div>
    </div>
    <div class="filters">
      <${Choice} label=${t.fields.status} value=${asked.state} onChange=${(/** @type {string} */ state) => setQuery({ state, page: undefined })}
        options=${[["", t.tasks.any], ["open", t.status.open], ["recovered", t.status.recovered]]} />
    </div>
    <${Loaded} of=${alerts}>${(/** @type {{ alerts: Alert[], total: number, total_pages: number, page: number }} */ found) =>
      found.total === 0
        ? html`<${Empty} text=${asked.state ? t.alerts.none : t.alerts.empty} />`
        : html`<div class="stack">${found.alerts.map((each) => html`<${Card} key=${each.id} alert=${each} />`)}</div>
          <${Pager} numbers=${found} />`}<//>`;
}

/** @param {{ alert: Alert }} props */
function Card({ alert }) {
  return html`<article class="card">
    <h2><span><${Mark} status=${alert.state} /> <span class="tag">${alert.kind}</span></span>
      ${alert.task_id && html`<a href=${linkTo(["tasks", alert.task_id])}><bdi>${alert.task_name ?? alert.task_id}</bdi></a>`}
      ${alert.part && html`<span class="soft">${alert.part}</span>`}
    </h2>
    <p style=${{ overflowWrap: "anywhere" }}>${alert.text}</p>
    <p class="soft">${t.alerts.opened} <${Time} at=${alert.opened_at} form="near" />
      ${alert.recovered_at && html` · ${t.alerts.recovered} <${Time} at=${alert.recovered_at} form="near" />`}
      ${alert.recovery && html` · ${alert.recovery}`}</p>
    ${alert.deliveries.length > 0 && html`<details><summary>${t.alerts.deliveries(alert.deliveries.length)}</summary>
      <ul>${alert.deliveries.map(
        (each) => html`<li key="${each.event} ${each.channel}">${each.channel}: ${each.event}, ${each.state}, ${t.alerts.attempts(each.attempts)}
          ${each.error && html`<span class="soft"> ${each.error}</span>`}</li>`,
      )}</ul></details>`}
  </article>`;
}

function TestButton() {
  const [isBusy, setBusy] = useState(false);
  const test = async () => {
    setBusy(true);
    await attempt(
      () => send("/alerts/test", {}),
      (/** @type {{ channels: { channel: string, delivered: boolean, error?: string }[] }} */ { channels }) =>
        channels.map((each) => `${each.channel}: ${each.delivered ? t.alerts.delivered : (each.error ?? "")}`).join("; ") || t.alerts.noChannels,
    );
    setBusy(false);
  };
  return html`<button type="button" disabled=${isBusy} onClick=${test}>${t.alerts.test}</button>`;
}
