// A long list as a table that holds only the rows in view. Pages are read as they come into view and let go again.

import { ApiError } from "../lib/api.js";
import { html, useEffect, useRef, useState } from "../lib/html.js";
import { handleKeys } from "../lib/keys.js";
import { isNarrow } from "../lib/preferences.js";
import { onChanges } from "../lib/live.js";
import { t } from "../texts.js";
import { Fault } from "./states.js";

export const PAGE = 100;
const MOST_PAGES = 8;
/** Pages behind this one are read behind the page before them where that is known: by its number a deep page is slow. */
const LAST_BY_NUMBER = 100;
const BEYOND = 8;
const ROW = 36;
const BRIEF_ROW = 62;
const PAUSE_MS = 400;

/**
 * @template T
 * @typedef {{ title: any, name: string, width?: string, wideOnly?: boolean, cell: (item: T) => any }} Column
 */
/**
 * @template T
 * @typedef {object} Props
 * @property {string} listKey stands for filters and order; another one begins anew at the top
 * @property {(page: number, signal: AbortSignal, after?: string) => Promise<{ items: T[], total: number, next?: string }>} load
 * @property {(change: import("../lib/types.d.ts").Change) => boolean} concerns
 * @property {Column<T>[]} columns
 * @property {(item: T) => string} idOf
 * @property {(item: T) => void} open
 * @property {string} label
 * @property {any} empty
 * @property {(total: number) => void} [onTotal]
 * @property {(item: T) => any} [brief] an item in two lines, where there is no room for columns
 * @property {Column<T>} [first] the column that stands before it
 */

/** @param {Props<any>} props */
export function Rows({ listKey, load, concerns, columns: all, idOf, open, label, empty, onTotal, brief, first }) {
  const isBrief = isNarrow.value && Boolean(brief);
  /** @type {Column<any>[]} */
  const columns = isBrief && brief ? [...(first ? [first] : []), { name: "all", title: label, cell: brief }] : all;
  const rowHeight = isBrief ? BRIEF_ROW : ROW;
  const box = useRef(/** @type {HTMLDivElement | null} */ (null));
  const [view, setView] = useState({ first: 0, count: 40 });
  const [at, showAt] = useState(-1);
  const present = useRef(-1); // keys may come faster than the page is drawn
  const setAt = (/** @type {number} */ index) => showAt((present.current = index));
  const { total, itemAt, error, reload } = usePages(listKey, load, concerns, view);
  useEffect(() => {
    if (total !== undefined) onTotal?.(total);
  }, [total]);
  useEffect(() => {
    setAt(-1);
    if (box.current) box.current.scrollTop = 0;
  }, [listKey]);

  const look = () => {
    const element = box.current;
    if (!element) return;
    const first = Math.max(Math.floor(element.scrollTop / rowHeight) - BEYOND, 0);
    const count = Math.ceil(element.clientHeight / rowHeight) + 2 * BEYOND;
    setView((before) => (before.first === first && before.count === count ? before : { first, count }));
  };
  useEffect(() => {
    look();
    const observer = new ResizeObserver(look);
    if (box.current) observer.observe(box.current);
    return () => observer.disconnect();
  }, [total === undefined, rowHeight]);

  useEffect(
    () =>
      handleKeys({
        move: (by) => {
          const next = Math.min(Math.max(present.current + by, 0), (total ?? 1) - 1);
          setAt(next);
          scrollTo(box.current, next, rowHeight);
        },
        open: () => {
          const item = itemAt(present.current);
          if (item) open(item);
        },
      }),
    [total, itemAt, rowHeight],
  );

  if (total === undefined && error) return html`<${Fault} error=${error} retry=${reload} />`;
  if (total === 0) return empty;
  const shown = total ?? 12;
  const last = Math.min(view.first + view.count, shown);
  const indexes = Array.from({ length: Math.max(last - view.first, 0) }, (_, offset) => view.first + offset);
  return html`<div class="rows scrolls ${isBrief ? "brief" : ""}" ref=${box} onScroll=${look} tabindex="0" role="region" aria-label=${label}>
    <table aria-rowcount=${shown + 1} aria-busy=${total === undefined}>
      <thead><tr aria-rowindex="1">${columns.map(
        (each) => html`<th key=${each.name} scope="col" class=${each.wideOnly ? "wide-only" : ""} style=${{ width: each.width }}>${each.title}</th>`,
      )}</tr></thead>
      <tbody>
        <${Spacer} rows=${Math.min(view.first, shown)} height=${rowHeight}/>
        ${indexes.map((index) => {
          const item = itemAt(index);
          return html`<tr key=${item ? idOf(item) : index} class="row ${index === at ? "at" : ""}" aria-rowindex=${index + 2}
            aria-selected=${index === at ? "true" : undefined}>
            ${columns.map(
              (each) => html`<td key=${each.name} class=${each.wideOnly ? "wide-only" : ""}>${
                item ? each.cell(item) : html`<span class="waiting"></span>`
              }</td>`,
            )}
          </tr>`;
        })}
        <${Spacer} rows=${Math.max(shown - last, 0)} height=${rowHeight}/>
      </tbody>
    </table>
  </div>
  ${error && html`<p class="soft" role="status">${error.message || t.states.away} ${t.states.stale}</p>`}`;
}

