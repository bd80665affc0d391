// Steps between the pages of a short list.

import { html } from "../lib/html.js";
import { setQuery } from "../lib/router.js";
import { t } from "../texts.js";

/** @param {{ numbers: { page: number, total_pages: number, total: number } }} props */
export function Pager({ numbers: { page, total_pages: pages } }) {
  if (pages <= 1) return null;
  /** @param {number} wanted */
  const go = (wanted) => setQuery({ page: wanted > 1 ? String(wanted) : undefined });
  return html`<nav class="pager" aria-label=${t.pager.label}>
    <button type="button" disabled=${page <= 1} onClick=${() => go(page - 1)}>${t.pager.newer}</button>
    <span class="number">${t.pager.of(page, pages)}</span>
    <button type="button" disabled=${page >= pages} onClick=${() => go(page + 1)}>${t.pager.older}</button>
  </nav>`;
}
