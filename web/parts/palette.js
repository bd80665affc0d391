// Ctrl-K: go to a screen, find a task by its name, do something. By keyboard alone.

import { read } from "../lib/api.js";
import { html, useEffect, useState } from "../lib/html.js";
import { goTo } from "../lib/router.js";
import { may } from "../lib/session.js";
import { navigation } from "../screens/all.js";
import { t } from "../texts.js";
import { closeDialog, openDialog, Title } from "./dialog.js";
import { valueOf } from "./fields.js";

/** @typedef {{ id: string, text: string, kind: string, run: () => void }} Entry */

const WAIT_MS = 120;
const MOST_TASKS = 8;

export const openPalette = () => openDialog(() => html`<${Palette} />`);

function Palette() {
  const [wanted, setWanted] = useState("");
  const [tasks, setTasks] = useState(/** @type {Entry[]} */ ([]));
  const [at, setAt] = useState(0);
  useEffect(() => {
    setAt(0);
    if (!wanted.trim()) return setTasks([]);
    const giveUp = new AbortController();
    const timer = setTimeout(async () => {
      const found = await read("/tasks", { q: wanted.trim(), page_size: MOST_TASKS }, giveUp.signal).catch(() => null);
      if (found) setTasks(found.tasks.map(entryOf));
    }, WAIT_MS);
    return () => {
      clearTimeout(timer);
      giveUp.abort();
    };
  }, [wanted]);

  const entries = [...screens().filter((each) => each.text.toLowerCase().includes(wanted.trim().toLowerCase())), ...tasks];
  /** @param {Entry | undefined} entry */
  const choose = (entry) => {
    if (!entry) return;
    closeDialog();
    entry.run();
  };
  /** @param {KeyboardEvent} event */
  const onKeyDown = (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by) setAt((before) => (before + by + entries.length) % Math.max(entries.length, 1));
    if (event.key === "Enter") choose(entries[at]);
    if (by || event.key === "Enter") event.preventDefault();
  };
  return html`<${Title}>${t.palette.title}<//>
    <input type="text" autofocus role="combobox" aria-expanded="true" aria-controls="palette-entries"
      aria-label=${t.palette.title} aria-activedescendant=${entries[at] ? `entry-${at}` : undefined}
      placeholder=${t.palette.placeholder} value=${wanted} autocomplete="off"
      onInput=${(/** @type {Event} */ event) => setWanted(valueOf(event))} onKeyDown=${onKeyDown} />
    <div class="palette">
      <ul role="listbox" id="palette-entries" aria-label=${t.palette.title}>${entries.map(
        (each, index) => html`<li key=${each.id} id="entry-${index}" role="option" aria-selected=${index === at}
          onClick=${() => choose(each)}><span>${each.text}</span><span class="soft">${each.kind}</span></li>`,
      )}</ul>
      ${entries.length === 0 && html`<p class="soft">${t.palette.none}</p>`}
    </div>`;
}

/** @returns {Entry[]} */
function screens() {
  const known = navigation().map((name) => ({ id: name, text: t.nav[name], kind: "", run: () => goTo([name]) }));
  if (!may("create")) return known;
  return [...known, { id: "new", text: t.actions.newTask, kind: "", run: () => goTo(["new"]) }];
}

/** @param {import("../lib/types.d.ts").Task} task @returns {Entry} */
const entryOf = (task) => ({ id: task.id, text: task.name, kind: task.type, run: () => goTo(["tasks", task.id]) });
