// The form of a task: what every task has, and what its type takes.

import { html } from "../lib/html.js";
import { zones } from "../lib/preferences.js";
import { fixedOf, withPlace } from "../lib/schema.js";
import { may } from "../lib/session.js";
import { PRIORITIES } from "../lib/tasks.js";
import { t } from "../texts.js";
import { Choice, Field, ListField, TextField, valueOf } from "./fields.js";
import { LoadForecast } from "./load_forecast.js";
import { JsonField, SchemaForm } from "./schema_form.js";
import { ScheduleField } from "./schedule_field.js";
import { TaskSettings } from "./task_settings.js";

/** @typedef {import("../lib/draft.js").Draft} Draft */
/** @typedef {import("../lib/types.d.ts").Executor} Executor */
/** @typedef {{ draft: Draft, setDraft: (draft: Draft) => void, executors: Executor[], faults: Record<string, string>, taskId?: string }} Props */

const AFTER = ["keep", "disable", "delete"];
const OVERLAPS = ["skip", "queue", "cancel_running"];

/** @param {Props} props */
export function DraftForm(props) {
  return html`<div class="columns">
    <div class="stack"><${What} ...${props} /><${Work} ...${props} /></div>
    <div class="stack"><${When} ...${props} /><${How} ...${props} /><${TaskSettings} ...${props} />
      <${LoadForecast} draft=${props.draft} taskId=${props.taskId}
        use=${(/** @type {string} */ schedule) => props.setDraft({ ...props.draft, schedule })} /></div>
  </div>`;
}

/** @param {Props} props */
function What({ draft, setDraft, faults }) {
  return html`<section class="card"><div class="stack">
    <${TextField} label=${t.fields.name} value=${draft.name} fault=${faults.name} required
      onInput=${(/** @type {string} */ name) => setDraft({ ...draft, name })} />
    <${Field} label=${t.fields.description} fault=${faults.description}>
      ${(/** @type {object} */ attributes) => html`<textarea ...${attributes} class="prose" rows="2" value=${draft.description}
        onInput=${(/** @type {Event} */ event) => setDraft({ ...draft, description: valueOf(event) })}></textarea>`}
    <//>
    <${ListField} label=${t.fields.tags} hint=${t.edit.tagsHint} value=${draft.tags} fault=${faults.tags ?? faults["metadata.tags"]}
      onChange=${(/** @type {string[]} */ tags) => setDraft({ ...draft, tags })} />
  </div></section>`;
}

/** What it does: its type, and the type's own fields. @param {Props} props */
function Work({ draft, setDraft, executors, faults, taskId }) {
  const isNew = taskId === undefined;
  const types = [...new Set([...executors.map((each) => each.type), draft.type])];
  const functions = executors.filter((each) => each.kind === "function");
  const config = /** @type {Record<string, unknown>} */ (draft.config ?? {});
  const own = draft.type === "function" ? functions.find(isOf(config)) : executors.find((each) => each.type === draft.type);
  /** @param {string} type */
  const setType = (type) => {
    const first = executors.find((each) => each.type === type);
    setDraft({ ...draft, type, config: first ? fixedOf(first.config_schema) : {} });
  };
  /** @param {string} name */
  const setFunction = (name) => {
    const chosen = functions.find((each) => each.name === name);
    if (chosen) setDraft({ ...draft, config: fixedOf(chosen.config_schema) });
  };
  return html`<section class="card"><div class="stack">
    <${Choice} label=${t.fields.type} value=${draft.type} options=${types.map((each) => [each, each])} onChange=${setType}
      disabled=${!isNew} hint=${isNew ? undefined : t.edit.typeFixed} fault=${faults.type} />
    ${draft.type === "function" && html`<${Choice} label=${t.edit.function} value=${own?.name ?? ""} onChange=${setFunction}
      options=${functions.map((each) => [each.name, each.name])} fault=${faults["config.function_name"]} />`}
    ${own?.description && html`<p class="soft">${own.description}</p>`}
    ${own
      ? html`<${SchemaForm} key=${own.name} schema=${own.config_schema} root=${own.config_schema} value=${config} path="config" faults=${faults}
          onChange=${(/** @type {unknown} */ value) => setDraft({ ...draft, config: value })} />`
      : html`<${JsonField} schema=${{}} root=${{}} label=${t.task.config} value=${config} path="config" faults=${faults}
          onChange=${(/** @type {unknown} */ value) => setDraft({ ...draft, config: value })} />`}
  </div></section>`;
}

