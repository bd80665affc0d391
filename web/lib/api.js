// The client of the REST API: the only module that sends requests.

/** @typedef {import("./types.d.ts").Fault} Fault */
/** @typedef {Record<string, string | number | boolean | string[] | null | undefined>} Query */
/** @typedef {{ method?: string, query?: Query, body?: unknown, signal?: AbortSignal, headers?: Record<string, string> }} Options */

/** The base of the API, whatever prefix the page is served under: the page is at `{base}/ui/`. */
export const base = new URL("..", document.baseURI).href.replace(/\/$/, "");

/** What a request came to when it did not succeed. `status` 0: no answer came. */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {string} detail
   * @param {{ code?: string, faults?: Fault[], requestId?: string, retryAfterSeconds?: number }} [more]
   */
  constructor(status, detail, more = {}) {
    super(detail);
    this.status = status;
    this.code = more.code ?? "";
    this.faults = more.faults ?? [];
    this.requestId = more.requestId ?? "";
    this.retryAfterSeconds = more.retryAfterSeconds ?? 0;
  }
}

/** @type {Set<() => void>} */
const whenSignedOut = new Set();

/**
 * Be called when an answer says that nobody is signed in (any more).
 * @param {() => void} listener
 */
export function onSignedOut(listener) {
  whenSignedOut.add(listener);
}

/**
 * The address of a route.
 * @param {string} path below the base, beginning with a slash
 * @param {Query} [query] null, undefined and empty texts are left out
 */
export function addressOf(path, query = {}) {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (Array.isArray(value)) value.forEach((each) => given.append(name, each));
    else if (value !== null && value !== undefined && value !== "") given.append(name, String(value));
  }
  const text = given.toString();
  return `${base}${path}${text ? `?${text}` : ""}`;
}

/**
 * Ask for something. Rejects with an `ApiError`, or with an `AbortError` when it was given up.
 * @param {string} path
 * @param {Options} [options]
 * @returns {Promise<any>}
 */
export async function ask(path, options = {}) {
  const { method = "GET", query, body, signal, headers = {} } = options;
  let answer;
  try {
    answer = await fetch(addressOf(path, query), {
      method,
      signal,
      credentials: "same-origin",
      headers: { Accept: "application/json", ...(body === undefined ? {} : { "Content-Type": "application/json" }), ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "");
  }
  if (answer.ok) return answer.json();
  const problem = await answer.json().catch(() => ({}));
  if (answer.status === 401 && path !== "/session") whenSignedOut.forEach((listener) => listener());
  throw new ApiError(answer.status, problem.detail ?? answer.statusText, {
    code: problem.code,
    faults: problem.errors,
    requestId: problem.request_id,
    retryAfterSeconds: Number(answer.headers.get("Retry-After") ?? 0),
  });
}

/** @param {string} path @param {Query} [query] @param {AbortSignal} [signal] */
export const read = (path, query, signal) => ask(path, { query, signal });
/** @param {string} path @param {unknown} [body] @param {Record<string, string>} [headers] */
export const send = (path, body, headers) => ask(path, { method: "POST", body, headers });

/** A key by which a request can be sent again. (`crypto.randomUUID` is there over HTTPS alone.) */
export const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (each) => each.toString(16).padStart(2, "0")).join("");

/** @param {string} id */
export const taskPath = (id) => `/tasks/${encodeURIComponent(id)}`;
/** @param {string} id */
export const executionPath = (id) => `/executions/${encodeURIComponent(id)}`;

/**
 * A request as a line for a shell. The token is taken from a variable: none stands in what is copied.
 * @param {string} path
 * @param {Options} [options]
 */
export function asCurl(path, { method = "GET", query, body } = {}) {
  const parts = ["curl"];
  if (method !== "GET") parts.push("-X", method);
  parts.push(quoted(addressOf(path, query)), "-H", '"Authorization: Bearer $TOKEN"');
  if (body !== undefined) parts.push("-H", "'Content-Type: application/json'", "-d", quoted(JSON.stringify(body)));
  return parts.join(" ");
}

/** @param {string} text */
const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;
