// What was done for an answer: the steps as a waterfall, what they left out, the weights of the spaces.

import { h, milliseconds, number } from "./dom.js";
import { kind } from "./hits.js";

export function behind(result, finish, asked) {
  const timing = result.timing;
  return h("details", { class: "card behind", open: asked.kind === "search" }, h("summary", {}, `How it was found, in ${milliseconds(timing.total)}`),
    plan(result.plan), routing(result.routing), result.labels.length > 0 && labels(result.labels),
    h("h3", {}, "Steps"), waterfall(timing),
    finish && [h("h3", {}, `The answer, ${milliseconds(finish.timing.total)}`), waterfall(finish.timing)],
    h("p", { class: "quiet" }, "request ", h("code", {}, asked.request_id)));
}

function plan(known) {
  const used = known.options;
  const by = (name) => (used[name] && used[name].name !== "none" ? used[name].name : "");
  const said = [used.hybrid && by("rank_fusion") ? `words and vectors, merged by ${by("rank_fusion")}` : by("vector_search") ? "vectors" : "words alone"];
  if (by("reranker")) said.push(`reranked by ${by("reranker")}`);
  if (by("ranker")) said.push(`ordered by the ranker ${by("ranker")}`);
  if (by("query_expansion")) said.push(`expanded by ${by("query_expansion")}`);
  if (used.diversity) said.push(`diversity ${used.diversity}`);
  if (used.granularity === "document") said.push("whole documents");
  if (known.skipped_reranker) said.push(`${known.skipped_reranker.name} was left out for want of time`);
  return h("p", {}, said.join(" · "));
}

function routing(known) {
  const weights = Object.entries(known.weights);
  if (!weights.length) return null;
  return [
    h("h3", {}, "Weights of the spaces"),
    h("div", { class: "weights" }, weights.map(([space, weight], place) =>
      h("span", { class: `weight w${place % 6}`, style: { "flex-grow": String(Math.max(weight, 0.02)) }, title: `${space}: ${weight}` },
        `${space} ${number(weight, 2)}`))),
    known.projections.length > 0 && h("p", { class: "quiet" }, known.projections.join(" · ")),
    known.missing.length > 0 && h("p", { class: "wrong" }, "missing: ",
      known.missing.map((one) => `${one} (${known.reasons[one] ?? "?"})`).join(", "),
      known.expected_recall_loss ? `; it may cost ${number(known.expected_recall_loss, 1)} points of recall` : ""),
  ];
}

const labels = (known) => h("p", {}, "taken for: ", known.slice(0, 5).map((one) => `${one.name} ${number(100 * one.probability)} %`).join(", "));

function waterfall(timing) {
  const scale = timing.total > 0 ? 100 / timing.total : 0;
  return h("table", { class: "waterfall" },
    h("thead", { class: "unseen" }, h("tr", {}, ["step", "when", "time", "sections", "left out"].map((one) => h("th", {}, one)))),
    h("tbody", {}, timing.stages.map((one) => h("tr", {},
      h("th", { scope: "row", class: one.within ? "within" : "" }, one.name),
      h("td", { class: "when" }, h("span", {
        class: `span ${kind(one.name)}`,
        style: { "margin-left": `${Math.min(one.begin * scale, 99)}%`, width: `${Math.max(Math.min(one.seconds * scale, 100), 0.6)}%` },
      })),
      h("td", { class: "number" }, milliseconds(one.seconds)),
      h("td", { class: "number" }, one.candidates_in ? `${number(one.candidates_in)} → ${number(one.candidates_out)}` : ""),
      h("td", { class: "quiet" }, remarks(one))))));
}

function remarks(stage) {
  const said = stage.queue >= 0.0001 ? [`${milliseconds(stage.queue)} waiting`] : [];
  if (stage.structure && stage.structure !== "none") said.push(`by ${stage.structure}`);
  for (const one of stage.dropped) {
    const best = one.best.map((each) => `${each.item_id} § ${each.section_id} (${number(each.score, 3)})`).join(", ");
    said.push(h("span", { title: best }, `${number(one.count)} ${one.reason}`));
  }
  return said.flatMap((one, place) => (place ? [", ", one] : [one]));
}
