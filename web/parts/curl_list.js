// Each action of a screen as curl, also of those that are done by one press.

import { html } from "../lib/html.js";
import { t } from "../texts.js";
import { CopyAsCurl } from "./curl.js";
import { closeDialog, openDialog, Title } from "./dialog.js";

/** @typedef {{ name: string, path: string, method?: string, body?: unknown }} Request */

/** @param {{ requests: Request[] }} props by the name of the action; a POST when nothing else is said */
export const ActionsAsCurl = ({ requests }) =>
  requests.length ? html`<button type="button" onClick=${() => openDialog(() => html`<${List} requests=${requests} />`)}>${t.curl.button}</button>` : null;

/** @param {{ requests: Request[] }} props */
function List({ requests }) {
  return html`<${Title}>${t.curl.button}<//>
    <p class="soft">${t.curl.hint}</p>
    <ul class="lines">${requests.map(
      ({ name, path, ...options }) => html`<li key=${name}><span class="grows">${name}</span>
        <${CopyAsCurl} what=${name} path=${path} options=${{ method: "POST", ...options }} /></li>`,
    )}</ul>
    <div class="buttons"><button type="button" onClick=${closeDialog}>${t.dialog.close}</button></div>`;
}
