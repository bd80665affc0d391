// "Copy as curl": whatever the page does, a client can do.

import { asCurl } from "../lib/api.js";
import { html } from "../lib/html.js";
import { t } from "../texts.js";
import { notify } from "./notices.js";

/**
 * @param {{ path: string, options?: import("../lib/api.js").Options }} props
 */
export function CopyAsCurl({ path, options = {} }) {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(asCurl(path, options));
      notify(t.actions.copied);
    } catch {
      notify(t.actions.cantCopy, { isFault: true });
    }
  };
  return html`<button type="button" onClick=${copy}>${t.actions.copyAsCurl}</button>`;
}
