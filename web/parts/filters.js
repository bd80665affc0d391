// The filters of a list. On a phone those that are not needed at once are behind one button, which names how many are in use.

import { html, useId, useState } from "../lib/html.js";
import { t } from "../texts.js";

/** @param {{ inUse: number, first?: any, children: any }} props `first` stays in sight */
export function FilterBar({ inUse, first, children }) {
  const [isOpen, setOpen] = useState(false);
  const id = useId();
  return html`<div class="filters" role="search">
    ${first}
    <button type="button" class="narrow-only" aria-expanded=${String(isOpen)} aria-controls=${id} onClick=${() => setOpen(!isOpen)}>
      ${t.filters.button(inUse)}</button>
    <div id=${id} class=${isOpen ? "folded is-open" : "folded"}>${children}</div>
  </div>`;
}

/** How many filters are in use. @param {Record<string, unknown>} filters @param {...string} apart those in sight anyway */
export const inUse = (filters, ...apart) => Object.entries(filters).filter(([name, value]) => value && !apart.includes(name)).length;
