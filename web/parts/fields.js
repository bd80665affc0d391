// Fields: a control with its label, hint and fault, joined for screen readers.

import { html, useId, useState } from "../lib/html.js";

/**
 * `children` is handed the attributes that the control has to carry.
 * @param {{ label: string, hint?: string, fault?: string, children: (attributes: Record<string, unknown>) => any }} props
 */
export function Field({ label, hint, fault, children }) {
  const id = useId();
  const told = [hint && `${id}-hint`, fault && `${id}-fault`].filter(Boolean).join(" ") || undefined;
  return html`<div class="field">
    <label for=${id}>${label}</label>
    ${children({ id, "aria-describedby": told, "aria-invalid": fault ? "true" : undefined })}
    ${hint && html`<span class="hint" id="${id}-hint">${hint}</span>`}
    ${fault && html`<span class="fault" id="${id}-fault">${fault}</span>`}
  </div>`;
}

/**
 * A choice of one.
 * @param {{ label: string, value: string, options: [string, string][], onChange: (value: string) => void, hint?: string, fault?: string, disabled?: boolean }} props
 */
export function Choice({ label, value, options, onChange, hint, fault, disabled }) {
  return html`<${Field} label=${label} hint=${hint} fault=${fault}>
    ${(/** @type {object} */ attributes) => html`<select ...${attributes} value=${value} disabled=${disabled}
      onChange=${(/** @type {Event} */ event) => onChange(valueOf(event))}>
      ${options.map(([name, text]) => html`<option key=${name} value=${name} selected=${name === value}>${text}</option>`)}
    </select>`}
  <//>`;
}

/**
 * A line of text.
 * @param {{ label: string, value: string, onInput: (value: string) => void, type?: string, hint?: string, fault?: string, placeholder?: string, required?: boolean, autocomplete?: string, list?: string, disabled?: boolean, maxlength?: number, inputmode?: string }} props
 */
export function TextField({ label, value, onInput, hint, fault, type = "text", ...rest }) {
  return html`<${Field} label=${label} hint=${hint} fault=${fault}>
    ${(/** @type {object} */ attributes) => html`<input ...${attributes} ...${rest} type=${type} value=${value}
      onInput=${(/** @type {Event} */ event) => onInput(valueOf(event))} />`}
  <//>`;
}

/**
 * Several texts with commas between. The text is kept as it is typed: a comma alone is no entry yet.
 * @param {{ label: string, value: string[], onChange: (entries: string[]) => void, hint?: string, fault?: string }} props
 */
export function ListField({ label, value, onChange, hint, fault }) {
  const [text, setText] = useState(value.join(", "));
  const take = (/** @type {string} */ typed) => {
    setText(typed);
    onChange(entriesOf(typed));
  };
  const shown = entriesOf(text).join() === value.join() ? text : value.join(", ");
  return html`<${TextField} label=${label} value=${shown} hint=${hint} fault=${fault} onInput=${take} />`;
}

/** @param {string} text */
const entriesOf = (text) => text.split(",").map((each) => each.trim()).filter(Boolean);

/** What stands in the control of an event. @param {Event} event */
export const valueOf = (event) => /** @type {HTMLInputElement} */ (event.target).value;
