// The audit: who changed what, when and through which door, with the fields before and after.

import { read } from "../lib/api.js";
import { html } from "../lib/html.js";
import { useResource } from "../lib/resource.js";
import { linkTo, route, setQuery } from "../lib/router.js";
import { may } from "../lib/session.js";
import { CopyAsCurl } from "../parts/curl.js";
import { Choice, TextField } from "../parts/fields.js";
import { FieldChanges } from "../parts/field_changes.js";
import { FilterBar, inUse } from "../parts/filters.js";
import { Pager } from "../parts/pager.js";
import { Empty, Loaded } from "../parts/states.js";
import { Mark } from "../parts/status.js";
import { Time } from "../parts/time.js";
import { t } from "../texts.js";

/** @typedef {import("../lib/types.d.ts").AuditEntry} AuditEntry */

const PAGE_SIZE = 50;
const FILTERS = ["user", "action", "outcome", "task_id"];
const LOOKS = /** @type {Record<string, string>} */ ({ applied: "completed", refused: "disabled", failed: "failed", intended: "pending" });

export function AuditScreen() {
  if (!may("manage")) return html`<div class="head"><h1>${t.audit.title}</h1></div><${Empty} text=${t.audit.forbidden} />`;
  return html`<${Entries} />`;
}

function Entries() {
  const { query } = route.value;
  const filters = Object.fromEntries(FILTERS.map((name) => [name, query[name] ?? ""]));
  const asked = { ...filters, page: query.page ?? "", page_size: PAGE_SIZE };
  const entries = useResource(JSON.stringify(asked), (signal) => read("/audit", asked, signal), (change) => change.subject === "audit");
  return html`
    <div class="head">
      <h1>${t.audit.title}</h1>
      <div class="buttons push"><${CopyAsCurl} path="/audit" options=${{ query: asked }} /></div>
    </div>
    <${FilterBar} inUse=${inUse(filters)}>
      <${TextField} label=${t.audit.user} value=${filters.user ?? ""} onInput=${(/** @type {string} */ user) => setQuery({ user, page: undefined })} />
      <${Filter} name="action" label=${t.audit.action} value=${filters.action} options=${t.audit.actions} />
      <${Filter} name="outcome" label=${t.audit.outcome} value=${filters.outcome} options=${Object.keys(LOOKS)} />
    <//>
    <${Loaded} of=${entries}>${(/** @type {{ entries: AuditEntry[], total: number, page: number, total_pages: number }} */ found) =>
      found.total === 0
        ? html`<${Empty} text=${t.audit.none} />`
        : html`<ul class="entries">${found.entries.map((each) => html`<${Entry} key=${each.id} entry=${each} />`)}</ul><${Pager} numbers=${found} />`}<//>`;
}

/** @param {{ name: string, label: string, value?: string, options: readonly string[] }} props */
const Filter = ({ name, label, value = "", options }) =>
  html`<${Choice} label=${label} value=${value} options=${[["", t.tasks.any], ...options.map((each) => [each, each])]}
    onChange=${(/** @type {string} */ chosen) => setQuery({ [name]: chosen, page: undefined })} />`;

/** @param {{ entry: AuditEntry }} props */
function Entry({ entry }) {
  return html`<li class="card">
    <p class="entry"><${Time} at=${entry.at} /> <strong><bdi>${entry.user}</bdi></strong> <span class="tag">${entry.action}</span>
      ${entry.task_id && html`<a href=${linkTo(["tasks", entry.task_id])}><bdi>${entry.task_name ?? entry.task_id}</bdi></a>`}
      <${Mark} status=${LOOKS[entry.outcome] ?? "pending"} text=${entry.outcome} />
      <span class="soft">${entry.door}${entry.error ? ` · ${entry.error}` : ""}</span></p>
    <${FieldChanges} before=${entry.before} after=${entry.after} />
  </li>`;
}
