// Asking and searching: the form, and the answer as it comes.

import { ask, base64, Failure, kept } from "./api.js";
import { h, replace, say } from "./dom.js";
import { Answer } from "./answer.js";
import { behind } from "./behind.js";
import { hits } from "./hits.js";

const LAST = "tieback-collection"; // that was asked last in this tab

export async function asking(main, page) {
  const { about, view, rest } = page;
  const given = new URLSearchParams(view === "request" ? "" : rest);
  const found = h("div", { class: "found" });
  const form = h("form", { class: "card ask" });
  const state = { kind: view === "search" ? "search" : "ask", running: null };
  fill(form, about, given, state);
  replace(main, form, found);
  if (!about.collections.length) {
    replace(found, h("section", { class: "card" }, h("h2", {}, "There is no collection yet"),
      h("p", {}, "Index a folder, and ask it: ", h("code", {}, "tieback index FOLDER"))));
  }
  form.addEventListener("submit", (event) => { event.preventDefault(); run(form, found, state, about); });
  const keys = (event) => {
    if (event.key === "Escape" && state.running && !document.querySelector("dialog")) state.running.abort();
  };
  document.addEventListener("keydown", keys);
  if (view === "request" && rest) await replay(rest, form, found, state, about);
  else if (given.get("q")) run(form, found, state, about);
  else form.elements.text.focus();
  return () => { state.running?.abort(); document.removeEventListener("keydown", keys); };
}

function fill(form, about, given, state) {
  const choices = (name, label, values, chosen = "") => h("label", {}, label,
    h("select", { name }, values.map(([value, text]) => h("option", { value, selected: value === chosen }, text))));
  const methods = (family, first) => [["", first], ...(about.methods[family] ?? []).map((one) => [one, one])];
  const option = (one) => {
    const name = `options.${one.name}`, label = one.name.replaceAll("_", " ");
    const chosen = { bool: [["true", "yes"], ["false", "no"]], choice: one.values.map((value) => [value, value]) }[one.kind];
    const control = one.kind === "MethodChoice" ? choices(name, label, methods(one.family, "as is best"))
      : chosen ? choices(name, label, [["", "as is best"], ...chosen])
      : h("label", {}, label, one.range
        ? h("input", { name, type: "number", min: one.range[0], max: one.range[1], step: one.kind === "int" ? 1 : "any", placeholder: "as is best" })
        : h("input", { name, placeholder: "none", spellcheck: "false" }));
    control.title = one.description;
    return control;
  };
  const question = h("textarea", {
    id: "question", name: "text", rows: 2, maxlength: 10000, "aria-label": "Question or words",
    placeholder: state.kind === "ask" ? "Ask a question" : "Search for words, or add a photo",
    onkeydown: (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      form.requestSubmit();
    },
  });
  question.value = given.get("q") ?? "";
  replace(form,
    h("div", { class: "row" }, question,
      h("button", { type: "submit", class: "go" }, state.kind === "ask" ? "Ask" : "Search")),
    h("div", { class: "row options" },
      choices("collection", "in", about.collections.map((one) => [one.name, `${one.name} (${one.item_count})`]), given.get("c") ?? sessionStorage.getItem(LAST) ?? ""),
      state.kind === "ask" && choices("style", "answer", [["auto", "as is best"], ["quote", "quoted"], ["write", "written"]]),
      h("details", {}, h("summary", {}, "More"),
        h("div", { class: "row options" },
          h("label", {}, "photo", h("input", { type: "file", name: "image", accept: "image/*" })),
          h("label", {}, "sound", h("input", { type: "file", name: "audio", accept: "audio/*" })),
          h("label", {}, "filter", h("input", { name: "filter", placeholder: "year > 2000", spellcheck: "false" })),
          h("label", {}, "passages", h("input", { name: "limit", type: "number", min: 1, max: 100, value: 10 })),
          about.options.map(option),
          state.kind === "ask" && [
            choices("strategy", "strategy", methods("decoding", "the server's")),
            choices("repair", "repair", [["none", "none"], ["drop", "drop"], ["rewrite", "rewrite"]]),
            h("label", { class: "check" }, h("input", { type: "checkbox", name: "twin" }), "plain beside it")]))));
}

