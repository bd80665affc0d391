// The fields of a change, before and after: one row for each, also for those inside of a config.

import { html } from "../lib/html.js";
import { t } from "../texts.js";

/** @typedef {Record<string, unknown>} Fields */
/** @typedef {{ name: string, before: unknown, after: unknown }} Row */

/** @param {{ before: Fields, after: Fields }} props */
export function FieldChanges({ before, after }) {
  const rows = rowsOf(before ?? {}, after ?? {});
  if (!rows.length) return null;
  return html`<details><summary>${t.audit.fields(rows.length)}</summary>
    <div class="rows wraps" tabindex="0" role="region" aria-label=${t.audit.fields(rows.length)}><table>
      <thead><tr><th scope="col">${t.audit.field}</th><th scope="col">${t.audit.before}</th><th scope="col">${t.audit.after}</th></tr></thead>
      <tbody>${rows.map(
        (each) => html`<tr key=${each.name}><td>${each.name}</td>
          <td>${each.before === undefined ? "–" : html`<del>${textOf(each.before)}</del>`}</td>
          <td>${each.after === undefined ? "–" : html`<ins>${textOf(each.after)}</ins>`}</td></tr>`,
      )}</tbody>
    </table></div></details>`;
}

/** @param {Fields} before @param {Fields} after @param {string} [inside] @returns {Row[]} */
function rowsOf(before, after, inside = "") {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return names.flatMap((name) => {
    const [was, is] = [before[name], after[name]];
    if ((isObject(was) || isObject(is)) && (was === undefined || isObject(was)) && (is === undefined || isObject(is))) {
      const found = rowsOf(was ?? {}, is ?? {}, `${inside}${name}.`);
      if (found.length) return found;
    }
    return [{ name: inside + name, before: was, after: is }];
  });
}

/** @param {unknown} value @returns {value is Fields} */
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** @param {unknown} value */
const textOf = (value) => (typeof value === "string" ? value || "\"\"" : JSON.stringify(value));
