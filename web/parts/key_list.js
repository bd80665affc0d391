// The list of keys, which `?` opens.

import { html } from "../lib/html.js";
import { t } from "../texts.js";
import { closeDialog, Title } from "./dialog.js";

const KEYS = /** @type {[string, string][]} */ ([
  ["/", t.keys.search],
  ["Ctrl-K", t.keys.palette],
  ["j", t.keys.down],
  ["k", t.keys.up],
  ["Enter", t.keys.open],
  ["?", t.keys.help],
  ["Esc", t.keys.escape],
]);

export function KeyList() {
  return html`<${Title}>${t.keys.title}<//>
    <dl class="facts">${KEYS.map(([key, text]) => html`<dt key=${key}><kbd>${key}</kbd></dt><dd>${text}</dd>`)}</dl>
    <div class="buttons"><button type="button" onClick=${closeDialog}>${t.dialog.close}</button></div>`;
}