const numbers = (text) => Object.fromEntries(text.split(",").map((part) => part.split("=")).map(([name, value]) => [name.trim(), Number(value)]));
const typed = (one, value) => (one.kind === "bool" ? value === "true" : one.kind === "Mapping" ? numbers(value) : one.range ? Number(value) : value);

async function body(form, kind, about) {
  const field = (name) => form.elements[name];
  sessionStorage.setItem(LAST, field("collection").value);
  const asked = { collection: field("collection").value, text: field("text").value.trim(), limit: Number(field("limit").value) || 10 };
  for (const name of ["image", "audio"]) if (field(name).files[0]) asked[name] = await base64(field(name).files[0]);
  for (const name of ["filter", "style", "strategy"]) if (field(name)?.value) asked[name] = field(name).value;
  const chosen = about.options.map((one) => [one, field(`options.${one.name}`).value]).filter(([, value]) => value !== "");
  if (chosen.length) asked.options = Object.fromEntries(chosen.map(([one, value]) => [one.name, typed(one, value)]));
  if (kind === "ask") {
    if (field("repair").value !== "none") asked.repair = field("repair").value;
    if (field("twin").checked) asked.twin = true;
  }
  return asked;
}

async function run(form, found, state, about) {
  state.running?.abort();
  const running = new AbortController();
  state.running = running;
  form.classList.add("busy");
  replace(found, h("p", { class: "quiet" }, "…"));
  try {
    await follow(await ask(state.kind, await body(form, state.kind, about), running.signal), found, about);
  } catch (error) {
    if (error.name === "AbortError") say("stopped");
    else if (error instanceof Failure) refused(found, error);
    else throw error;
  } finally {
    if (state.running === running) { state.running = null; form.classList.remove("busy"); }
  }
}

async function replay(id, form, found, state, about) {
  try {
    await follow(await kept(id), found, about, (asked) => {
      state.kind = asked.kind;
      fill(form, about, new URLSearchParams({ q: asked.text ?? "", c: asked.collection }), state);
    });
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    refused(found, error);
  }
}

/** Shows lines as they come: what was asked, what was found, the answer. */
async function follow(lines, found, about, begun = () => {}) {
  const places = { answer: h("div", {}), hits: h("div", {}), behind: h("div", {}) };
  let asked = {}, answer = null, result = null;
  for await (const line of lines) {
    if (line.event === "asked") {
      asked = line;
      begun(asked);
      if (found.isConnected) history.replaceState(null, "", `#request/${encodeURIComponent(asked.request_id)}`);
      replace(found, places.answer, places.hits, places.behind);
      if (asked.kind === "ask") answer = new Answer(asked, about, (id) => show(id));
    } else if (line.event === "retrieval") {
      result = line.result;
      if (answer) answer.hits = result.hits;
      replace(places.hits, hits(result, asked, about));
      replace(places.behind, behind(result, null, asked));
    } else if (line.event === "error") {
      answer.broken = line.error;
    } else {
      answer.add(line);
      if (line.event === "finish" && result) replace(places.behind, behind(result, line, asked));
    }
    if (answer) replace(places.answer, answer.view());
  }
  if (answer && !answer.finish && !answer.broken) {
    answer.broken = { message: "the answer broke off; it is not complete" };
    replace(places.answer, answer.view());
  }

  function show(id) {
    const place = places.hits.querySelectorAll(".hit")[Number(id.split(".")[0]) - 1];
    place?.scrollIntoView({ block: "nearest" });
    place?.classList.add("lit");
    setTimeout(() => place?.classList.remove("lit"), 1500);
  }
}

function refused(found, error) {
  replace(found, h("section", { class: "card wrong", role: "alert" }, h("p", {}, error.field && [h("code", {}, error.field), ": "], error.message),
    error.requestId && h("p", { class: "quiet" }, "request ", h("code", {}, error.requestId))));
}
