// "Run now": a dialog with the parameters of this run, as the executor's schema describes them.

import { ApiError, ask, newKey, read, taskPath } from "../lib/api.js";
import { html, useMemo, useState } from "../lib/html.js";
import { useResource } from "../lib/resource.js";
import { linkTo } from "../lib/router.js";
import { PRIORITIES } from "../lib/tasks.js";
import { t } from "../texts.js";
import { CopyAsCurl } from "./curl.js";
import { closeDialog, openDialog, Title } from "./dialog.js";
import { Choice } from "./fields.js";
import { forgetFaults, notify } from "./notices.js";
import { JsonField, SchemaForm } from "./schema_form.js";
import { Loaded } from "./states.js";

/** @typedef {import("../lib/types.d.ts").Task} Task */
/** @typedef {import("../lib/types.d.ts").Schema} Schema */

/** What a run of an http task may change of its config. */
const HTTP_PARAMETERS = ["query", "headers", "body"];

/** @param {Task} task @param {Record<string, unknown>} [parameters] to begin with */
export const openRunNow = (task, parameters) =>
  openDialog(() => html`<${RunNow} task=${task} given=${parameters} />`);

/** @param {{ task: Task, given?: Record<string, unknown> }} props */
function RunNow({ task, given }) {
  const executors = useResource("executors", (signal) => read("/executors", {}, signal));
  return html`<${Title}>${t.task.runTitle(task.name)}<//>
    <${Loaded} of=${executors}>${(/** @type {{ executors: any[] }} */ found) =>
      html`<${RunForm} task=${task} given=${given} schema=${parameterSchemaOf(task, found.executors)} />`}<//>`;
}

/**
 * What describes the parameters of a task's runs. Null when nothing does.
 * @param {Task} task @param {import("../lib/types.d.ts").Executor[]} executors
 * @returns {{ schema: Schema, root: Schema } | null}
 */
export function parameterSchemaOf(task, executors) {
  const { module, function_name: name } = /** @type {Record<string, string>} */ (task.config);
  const own = executors.find((each) =>
    task.type === "function" ? each.name === `${module}.${name}` : each.type === task.type,
  );
  if (!own) return null;
  const places = own.config_schema.properties ?? {};
  const schema = task.type === "http" ? only(places, HTTP_PARAMETERS) : places.parameters;
  return schema ? { schema: withoutNeedOf(schema, task.config.parameters), root: own.config_schema } : null;
}

/** @param {Record<string, Schema>} places @param {string[]} names @returns {Schema} */
const only = (places, names) => ({ type: "object", properties: Object.fromEntries(Object.entries(places).filter(([name]) => names.includes(name))) });

/** What the config of the task gives already need not be given for a run. @param {Schema} schema @param {unknown} given */
function withoutNeedOf(schema, given) {
  const known = /** @type {Record<string, unknown>} */ (given ?? {});
  const places = Object.entries(schema.properties ?? {});
  const properties = Object.fromEntries(places.map(([name, each]) => [name, name in known ? { ...each, default: known[name] } : each]));
  return { ...schema, properties, required: schema.required?.filter((name) => !(name in known)) };
}

/** @param {{ task: Task, given?: Record<string, unknown>, schema: { schema: Schema, root: Schema } | null }} props */
function RunForm({ task, given, schema }) {
  const [parameters, setParameters] = useState(/** @type {unknown} */ (given ?? {}));
  const [priority, setPriority] = useState("");
  const [faults, setFaults] = useState(/** @type {Record<string, string>} */ ({}));
  const [isBusy, setBusy] = useState(false);
  const hasFields = schema !== null && Object.keys(schema.schema.properties ?? {}).length > 0;
  const path = `${taskPath(task.id)}/execute`;
  const body = { ...(isEmpty(parameters) ? {} : { parameters }), ...(priority ? { priority } : {}) };
  const key = useMemo(newKey, [JSON.stringify(body)]); // pressed twice, it is one execution
  /** @param {Event} event */
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    forgetFaults();
    try {
      const accepted = await ask(path, { method: "POST", body, headers: { "Idempotency-Key": key } });
      closeDialog();
      notifyStarted(accepted);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setFaults(Object.fromEntries(error.faults.map((each) => [each.location, each.message])));
      notify(error.message || t.states.away, { isFault: true });
    } finally {
      setBusy(false);
    }
  };
  return html`<form class="stack" onSubmit=${submit}>
    <p class="soft">${t.task.runHint}</p>
    ${hasFields
      ? html`<${SchemaForm} schema=${schema.schema} root=${schema.root} value=${parameters} path="parameters"
          faults=${faults} onChange=${setParameters} />`
      : html`<${JsonField} schema=${{}} root=${{}} label=${t.fields.parameters} value=${parameters} path="parameters"
          faults=${faults} onChange=${setParameters} />`}
    <${Choice} label=${t.fields.priority} value=${priority} onChange=${setPriority} fault=${faults.priority}
      options=${[["", `${t.form.unset} (${task.priority})`], ...PRIORITIES.map((each) => [each, each])]} />
    <div class="buttons">
      <${CopyAsCurl} path=${path} options=${{ method: "POST", body }} />
      <button type="button" onClick=${closeDialog}>${t.actions.cancel}</button>
      <button class="main-action" disabled=${isBusy}>${t.actions.runNow}</button>
    </div>
  </form>`;
}

/** Say that an execution was requested, and lead to it. @param {{ execution_id: string, warnings?: string[] }} accepted */
export function notifyStarted({ execution_id: id, warnings = [] }) {
  notify([t.task.started, ...warnings].join(". "), { link: { href: linkTo(["executions", id]), text: id.slice(0, 8) } });
}

/** @param {unknown} value */
const isEmpty = (value) => value === undefined || JSON.stringify(value) === "{}";
