// The frame of the page: views by the part of the address behind #, keys, theme, token.

import { Failure, get, token } from "./api.js";
import { dialog, h, replace, say } from "./dom.js";
import { asking } from "./asking.js";
import { collections, services } from "./system.js";

const main = document.getElementById("main");
const views = { ask: asking, search: asking, request: asking, collections, services };
let known = null; // what /overview says
let leave = () => {};
let shown = 0; // counts what was asked to be shown: what is overtaken is not shown any more

/** What the caller may see; asked once, and again on `fresh`. */
async function overview(fresh = false) {
  if (!known || fresh) known = await get("overview");
  const { tenant, role } = known.caller;
  replace(document.getElementById("caller"), tenant ? `${tenant} · ${role ?? ""}` : "");
  return known;
}

async function show() {
  const [name, rest = ""] = location.hash.slice(1).split(/[/?](.*)/s);
  const view = views[name] ? name : "ask";
  for (const link of document.querySelectorAll("[data-view]")) {
    if (link.dataset.view === view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const mine = (shown += 1);
  leave();
  leave = () => {};
  try {
    const about = await overview(view === "collections");
    if (mine !== shown) return;
    const place = document.createElement("div");
    place.className = "view";
    main.replaceChildren(place); // a view that is overtaken writes into what is not there any more
    const end = (await views[view](place, { view, rest, about, fresh: () => overview(true) })) ?? (() => {});
    if (mine === shown) leave = end;
    else end();
  } catch (error) {
    if (mine === shown) failed(error);
  }
}

export function failed(error) {
  if (!(error instanceof Failure)) throw error;
  replace(main, h("section", { class: "card wrong", role: "alert" },
    h("h2", {}, error.status === 401 ? "A token is needed" : "That did not work"),
    h("p", {}, error.message),
    error.requestId && h("p", { class: "quiet" }, "request ", h("code", {}, error.requestId)),
    h("p", {},
      error.status === 401
        ? h("button", { type: "button", onclick: askToken }, "Give a token")
        : h("button", { type: "button", onclick: show }, "Try again"))));
  if (error.status === 401) askToken();
}

function askToken() {
  if (document.querySelector("dialog")) return;
  const field = h("input", { type: "password", name: "token", autocomplete: "off", spellcheck: "false", value: token.get() });
  const keep = (event) => {
    event.preventDefault();
    token.set(field.value.trim());
    known = null;
    box.close();
    show();
  };
  const box = dialog("Token",
    h("form", { onsubmit: keep },
      h("label", {}, "The token of this server, as TIEBACK_TOKEN has it", field),
      h("p", { class: "quiet" }, "It is kept until this tab is closed, and sent to this server alone."),
      h("button", { type: "submit" }, "Use it")));
  field.focus();
}

const KEYS = [
  ["/", "to the question"], ["Enter", "ask or search"], ["Shift Enter", "a new line"], ["j · k", "next and previous passage"],
  ["o", "open the passage"], ["1 – 4", "views"], ["t", "dark or light"], ["Escape", "close, or stop an answer"], ["?", "these keys"],
];

function keys() {
  if (document.querySelector("dialog")) return;
  dialog("Keys", h("dl", { class: "keys" }, KEYS.map(([key, text]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, text)])));
}

const THEME = "tieback-theme";

function theme(choice) {
  if (choice) document.documentElement.dataset.theme = choice;
}

function turn() {
  const dark = getComputedStyle(document.documentElement).colorScheme === "dark";
  localStorage.setItem(THEME, dark ? "light" : "dark");
  theme(localStorage.getItem(THEME));
}

document.addEventListener("keydown", (event) => {
  const writing = event.target.closest?.("input, textarea, select");
  if (writing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog")) return;
  const tabs = document.querySelectorAll("[data-view]");
  if (event.key === "/") document.getElementById("question")?.focus();
  else if (event.key === "t") turn();
  else if (event.key === "?") keys();
  else if (tabs[Number(event.key) - 1]) tabs[Number(event.key) - 1].click();
  else return;
  event.preventDefault();
});

theme(localStorage.getItem(THEME));
document.getElementById("theme").addEventListener("click", turn);
document.getElementById("token").addEventListener("click", askToken);
document.getElementById("keys").addEventListener("click", keys);
window.addEventListener("hashchange", show);
window.addEventListener("unhandledrejection", (event) => say(event.reason?.message ?? "something went wrong", true));
show();
