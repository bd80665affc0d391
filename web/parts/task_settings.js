// Settings that most tasks leave out: days by calendars, limits of the schedule, what follows a pause, an outage or an edit, alerts.

import { read } from "../lib/api.js";
import { html } from "../lib/html.js";
import { useResource } from "../lib/resource.js";
import { withPlace } from "../lib/schema.js";
import { ALERTS, CATCH_UP, LIMITS } from "../lib/task_settings.js";
import { t } from "../texts.js";
import { Choice } from "./fields.js";
import { sentenceOf } from "./notices.js";
import { More, SchemaForm } from "./schema_form.js";

/** @typedef {import("../lib/draft.js").Draft} Draft */
/** @typedef {import("../lib/task_settings.js").CalendarRules} CalendarRules */
/** @typedef {Record<string, string>} Faults messages by place */

const MOVES = ["skip", "next_business_day", "previous_business_day"];
const MOST = 5;

/** @param {{ draft: Draft, setDraft: (draft: Draft) => void, faults: Faults }} props */
export function TaskSettings({ draft, setDraft, faults }) {
  const { metadata } = draft;
  /** @param {string} name @param {unknown} value an object without anything in it is none */
  const set = (name, value) => setDraft({ ...draft, metadata: withPlace(metadata, name, isEmpty(value) ? undefined : value) });
  /** @param {string[]} names */
  const isNeeded = (...names) =>
    names.some((name) => metadata[name] !== undefined || Object.keys(faults).some((place) => `${place}.`.startsWith(`metadata.${name}.`)));
  const catchUp = /** @type {Record<string, unknown>} */ (metadata.catch_up ?? {});
  /** @param {string} part @param {unknown} value */
  const setCatchUp = (part, value) => {
    const { [part]: _, ...others } = catchUp;
    set("catch_up", isEmpty(value) ? others : { ...others, [part]: value });
  };
  return html`<section class="card" aria-label=${t.settingsOf.title}>
    <${More} title=${t.settingsOf.calendars} isNeeded=${isNeeded("calendars")}>${() =>
      html`<${Calendars} value=${metadata.calendars ?? {}} faults=${faults} onChange=${(/** @type {unknown} */ value) => set("calendars", value)} />`}<//>
    <${More} title=${t.settingsOf.limits} isNeeded=${isNeeded(...Object.keys(LIMITS.properties ?? {}))}>${() =>
      html`<${SchemaForm} schema=${LIMITS} root=${LIMITS} value=${metadata} path="metadata" faults=${faults}
        onChange=${(/** @type {Draft["metadata"]} */ value) => setDraft({ ...draft, metadata: value })} />`}<//>
    ${Object.entries(t.settingsOf.catchUp).map(([part, title]) => html`<${More} key=${part} title=${title}
      isNeeded=${catchUp[part] !== undefined || Object.keys(faults).some((place) => place.startsWith(`metadata.catch_up.${part}`))}>${() =>
      html`<${SchemaForm} schema=${CATCH_UP} root=${CATCH_UP} value=${catchUp[part]} path=${`metadata.catch_up.${part}`} faults=${faults}
        onChange=${(/** @type {unknown} */ value) => setCatchUp(part, value)} />`}<//>`)}
    <${More} title=${t.settingsOf.alerts} isNeeded=${isNeeded("alerts")}>${() =>
      html`<${SchemaForm} schema=${ALERTS} root=${ALERTS} value=${metadata.alerts} path="metadata.alerts" faults=${faults}
        onChange=${(/** @type {unknown} */ value) => set("alerts", value)} />`}<//>
  </section>`;
}

/** @param {unknown} value */
const isEmpty = (value) => typeof value === "object" && value !== null && Object.keys(value).length === 0;

/**
 * Each calendar that the task names, and one choice to add another.
 * @param {{ value: CalendarRules, faults: Faults, onChange: (value: CalendarRules) => void }} props
 */
function Calendars({ value, faults, onChange }) {
  const calendars = useResource("calendars", (signal) => read("/calendars", {}, signal));
  const { include = [], exclude = [] } = value;
  const named = [...include, ...exclude].sort();
  const known = /** @type {{ name: string }[]} */ (calendars.data?.calendars ?? []);
  const others = known.map((each) => each.name).filter((name) => !named.includes(name));
  /** @param {string} name @param {string} where `include`, `exclude`, or none */
  const put = (name, where) => {
    const [kept, out] = [include, exclude].map((names) => names.filter((each) => each !== name));
    const rules = { include: kept ?? [], exclude: out ?? [], on_excluded: value.on_excluded ?? "skip" };
    if (where === "include") rules.include.push(name);
    if (where === "exclude") rules.exclude.push(name);
    onChange(rules.include.length + rules.exclude.length ? rules : {});
  };
  /** @param {string} name */
  const faultOf = (name) => faults[`metadata.calendars.include.${include.indexOf(name)}`] ?? faults[`metadata.calendars.exclude.${exclude.indexOf(name)}`];
  return html`<div class="stack">
    <p class="soft">${calendars.error ? sentenceOf(calendars.error) : calendars.data && !known.length ? t.settingsOf.noCalendars : t.settingsOf.calendarsHint}</p>
    ${named.map((name) => html`<${Choice} key=${name} label=${name} value=${include.includes(name) ? "include" : "exclude"} fault=${faultOf(name)}
      options=${Object.entries(t.settingsOf.onDays)} onChange=${(/** @type {string} */ where) => put(name, where)} />`)}
    ${others.length > 0 && named.length < MOST && html`<${Choice} key=${named.length} label=${t.settingsOf.addCalendar} value=""
      options=${[["", "–"], ...others.map((name) => [name, name])]} onChange=${(/** @type {string} */ name) => name && put(name, "exclude")} />`}
    ${named.length > 0 && html`<${Choice} label=${t.settingsOf.onExcluded} value=${value.on_excluded ?? "skip"} fault=${faults["metadata.calendars.on_excluded"]}
      options=${MOVES.map((each) => [each, /** @type {Record<string, string>} */ (t.settingsOf.moves)[each]])}
      onChange=${(/** @type {string} */ on_excluded) => onChange({ ...value, on_excluded })} />`}
    ${faults["metadata.calendars"] && html`<span class="fault">${faults["metadata.calendars"]}</span>`}
  </div>`;
}
