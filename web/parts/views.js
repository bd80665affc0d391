// Saved views of a list: choose one, save what is shown, copy its link, remove it.

import { html, useState } from "../lib/html.js";
import { setQuery } from "../lib/router.js";
import { LONGEST_NAME, removeView, saveView, viewOf, viewsOf } from "../lib/views.js";
import { t } from "../texts.js";
import { copyText } from "./curl.js";
import { closeDialog, confirm, openDialog, Title } from "./dialog.js";
import { Choice, TextField } from "./fields.js";
import { notify } from "./notices.js";

/** @typedef {import("../lib/views.js").List} List */
/** @typedef {import("../lib/views.js").Query} Query */

/** @param {{ list: List, query: Query }} props `query`: every filter of the list, empty when it is not used */
export function Views({ list, query }) {
  const known = viewsOf(list);
  const present = viewOf(list, query);
  const isFiltered = Object.values(query).some(Boolean);
  /** @param {string} name */
  const choose = (name) => {
    const none = Object.fromEntries(Object.keys(query).map((each) => [each, undefined]));
    setQuery({ ...none, ...known.find((each) => each.name === name)?.query });
  };
  const copy = async () => {
    const isCopied = await copyText(location.href);
    notify(isCopied ? t.views.linkCopied : t.actions.cantCopy, { isFault: !isCopied });
  };
  const remove = () =>
    present &&
    confirm({ title: t.views.askRemove(present.name), hint: t.views.removeHint, verb: t.views.remove, action: () => removeView(list, present.name) });
  return html`
    ${known.length > 0 && html`<${Choice} label=${t.views.title} value=${present?.name ?? ""} onChange=${choose}
      options=${[["", "–"], ...known.map((each) => [each.name, each.name])]} />`}
    ${isFiltered && !present && html`<button type="button" onClick=${() => openDialog(() => html`<${Save} list=${list} query=${query} />`)}>${t.views.save}</button>`}
    ${present && isFiltered && html`<button type="button" onClick=${remove}>${t.views.remove}</button>`}
    ${isFiltered && html`<button type="button" onClick=${copy}>${t.views.copyLink}</button>`}`;
}

/** @param {{ list: List, query: Query }} props */
function Save({ list, query }) {
  const [name, setName] = useState("");
  const isReplaced = viewsOf(list).some((each) => each.name === name.trim());
  /** @param {Event} event */
  const save = (event) => {
    event.preventDefault();
    if (!name.trim()) return;
    saveView(list, name.trim(), query);
    closeDialog();
  };
  return html`<${Title}>${t.views.save}<//>
    <form class="stack" onSubmit=${save}>
      <${TextField} label=${t.fields.name} value=${name} onInput=${setName} required maxlength=${LONGEST_NAME} autocomplete="off"
        hint=${isReplaced ? t.views.replaces : t.views.saveHint} />
      <div class="buttons">
        <button type="button" onClick=${closeDialog}>${t.actions.cancel}</button>
        <button class="main-action">${t.actions.save}</button>
      </div>
    </form>`;
}
