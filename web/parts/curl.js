// "Copy as curl": whatever the page does, a client can do.

import { asCurl } from "../lib/api.js";
import { html } from "../lib/html.js";
import { t } from "../texts.js";
import { notify } from "./notices.js";

/**
 * @param {{ path: string, options?: import("../lib/api.js").Options, what?: string, label?: string }} props `what` it does, where several are side by side
 */
export function CopyAsCurl({ path, options = {}, what, label = t.actions.copyAsCurl }) {
  const copy = async () => {
    const isCopied = await copyText(asCurl(path, options));
    notify(isCopied ? t.actions.copied : t.actions.cantCopy, { isFault: !isCopied });
  };
  return html`<button type="button" onClick=${copy}>${label}${what && html`<span class="hidden-text"> (${what})</span>`}</button>`;
}

/** Put a text on the clipboard. Over plain HTTP browsers offer the old way alone. @param {string} text */
export async function copyText(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text).then(() => true, () => false);
  const area = document.createElement("textarea");
  const before = document.activeElement;
  area.value = text;
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  const isCopied = document.execCommand("copy");
  area.remove();
  if (before instanceof HTMLElement) before.focus();
  return isCopied;
}
