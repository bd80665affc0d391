// Something that is read from the API and kept up to date while it is shown.

import { ApiError } from "./api.js";
import { useEffect, useRef, useState } from "./html.js";
import { onChanges } from "./live.js";

/** @typedef {import("./types.d.ts").Change} Change */

/** The shortest pause between two readings that changes ask for. */
const PAUSE_MS = 300;

/**
 * @template T
 * @typedef {{ data: T | undefined, error: ApiError | null, isLoading: boolean, reload: () => void }} Resource
 */

/**
 * Read something, again whenever `key` changes, and whenever a change concerns it. What was read last stays shown
 * while it is read anew, and while it can't be.
 * @template T
 * @param {string} key stands for what is read
 * @param {(signal: AbortSignal) => Promise<T>} load
 * @param {(change: Change) => boolean} [concerns] which changes have it read again; none by default
 * @returns {Resource<T>}
 */
export function useResource(key, load, concerns) {
  const [state, setState] = useState(
    /** @type {{ key: string, data: T | undefined, error: ApiError | null, isLoading: boolean }} */ ({
      key,
      data: undefined,
      error: null,
      isLoading: true,
    }),
  );
  const latest = useRef({ load, concerns });
  latest.current = { load, concerns };
  const reload = useRef(() => {});

  useEffect(() => {
    const giveUp = new AbortController();
    let isReading = false;
    let isWanted = false;
    let timer = 0;
    let readAt = 0;

    const run = async () => {
      if (isReading) {
        isWanted = true;
        return;
      }
      isReading = true;
      readAt = Date.now();
      try {
        const data = await latest.current.load(giveUp.signal);
        if (!giveUp.signal.aborted) setState({ key, data, error: null, isLoading: false });
      } catch (error) {
        if (giveUp.signal.aborted) return;
        if (!(error instanceof ApiError)) throw error;
        setState((before) => ({ key, data: before.key === key ? before.data : undefined, error, isLoading: false }));
      } finally {
        isReading = false;
        if (isWanted) soon();
        isWanted = false;
      }
    };
    const soon = () => {
      clearTimeout(timer);
      timer = setTimeout(run, Math.max(readAt + PAUSE_MS - Date.now(), 0));
    };

    setState((before) => (before.key === key ? before : { key, data: before.data, error: null, isLoading: true }));
    reload.current = run;
    void run();
    const ignore = onChanges((changes) => {
      const wanted = latest.current.concerns;
      if (wanted && (changes === null || changes.some(wanted))) soon();
    });
    return () => {
      ignore();
      clearTimeout(timer);
      giveUp.abort();
    };
  }, [key]);

  return { data: state.data, error: state.error, isLoading: state.isLoading, reload: () => reload.current() };
}
