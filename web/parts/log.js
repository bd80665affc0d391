// The log of an execution, followed while it runs. It keeps the last lines only, so that it stays light.

import { ApiError, executionPath, read } from "../lib/api.js";
import { html, useEffect, useRef, useState } from "../lib/html.js";
import { clockOf } from "../lib/times.js";
import { t } from "../texts.js";
import { CopyAsCurl } from "./curl.js";
import { sentenceOf } from "./notices.js";
import { bothZones } from "./time.js";

/** @typedef {import("../lib/types.d.ts").LogPage["lines"][number] & { number: number }} Line */

const MOST_LINES = 2000;
const PAUSE_MS = 1000;
const LATE_LINES_MS = 2500;

/** @param {{ executionId: string }} props */
export function Log({ executionId }) {
  const { lines, isRead, hasEnded, fault } = useLog(executionId);
  const [follows, setFollows] = useState(true);
  const box = useRef(/** @type {HTMLDivElement | null} */ (null));
  useEffect(() => {
    if (follows && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [lines, follows]);
  return html`<section class="card">
    <h2>${t.execution.log}
      <span class="buttons">
        <label class="check"><input type="checkbox" checked=${follows} onChange=${() => setFollows(!follows)} /> ${t.execution.follow}</label>
        <${CopyAsCurl} label=${t.curl.log} path="${executionPath(executionId)}/logs" />
      </span>
    </h2>
    <div class="log" ref=${box} tabindex="0" role="log" aria-label=${t.execution.log} aria-busy=${!hasEnded}>
      ${lines.length
        ? html`<ol>${lines.map(
            (each) => html`<li key=${each.number}><time datetime=${each.at} title=${bothZones(each.at)}>${clockOf(each.at)}</time>
              <span class=${each.level}>${each.level}</span><span class="message"><bdi>${each.message}</bdi></span></li>`,
          )}</ol>`
        : html`<p class="soft">${!isRead ? t.states.loading : hasEnded ? t.execution.noLog : t.execution.waitingForLog}</p>`}
    </div>
    ${fault && html`<p class="soft" role="status">${fault}</p>`}
  </section>`;
}

/**
 * Read the lines, and those that come. Prefect stores the last ones a moment after the end.
 * @param {string} executionId
 */
function useLog(executionId) {
  const [state, setState] = useState({ lines: /** @type {Line[]} */ ([]), isRead: false, hasEnded: false, fault: "" });
  useEffect(() => {
    const giveUp = new AbortController();
    let next = 0;
    let endedAt = 0;
    let timer = 0;
    const step = async () => {
      let pause = PAUSE_MS;
      try {
        const page = await read(`${executionPath(executionId)}/logs`, { skip: next }, giveUp.signal);
        const added = page.lines.map((/** @type {object} */ each, /** @type {number} */ index) => ({ ...each, number: next + index }));
        next = page.next;
        if (page.has_ended) endedAt ||= Date.now();
        const isDone = page.has_ended && added.length === 0 && Date.now() - endedAt > LATE_LINES_MS;
        setState((before) => ({ lines: [...before.lines, ...added].slice(-MOST_LINES), isRead: true, hasEnded: isDone, fault: "" }));
        if (isDone) return;
        if (added.length) pause = 50;
      } catch (error) {
        if (giveUp.signal.aborted) return;
        setState((before) => ({ ...before, isRead: true, fault: sentenceOf(error) }));
        if (error instanceof ApiError && error.status === 404) return;
        pause = 5 * PAUSE_MS;
      }
      timer = setTimeout(step, pause);
    };
    void step();
    return () => {
      clearTimeout(timer);
      giveUp.abort();
    };
  }, [executionId]);
  return state;
}