/** @param {Record<string, unknown>} config */
const isOf = (config) => (/** @type {Executor} */ each) => each.name === `${config.module}.${config.function_name}`;

/** @param {Props} props */
function When({ draft, setDraft, faults, taskId }) {
  const timezone = String(draft.metadata.timezone ?? "");
  return html`<section class="card"><div class="stack">
    <${ScheduleField} value=${draft.schedule} metadata=${draft.metadata} taskId=${taskId} fault=${faults.schedule}
      onChange=${(/** @type {string} */ schedule) => setDraft({ ...draft, schedule })} />
    <${TextField} label=${t.fields.timeZone} value=${timezone} list="zones" fault=${faults["metadata.timezone"]}
      onInput=${(/** @type {string} */ name) => setDraft({ ...draft, metadata: withPlace(draft.metadata, "timezone", name) })} />
    <datalist id="zones">${zones.map((each) => html`<option key=${each} value=${each}></option>`)}</datalist>
  </div></section>`;
}

/** How it runs. @param {Props} props */
function How({ draft, setDraft, faults, taskId }) {
  const { metadata } = draft;
  /** @param {string} name @param {unknown} value */
  const set = (name, value) => setDraft({ ...draft, metadata: withPlace(metadata, name, value) });
  /** @param {string} name @param {string} label @param {string} [hint] */
  const text = (name, label, hint) =>
    html`<${TextField} label=${label} hint=${hint} value=${String(metadata[name] ?? "")} fault=${faults[`metadata.${name}`]}
      onInput=${(/** @type {string} */ value) => set(name, value)} />`;
  return html`<section class="card"><div class="stack">
    <${Choice} label=${t.fields.priority} value=${draft.priority} options=${PRIORITIES.map((each) => [each, each])} fault=${faults.priority}
      onChange=${(/** @type {string} */ priority) => setDraft({ ...draft, priority })} />
    <${Choice} label=${t.fields.overlap} value=${String(metadata.overlap)} fault=${faults["metadata.overlap"]}
      options=${OVERLAPS.map((each) => [each, /** @type {Record<string, string>} */ (t.edit.overlaps)[each]])}
      onChange=${(/** @type {string} */ value) => set("overlap", value)} />
    <${Choice} label=${t.edit.after} value=${String(metadata.after ?? "keep")} fault=${faults["metadata.after"]}
      options=${AFTER.map((each) => [each, /** @type {Record<string, string>} */ (t.edit.afters)[each]])}
      onChange=${(/** @type {string} */ value) => set("after", value)} />
    ${text("timeout", t.fields.timeout, t.edit.durationHint)}
    <${TextField} label=${t.fields.maxRetries} value=${String(metadata.max_retries ?? "")} fault=${faults["metadata.max_retries"]} inputmode="numeric"
      onInput=${(/** @type {string} */ value) => set("max_retries", /^\d+$/.test(value) ? Number(value) : value)} />
    ${text("retry_interval", t.fields.retryInterval, t.edit.durationHint)}
    ${(taskId === undefined || may("control")) && html`<label class="check"><input type="checkbox" checked=${draft.enabled}
      onChange=${() => setDraft({ ...draft, enabled: !draft.enabled })} /> ${t.fields.enabled}</label>`}
  </div></section>`;
}
