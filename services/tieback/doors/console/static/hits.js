// What was found, with bars of what each step gave.

import { vote } from "./api.js";
import { h, marked, number, say } from "./dom.js";
import { heading, passage, thumbnail } from "./passage.js";

export function hits(result, asked, about) {
  const best = highest(result.hits);
  const list = h("ol", { class: "hits" }, result.hits.map((one, place) => row(one, place, asked, about, best)));
  list.addEventListener("keydown", (event) => move(list, event));
  document.addEventListener("keydown", function jump(event) {
    if (!list.isConnected) return document.removeEventListener("keydown", jump);
    if (event.key === "j" && !event.target.closest("input, textarea, select, dialog, .hits")) list.firstElementChild?.focus();
  });
  return h("section", { "aria-label": "Passages" },
    h("h2", {}, result.hits.length ? `${result.hits.length} passages` : "Nothing was found"), list);
}

function highest(found) {
  const best = {};
  for (const one of found) {
    for (const { stage, score } of one.hit.stages) if (score !== null) best[stage] = Math.max(best[stage] ?? 0, Math.abs(score));
  }
  return best;
}

function row(one, place, asked, about, best) {
  const { hit } = one;
  const open = () => passage(hit, asked.collection);
  return h("li", {
    class: one.below_floor ? "hit below" : "hit", tabindex: 0,
    onkeydown: (event) => { if (event.target === event.currentTarget && (event.key === "o" || event.key === "Enter")) open(); },
  },
  h("div", { class: "top" },
    h("span", { class: "place" }, place + 1),
    h("button", { type: "button", class: "title", onclick: open }, hit.item_title || hit.item_id),
    h("span", { class: "quiet" }, `§ ${hit.section_id}`, heading(hit)),
    h("span", { class: "relevance", title: "how likely it bears on the query" }, one.relevance === null ? "" : `relevance ${number(one.relevance, 2)}`),
    about.votes && asked.text && votes(hit, asked)),
  h("div", { class: "body" },
    hit.modality === "image" && thumbnail(hit, asked.collection),
    h("p", {}, snippet(hit))),
  one.below_floor && h("p", { class: "quiet" }, "it probably does not bear on the query"),
  hit.also_in?.length > 0 && h("p", { class: "quiet" }, `also in: ${hit.also_in.map((other) => other.item_id).join(", ")}`),
  h("div", { class: "bars" }, hit.stages.filter((each) => each.score !== null).map((each) => bar(each, best[each.stage])),
    one.signals.slice(0, 4).map((each) => h("span", { class: "quiet" }, `${each.name} ${number(each.contribution, 2)}`))));
}

function bar({ stage, score, rank, kept }, most) {
  return h("span", { class: `bar ${kind(stage)}`, title: `${stage}: ${score}, place ${rank + 1}, ${kept}` },
    h("span", { class: "name" }, stage.replaceAll("_", " ")),
    h("span", { class: "track" }, h("span", { class: "value", style: { width: `${most ? (100 * Math.abs(score)) / most : 0}%` } })),
    h("span", { class: "number" }, `${number(score, 3)} · ${rank + 1}`));
}

export const kind = (stage) => {
  const name = stage.replace("expanded_", "").split(":")[0];
  return { vector_search: "vectors", word_search: "words", merge: "merge", rerank: "rerank", encode: "encode", fuse: "fuse", search: "search", final: "merge" }[name] ?? "other";
};

function snippet(hit) {
  const spans = hit.highlights.map((one) => one.span);
  const text = hit.text || "";
  if (!spans.length) return text.length > 400 ? `${text.slice(0, 400)} …` : text;
  return marked(text, spans, (words) => h("mark", {}, words));
}

function votes(hit, asked) {
  const give = (grade) => async (event) => {
    const place = event.currentTarget;
    await vote({ on: "hit", collection: asked.collection, query: asked.text, item_id: hit.item_id, grade });
    for (const one of place.parentElement.children) one.setAttribute("aria-pressed", String(one === place));
    say("kept");
  };
  return h("span", { class: "votes", role: "group", "aria-label": "Is it relevant?" },
    h("button", { type: "button", class: "plain", "aria-label": "relevant", title: "relevant", onclick: give(1) }, "▲"),
    h("button", { type: "button", class: "plain", "aria-label": "not relevant", title: "not relevant", onclick: give(0) }, "▼"));
}

function move(list, event) {
  const step = { j: 1, k: -1, ArrowDown: 1, ArrowUp: -1 }[event.key];
  const here = event.target.closest(".hit");
  if (!step || !here) return;
  const next = step > 0 ? here.nextElementSibling : here.previousElementSibling;
  next?.focus();
  event.preventDefault();
}
