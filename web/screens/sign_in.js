// Signing in: by a token, or by the one-time code of a printed link.

import { ApiError } from "../lib/api.js";
import { html, signal, useState } from "../lib/html.js";
import { linkTo, replaceWith, route } from "../lib/router.js";
import { hasExpired, sessionError, signIn, learnSession } from "../lib/session.js";
import { TextField } from "../parts/fields.js";
import { Fault } from "../parts/states.js";
import { t } from "../texts.js";

const linkFault = signal("");

/** Use the code of a link, if the address holds one, and take it out of the address and the history first. */
export async function signInByLink() {
  const { path, query } = route.value;
  if (path[0] !== "sign-in") return;
  replaceWith(linkTo([]));
  if (!query.code) return;
  try {
    await signIn({ code: query.code });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    linkFault.value = error.status === 0 ? t.states.away : error.message;
  }
}

export function SignIn() {
  const [token, setToken] = useState("");
  const [fault, setFault] = useState("");
  const [isBusy, setBusy] = useState(false);
  /** @param {Event} event */
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    setFault("");
    try {
      await signIn({ token: token.trim() });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401) setFault(t.session.refused);
      else if (error.status === 403) setFault(t.session.noPermission);
      else setFault(error.message || t.states.away);
    } finally {
      setBusy(false);
    }
  };
  return html`<main class="middle" id="content" tabindex="-1">
    <div class="card">
      <h1>${t.product}</h1>
      ${hasExpired.value && html`<p role="status">${t.session.expired}</p>`}
      ${linkFault.value && html`<p role="alert" class="mark bad" style=${{ whiteSpace: "normal" }}>${linkFault.value}</p>`}
      ${sessionError.value && html`<${Fault} error=${sessionError.value} retry=${learnSession} />`}
      <form onSubmit=${submit} class="stack">
        <${TextField} label=${t.session.token} value=${token} onInput=${setToken} type="password" required
          autocomplete="off" hint=${t.session.explain} fault=${fault} />
        <button class="main-action" disabled=${isBusy}>${isBusy ? t.session.signingIn : t.session.signIn}</button>
      </form>
      <p class="soft">${t.session.how}</p>
    </div>
  </main>`;
}