/**
 * One cell wide: a cell over all columns would bring those back that a phone does not show.
 * @param {{ rows: number, height: number }} props
 */
const Spacer = ({ rows, height }) =>
  html`<tr class="spacer" aria-hidden="true"><td style=${{ height: `${rows * height}px` }}></td></tr>`;

/** @param {HTMLElement | null} box @param {number} index @param {number} height */
function scrollTo(box, index, height) {
  if (!box) return;
  const top = index * height;
  if (top < box.scrollTop) box.scrollTop = top;
  else if (top + 2 * height > box.scrollTop + box.clientHeight) box.scrollTop = top + 2 * height - box.clientHeight;
}

/**
 * The pages of a list that are in view, kept up to date.
 * @param {string} listKey
 * @param {Props<any>["load"]} load
 * @param {Props<any>["concerns"]} concerns
 * @param {{ first: number, count: number }} view
 */
function usePages(listKey, load, concerns, view) {
  const [state, setState] = useState(
    /** @type {{ key: string, total: number | undefined, pages: Map<number, any[]>, error: ApiError | null }} */ ({
      key: listKey,
      total: undefined,
      pages: new Map(),
      error: null,
    }),
  );
  const wanted = useRef({ load, concerns, view, known: state.pages });
  wanted.current = { load, concerns, view, known: state.key === listKey ? state.pages : new Map() };
  const run = useRef(/** @type {(anew: boolean) => void} */ (() => {}));

  useEffect(() => {
    const giveUp = new AbortController();
    /** @type {Map<number, Promise<void>>} */
    const underWay = new Map();
    /** @type {Map<number, string>} what leads from a page to the following */
    const following = new Map();
    /** @type {Set<number>} pages that changed while they were read */
    const outdated = new Set();
    let timer = 0;
    let readAt = 0;

    /** @param {number} page */
    const readPage = async (page) => {
      try {
        if (page > LAST_BY_NUMBER) await underWay.get(page - 1);
        const after = page > LAST_BY_NUMBER ? following.get(page - 1) : undefined;
        const { items, total, next } = await wanted.current.load(page, giveUp.signal, after);
        if (giveUp.signal.aborted) return;
        if (next === undefined) following.delete(page);
        else following.set(page, next);
        setState((before) => {
          const pages = new Map(before.key === listKey ? before.pages : []);
          pages.delete(page);
          pages.set(page, items);
          for (const oldest of pages.keys()) if (pages.size > MOST_PAGES) pages.delete(oldest);
          return { key: listKey, total, pages, error: null };
        });
      } catch (error) {
        if (giveUp.signal.aborted) return;
        if (!(error instanceof ApiError)) throw error;
        setState((before) => ({ ...before, key: listKey, error, ...(before.key === listKey ? {} : { total: undefined }) }));
      } finally {
        underWay.delete(page);
        if (outdated.delete(page) && !giveUp.signal.aborted) begin(page);
      }
    };
    /** @param {number} page */
    const begin = (page) => underWay.set(page, readPage(page));
    run.current = (anew) => {
      if (anew) readAt = Date.now();
      for (const page of pagesOf(wanted.current.view)) {
        if (underWay.has(page)) anew && outdated.add(page);
        else if (anew || !wanted.current.known.has(page)) begin(page);
      }
    };
    run.current(true);
    const ignore = onChanges((changes) => {
      if (changes !== null && !changes.some(wanted.current.concerns)) return;
      clearTimeout(timer);
      timer = setTimeout(() => run.current(true), Math.max(readAt + PAUSE_MS - Date.now(), 0));
    });
    return () => {
      ignore();
      clearTimeout(timer);
      giveUp.abort();
    };
  }, [listKey]);
  useEffect(() => {
    if (state.total !== undefined) run.current(false);
  }, [view, state.total === undefined]);

  const pages = state.key === listKey ? state.pages : new Map();
  return {
    total: state.total,
    error: state.error,
    reload: () => run.current(true),
    /** @param {number} index */
    itemAt: (index) => (state.key === listKey ? pages : state.pages).get(Math.floor(index / PAGE) + 1)?.[index % PAGE],
  };
}

/** @param {{ first: number, count: number }} view */
function pagesOf({ first, count }) {
  const from = Math.floor(first / PAGE) + 1;
  const to = Math.floor((first + count - 1) / PAGE) + 1;
  return Array.from({ length: to - from + 1 }, (_, offset) => from + offset);
}
