// Settings seen by the service: names, values and where each comes from. Secrets come concealed.

import { read } from "../lib/api.js";
import { html } from "../lib/html.js";
import { useResource } from "../lib/resource.js";
import { route, setQuery } from "../lib/router.js";
import { may } from "../lib/session.js";
import { CopyAsCurl } from "../parts/curl.js";
import { Choice, TextField } from "../parts/fields.js";
import { FilterBar } from "../parts/filters.js";
import { Empty, Loaded } from "../parts/states.js";
import { t } from "../texts.js";

/** @typedef {{ name: string, value?: unknown, source: string, is_secret: boolean }} Setting */

export function SettingsScreen() {
  if (!may("manage")) return html`<div class="head"><h1>${t.settings.title}</h1></div><${Empty} text=${t.settings.forbidden} />`;
  return html`<${Listed} />`;
}

function Listed() {
  const { query } = route.value;
  const settings = useResource("settings", (signal) => read("/settings", {}, signal));
  return html`
    <div class="head">
      <h1>${t.settings.title}</h1>
      <div class="buttons push"><${CopyAsCurl} path="/settings" /></div>
    </div>
    <p class="soft">${t.settings.hint}</p>
    <${FilterBar} inUse=${query.source ? 1 : 0} first=${html`<${TextField} type="search" label=${t.fields.search} value=${query.q ?? ""}
      placeholder=${t.tasks.searchHint} onInput=${(/** @type {string} */ q) => setQuery({ q })} />`}>
      <${Choice} label=${t.settings.source} value=${query.source ?? ""} onChange=${(/** @type {string} */ source) => setQuery({ source })}
        options=${[["", t.tasks.any], ...Object.entries(t.settings.sources)]} />
    <//>
    <${Loaded} of=${settings}>${(/** @type {{ settings: Setting[] }} */ found) => {
      const wanted = (query.q ?? "").trim().toUpperCase();
      const shown = found.settings.filter((each) => each.name.includes(wanted) && (!query.source || each.source === query.source));
      return shown.length ? html`<${Table} settings=${shown} />` : html`<${Empty} text=${t.settings.none} />`;
    }}<//>`;
}

/** @param {{ settings: Setting[] }} props */
const Table = ({ settings }) =>
  html`<div class="rows wraps" tabindex="0" role="region" aria-label=${t.settings.title}><table>
    <thead><tr><th scope="col">${t.fields.name}</th><th scope="col">${t.settings.value}</th><th scope="col" class="source">${t.settings.source}</th></tr></thead>
    <tbody>${settings.map(
      (each) => html`<tr key=${each.name} class="row"><td><code>${breakable(each.name)}</code></td>
        <td>${shown(each)}</td><td>${/** @type {Record<string, string>} */ (t.settings.sources)[each.source] ?? each.source}</td></tr>`,
    )}</tbody>
  </table></div>`;

/** A name that a narrow column breaks between its words. @param {string} name */
const breakable = (name) => name.split("_").map((word, index) => (index ? html`_<wbr />${word}` : word));

/** @param {Setting} setting */
function shown({ value }) {
  if (value === undefined || value === "" || (Array.isArray(value) && !value.length)) return html`<span class="soft">–</span>`;
  return html`<code>${Array.isArray(value) ? value.join(", ") : String(value)}</code>`;
}
