// Dialogs: the browser's own, with focus kept inside and Escape to close. One at a time.

import { html, signal, useLayoutEffect, useRef } from "../lib/html.js";
import { t } from "../texts.js";
import { CopyAsCurl } from "./curl.js";

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
  // Before the browser handles another key: what is typed right after Ctrl-K belongs to the dialog's own field.
  useLayoutEffect(() => {
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
 * @param {object} question
 * @param {string} question.title
 * @param {string} question.hint what it does
 * @param {string} question.verb on the button that does it
 * @param {() => unknown} question.action
 * @param {boolean} [question.isDestructive]
 * @param {string} [question.dismiss] on the button that leaves all as it is
 * @param {any} [question.details] shown below the hint
 * @param {{ path: string, method?: string, body?: unknown }} [question.request] what is sent, to be copied as curl
 */
export function confirm({ title, hint, verb, action, isDestructive = true, dismiss = t.actions.cancel, details, request }) {
  const act = () => {
    closeDialog();
    void action();
  };
  openDialog(
    () => html`<${Title}>${title}<//>
      <p>${hint}</p>
      ${details}
      <div class="buttons">
        ${request && html`<${CopyAsCurl} path=${request.path} options=${{ method: "POST", ...request }} />`}
        <button type="button" onClick=${closeDialog} autofocus>${dismiss}</button>
        <button type="button" class=${isDestructive ? "destructive" : "main-action"} onClick=${act}>${verb}</button>
      </div>`,
  );
}
