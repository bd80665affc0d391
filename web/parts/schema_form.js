// A form made from a JSON Schema. Its value is plain JSON; a place that is left empty is left out.

import { html, useEffect, useState } from "../lib/html.js";
import { kindOf, labelOf, placesOf, resolved, withPlace } from "../lib/schema.js";
import { t } from "../texts.js";
import { Choice, Field, ListField, TextField, valueOf } from "./fields.js";

/** @typedef {import("../lib/types.d.ts").Schema} Schema */
/**
 * @typedef {object} Place
 * @property {Schema} schema
 * @property {Schema} root where references lead
 * @property {string} label
 * @property {unknown} value
 * @property {boolean} [isRequired]
 * @property {string} path dotted, as the API names faults
 * @property {Record<string, string>} faults messages by path
 * @property {(value: unknown) => void} onChange undefined: nothing is given
 */

/** How many places of a large object are shown at once; the others are behind "More settings". */
const SHOWN = 7;

/** @param {Omit<Place, "label">} props */
export function SchemaForm({ schema, root, value, path, faults, onChange }) {
  const own = resolved(schema, root);
  const required = new Set(own.required ?? []);
  const places = placesOf(own);
  const first = places.length > SHOWN + 1 ? Math.max(SHOWN, required.size) : places.length;
  const given = /** @type {Record<string, unknown>} */ (value ?? {});
  /** @param {string} name */
  const pathOf = (name) => (path ? `${path}.${name}` : name);
  /** @param {[string, Schema]} place */
  const field = ([name, each]) => html`<${SchemaField} key=${name} schema=${each} root=${root} label=${labelOf(name)}
    value=${given[name]} isRequired=${required.has(name)} path=${pathOf(name)} faults=${faults}
    onChange=${(/** @type {unknown} */ set) => onChange(withPlace(value, name, set))} />`;
  const rest = places.slice(first);
  const isNeeded = rest.some(
    ([name]) => given[name] !== undefined || Object.keys(faults).some((each) => each.startsWith(pathOf(name))),
  );
  return html`<div class="stack">
    ${places.slice(0, first).map(field)}
    ${rest.length > 0 && html`<${More} isNeeded=${isNeeded}>${() => rest.map(field)}<//>`}
  </div>`;
}

/** What is seldom needed, made when it is opened. @param {{ isNeeded: boolean, title?: string, children: () => any }} props */
export function More({ isNeeded, title = t.form.moreSettings, children }) {
  const [isOpen, setOpen] = useState(isNeeded);
  useEffect(() => {
    if (isNeeded) setOpen(true);
  }, [isNeeded]);
  /** @param {Event} event */
  const toggle = (event) => setOpen(/** @type {HTMLDetailsElement} */ (event.currentTarget).open);
  return html`<details open=${isOpen} onToggle=${toggle}><summary>${title}</summary>
    ${isOpen && html`<div class="stack">${children()}</div>`}</details>`;
}

/** @param {Place} props */
export function SchemaField(props) {
  const schema = resolved(props.schema, props.root);
  const kind = kindOf(schema);
  if (kind === "object") return html`<${ObjectField} ...${props} schema=${schema} />`;
  if (kind === "names") return html`<${NamesField} ...${props} schema=${schema} />`;
  if (kind === "json") return html`<${JsonField} ...${props} schema=${schema} />`;
  if (kind === "yes or no" || kind === "choice") return html`<${ChoiceField} ...${props} schema=${schema} />`;
  return html`<${PlainField} ...${props} schema=${schema} kind=${kind} />`;
}

/** @param {Place} props */
function hintOf({ schema, isRequired }) {
  const hasDefault = schema.default !== undefined && schema.default !== null && !["yes or no", "choice"].includes(kindOf(schema));
  const parts = [schema.description, hasDefault && `${t.form.default}: ${textOf(schema.default)}`];
  return [isRequired ? t.form.required : "", ...parts].filter(Boolean).join(". ");
}

/** @param {unknown} value */
const textOf = (value) => (typeof value === "string" ? value : JSON.stringify(value));

/** @param {Place} props */
function ObjectField(props) {
  const isGiven = props.isRequired || props.value !== undefined;
  const schema = isGiven ? props.schema : { ...props.schema, required: [] };
  /** An object that was emptied is none. @param {unknown} value */
  const onChange = (value) => props.onChange(props.isRequired || Object.keys(value ?? {}).length ? value : undefined);
  return html`<fieldset class="field"><legend>${props.label}</legend>
    <${SchemaForm} ...${props} schema=${schema} onChange=${onChange} /></fieldset>`;
}

/** @param {Place} props */
function ChoiceField(props) {
  const { schema, label, value, path, faults, isRequired, onChange } = props;
  const values = schema.type === "boolean" ? [true, false] : (schema.enum ?? []);
  const texts = schema.type === "boolean" ? [t.form.yes, t.form.no] : values.map(textOf);
  const usual = texts[values.indexOf(schema.default)];
  const options = values.map((_, index) => [String(index), texts[index]]);
  const at = values.findIndex((each) => each === value);
  return html`<${Choice} label=${label} hint=${hintOf(props)} fault=${faults[path]} value=${at < 0 ? "" : String(at)}
    options=${isRequired && at >= 0 ? options : [["", usual ? `${usual} (${t.form.default})` : "–"], ...options]}
    onChange=${(/** @type {string} */ index) => onChange(index === "" ? undefined : values[Number(index)])} />`;
}

/** @param {Place & { kind: string }} props */
function PlainField(props) {
  const { kind, label, value, path, faults, isRequired, onChange, schema } = props;
  const isNumber = kind === "number" || kind === "integer";
  /** @param {string} text */
  const take = (text) => {
    if (text === "") onChange(undefined);
    else if (!isNumber) onChange(text);
    else onChange(Number.isFinite(Number(text)) ? Number(text) : text);
  };
  const shown = value === undefined ? "" : textOf(value);
  return html`<${TextField} label=${label} hint=${hintOf(props)} fault=${faults[path]} value=${shown} onInput=${take}
    required=${isRequired} inputmode=${isNumber ? "decimal" : undefined}
    placeholder=${schema.examples ? String(schema.examples[0]) : undefined} />`;
}

/** Names with commas between. @param {Place} props */
function NamesField(props) {
  const { label, value, path, faults, onChange } = props;
  const fault = Object.entries(faults).find(([place]) => place === path || place.startsWith(`${path}.`))?.[1];
  /** @param {string[]} names */
  const take = (names) => onChange(names.length ? names : undefined);
  return html`<${ListField} label=${label} hint=${hintOf(props)} fault=${fault} value=${value ?? []} onChange=${take} />`;
}

/** Any JSON, as text: kept as it is typed while it is none. @param {Place & { rows?: number }} props */
export function JsonField(props) {
  const { label, value, path, faults, onChange, rows = 4 } = props;
  const [text, setText] = useState(() => shownJson(value));
  const [isBroken, setBroken] = useState(false);
  useEffect(() => {
    if (!isBroken && !isSame(text, value)) setText(shownJson(value));
  }, [value]);
  /** @param {Event} event */
  const take = (event) => {
    const typed = valueOf(event);
    setText(typed);
    try {
      onChange(typed.trim() === "" ? undefined : JSON.parse(typed));
      setBroken(false);
    } catch {
      setBroken(true);
      onChange(typed); // the service says what is wrong with it
    }
  };
  return html`<${Field} label="${label} (JSON)" hint=${hintOf(props)} fault=${isBroken ? t.form.notJson : faults[path]}>
    ${(/** @type {object} */ attributes) => html`<textarea ...${attributes} rows=${rows} spellcheck=${false} value=${text} onInput=${take}></textarea>`}
  <//>`;
}

/** @param {unknown} value */
const shownJson = (value) => (value === undefined ? "" : JSON.stringify(value, null, 2));

/** @param {string} text @param {unknown} value */
function isSame(text, value) {
  try {
    return JSON.stringify(text.trim() === "" ? undefined : JSON.parse(text)) === JSON.stringify(value);
  } catch {
    return false;
  }
}
