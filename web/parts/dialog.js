// Dialogs: the browser's own, with focus kept inside and Escape to close. One at a time.

import { html, signal, useEffect, useRef } from "../lib/html.js";
import { t } from "../texts.js";

const content = signal(/** @type {(() => any) | null} */ (null));

/** Show a dialog. @param {() => any} show what stands in it */
export function openDialog(show) {
  content.value = show;
}

export function closeDialog() {
  content.value = null;
}

/** Whether a dialog is open, for who listens to keys. */
export const isDialogOpen = () => content.value !== null;

/** Where the open dialog is shown. */
export function DialogHost() {
  return content.value && html`<${Modal}>${content.value()}<//>`;
}

/** @param {{ children?: any }} props */
function Modal({ children }) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => before instanceof HTMLElement && before.focus();
  }, []);
  /** @param {MouseEvent} event */
  const besides = (event) => event.target === dialog.current && closeDialog();
  return html`<dialog ref=${dialog} onClose=${closeDialog} onMouseDown=${besides} aria-labelledby="dialog-title">
    <div class="inside">${children}</div>
  </dialog>`;
}

/** @param {{ children?: any }} props */
export const Title = ({ children }) => html`<h2 id="dialog-title">${children}</h2>`;

/**
 * Ask once before something that can't be undone, naming what it is about.
 * @param {{ title: string, hint: string, verb: string, isDestructive?: boolean, action: () => unknown }} question
 */
export function confirm({ title, hint, verb, isDestructive = true, action }) {
  const act = () => {
    closeDialog();
    void action();
  };
  openDialog(
    () => html`<${Title}>${title}<//>
      <p>${hint}</p>
      <div class="buttons">
        <button type="button" onClick=${closeDialog} autofocus>${t.actions.cancel}</button>
        <button type="button" class=${isDestructive ? "destructive" : "main-action"} onClick=${act}>${verb}</button>
      </div>`,
  );
}
